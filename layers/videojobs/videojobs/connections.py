"""AWS clients, which are created once and kept while the function is warm, and the API's client.

AWS clients keep connections, which may die while a function is frozen. botocore then tries again: its retries include
ConnectionError and ConnectionClosedError (https://docs.aws.amazon.com/boto3/latest/guide/retries.html). So every call
must be safe to repeat: a write to DynamoDB sets the same values again, an execution has a fixed name, and a notice or
an event may be sent twice.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, cast

import boto3
from aws_lambda_powertools.utilities.parameters import get_parameter, get_secret
from botocore.config import Config

from videojobs.api.accepted_videos import AcceptedVideos
from videojobs.api.budget import Limit
from videojobs.api.client import VideoInferenceApi
from videojobs.api.session import open_session
from videojobs.api.turns import SharedTurns, Turns, UnlimitedTurns
from videojobs.jobs.ends import JobEnds
from videojobs.jobs.intake import Intake, UploadFilter
from videojobs.jobs.ledger import Ledger
from videojobs.notices.notices import NoticesTopic
from videojobs.notices.pending_notices import PendingNotices
from videojobs.notices.sender import Mode, NoticeSender
from videojobs.notices.share_links import ShareLinks
from videojobs.settings import ApiClientSettings, CreateJobSettings, NoticeSettings, read_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

API_KEY_CACHE_SECONDS = 300
"""How long a warm function keeps using the old API key after a change."""

SHARE_KEY_CACHE_SECONDS = 60
"""How long links keep working after their key has changed."""

PREFIX_ROUTES_CACHE_SECONDS = 60
"""How long a warm function keeps using the old options by prefix after an update of the stack."""


def read_create_job_settings(environment: Mapping[str, str]) -> CreateJobSettings:
    """Reads the settings of `create_job`. `PREFIX_ROUTES` names a parameter in Parameter Store, which has the value."""
    settings = read_settings(CreateJobSettings, environment)
    routes = get_parameter(settings.prefix_routes, max_age=PREFIX_ROUTES_CACHE_SECONDS)
    return replace(settings, prefix_routes=str(routes))


def connect_api(settings: ApiClientSettings) -> VideoInferenceApi:
    """Returns the API's client, with the secret's key, and turns from the budget that all functions share."""
    api_key = get_secret(settings.api_key_secret, max_age=API_KEY_CACHE_SECONDS)
    turns: Turns = UnlimitedTurns()
    if settings.api_requests_per_minute:
        limit = Limit(settings.api_requests_per_minute, settings.api_minute_seconds)
        turns = SharedTurns(_open_table(settings.budget_table), limit)
    return VideoInferenceApi(settings.api_url, str(api_key), partial(open_session, settings.api_url), turns)


def connect_accepted_videos(settings: ApiClientSettings) -> AcceptedVideos:
    return AcceptedVideos(connect_api(settings), settings.api_url, _open_table(settings.budget_table))


def read_share_links(share_key_secret: str, share_url: str, *, force_fetch: bool = False) -> ShareLinks:
    """Returns links that are signed with the secret's key; with `force_fetch`, not with a cached one."""
    key = get_secret(share_key_secret, max_age=SHARE_KEY_CACHE_SECONDS, force_fetch=force_fetch)
    return ShareLinks(str(key), share_url)


@cache
def open_ledger(table_name: str) -> Ledger:
    return Ledger(_open_table(table_name))


def open_intake(settings: CreateJobSettings) -> Intake:
    """Returns what reads the messages of the uploads queue."""
    uploads, ledger = UploadFilter.parse(settings.upload_extensions), open_ledger(settings.jobs_table)
    return Intake(uploads, settings.results_bucket, ledger)


@cache
def open_ends(table_name: str) -> JobEnds:
    return JobEnds(boto3.client("events"), open_ledger(table_name))


def open_sender(settings: NoticeSettings) -> NoticeSender:
    """Returns what sends notices as the stack's parameter `Notices` says."""
    topic, pending = open_topic(settings.notices_topic_arn), open_pending_notices(settings.pending_notices_table)
    return NoticeSender(topic, pending, cast(Mode, settings.notices))


@cache
def open_topic(topic_arn: str) -> NoticesTopic:
    return NoticesTopic(boto3.client("sns"), topic_arn)


@cache
def open_pending_notices(table_name: str) -> PendingNotices:
    return PendingNotices(_open_table(table_name))


@cache
def connect_s3() -> "S3Client":
    """Returns a client that presigns URLs for the bucket's region; path style or SigV2 use the global endpoint."""
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
