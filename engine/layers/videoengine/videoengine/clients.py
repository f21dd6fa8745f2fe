"""AWS clients, created on first use and kept while the function is warm."""

import functools
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from videoengine.metering import S3_METER
from videoengine.tls import read_authorities_once

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

CONNECTIONS = 42
"""Maximum number of simultaneous connections to S3: merging reads ahead while it uploads."""

CALLS_AT_ONCE = 16
"""Maximum number of simultaneous calls of functions."""

read_authorities_once()


def warm_up() -> None:
    """Creates the client that all steps need."""
    s3()


@functools.cache
def s3() -> "S3Client":
    # Presigned URLs need Signature Version 4, which must be set explicitly, and the bucket's regional host: the global
    # host redirects, which makes the signature invalid.
    client = boto3.client(
        "s3",
        config=Config(max_pool_connections=CONNECTIONS, signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )
    client.meta.events.register("before-send.s3", S3_METER.count)
    return client


@functools.cache
def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb")


@functools.cache
def stepfunctions() -> "SFNClient":
    return boto3.client("stepfunctions")


@functools.cache
def lambda_() -> "LambdaClient":
    # Only for calls that a job can do without, so none waits long or is repeated.
    config = Config(
        connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}, max_pool_connections=CALLS_AT_ONCE
    )
    return boto3.client("lambda", config=config)
