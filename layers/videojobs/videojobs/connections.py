"""The edge: clients of AWS, made once and kept while the function is warm, and the API, which is connected to anew.

The clients of AWS keep connections, which may die while a function is frozen. botocore then tries again: its
retries include ConnectionError and ConnectionClosedError (https://docs.aws.amazon.com/boto3/latest/guide/retries.html).
Every call of the functions to AWS may be made twice: a write to DynamoDB sets the same values again, an execution has a
name, and a notice or an event may come twice.
"""

from functools import cache, partial
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools.utilities.parameters import get_secret
from botocore.config import Config

from videojobs.api.budget import Limit
from videojobs.api.client import VideoInferenceApi
from videojobs.api.session import open_session
from videojobs.api.turns import SharedTurns, Turns, UnlimitedTurns
from videojobs.jobs.ends import JobEnds
from videojobs.jobs.ledger import Ledger
from videojobs.notices.notices import NoticesTopic
from videojobs.notices.share_links import ShareLinks
from videojobs.settings import ApiClientSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

API_KEY_CACHE_SECONDS = 300
"""How long a changed API key takes to arrive."""

SHARE_KEY_CACHE_SECONDS = 60
"""How long links go on working after their key was changed."""


def connect_api(settings: ApiClientSettings) -> VideoInferenceApi:
    """The API with the key that the secret holds, and turns from the budget that all functions share."""
    api_key = get_secret(settings.api_key_secret, max_age=API_KEY_CACHE_SECONDS)
    turns = _open_turns(settings)
    return VideoInferenceApi(settings.api_url, str(api_key), partial(open_session, settings.api_url), turns)


def _open_turns(settings: ApiClientSettings) -> Turns:
    if not settings.api_requests_per_minute:
        return UnlimitedTurns()
    limit = Limit(settings.api_requests_per_minute, settings.api_minute_seconds)
    return SharedTurns(_open_table(settings.budget_table), limit)


def read_share_links(share_key_secret: str, share_url: str, *, anew: bool = False) -> ShareLinks:
    """Links signed with the key that the secret holds; `anew`, with the one that it holds now."""
    key = get_secret(share_key_secret, max_age=SHARE_KEY_CACHE_SECONDS, force_fetch=anew)
    return ShareLinks(str(key), share_url)


@cache
def open_ledger(table_name: str) -> Ledger:
    return Ledger(_open_table(table_name))


@cache
def open_ends(table_name: str) -> JobEnds:
    return JobEnds(boto3.client("events"), open_ledger(table_name))


@cache
def open_topic(topic_arn: str) -> NoticesTopic:
    return NoticesTopic(boto3.client("sns"), topic_arn)


@cache
def connect_s3() -> "S3Client":
    """S3 with presigned URLs in the bucket's own region (path style or SigV2 would sign for the global endpoint)."""
    return boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


@cache
def connect_sqs() -> "SQSClient":
    return boto3.client("sqs")


@cache
def connect_sfn() -> "SFNClient":
    return boto3.client("stepfunctions")


@cache
def _open_table(name: str) -> "Table":
    return boto3.resource("dynamodb").Table(name)
