"""Typed AWS clients that share one session."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from videoinfer.verbosity import log_requests

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


class AwsClients:
    """Clients of the AWS services that the command line uses. Each is created on first use.

    Args:
        session: Credentials, region and client settings.
        endpoint_url: The endpoint of an emulator; None for AWS itself.
        config: Timeouts and retries. None means botocore's defaults, which wait for minutes.
    """

    def __init__(
        self, session: boto3.Session, endpoint_url: str | None = None, *, config: Config | None = None
    ) -> None:
        log_requests(session)
        self._session = session
        self._settings: Any = {"endpoint_url": endpoint_url, "config": config or Config()}

    @cached_property
    def athena(self) -> Any:
        return self._session.client("athena", **self._settings)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return self._session.client("cloudformation", **self._settings)

    @cached_property
    def cloudwatch(self) -> Any:
        return self._session.client("cloudwatch", **self._settings)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return self._session.client("dynamodb", **self._settings)

    @cached_property
    def _tables(self) -> DynamoDBServiceResource:
        return self._session.resource("dynamodb", **self._settings)

    def open_table(self, name: str) -> Table:
        """A DynamoDB table, as a boto3 resource like in the functions. It takes and returns Python values."""
        return self._tables.Table(name)

    @cached_property
    def events(self) -> EventBridgeClient:
        return self._session.client("events", **self._settings)

    @cached_property
    def iam(self) -> Any:
        return self._session.client("iam", **self._settings)

    @cached_property
    def kms(self) -> Any:
        return self._session.client("kms", **self._settings)

    @cached_property
    def lambda_(self) -> LambdaClient:
        return self._session.client("lambda", **self._settings)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return self._session.client("logs", **self._settings)

    @cached_property
    def s3(self) -> S3Client:
        # By default, botocore signs URLs with the outdated signature version 2.
        config = self._settings["config"].merge(Config(signature_version="s3v4"))
        return self._session.client("s3", **{**self._settings, "config": config})

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        return self._session.client("secretsmanager", **self._settings)

    @cached_property
    def sns(self) -> SNSClient:
        return self._session.client("sns", **self._settings)

    @cached_property
    def sqs(self) -> SQSClient:
        return self._session.client("sqs", **self._settings)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        return self._session.client("stepfunctions", **self._settings)
