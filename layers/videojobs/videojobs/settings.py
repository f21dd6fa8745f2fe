"""The settings that each function reads from its environment. All of them are required.

A field's name in capitals is the variable's name, so that a test can compare the fields with the template's variables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from videojobs.api.accepted_videos import is_hosted
from videojobs.api.budget import PATIENCE_SECONDS
from videojobs.jobs.remedies import UploadsPlace
from videojobs.jobs.stack_options import StackOptions

HOSTED_POLL_SECONDS_MIN = 60
"""The hosted API asks clients to poll a job at most once a minute."""

POLLS_MAX = 2_500
"""A Standard workflow ends at 25,000 history events, and a poll takes 9, so the deadline must come before this many."""

POLLS_WITH_TURNS_MAX = 1_330
"""The same limit if each poll may have to wait for its turn at the API, which doubles its events."""


@dataclass(frozen=True, kw_only=True)
class ApiClientSettings:
    """The settings of functions that send requests to the API.

    Attributes:
        api_requests_per_minute: The limit on requests of all functions together; 0 for none.
        api_minute_seconds: The length of that minute. Only tests set it below 60, to save time.
    """

    api_url: str
    api_key_secret: str
    api_requests_per_minute: int
    api_minute_seconds: float
    budget_table: str


@dataclass(frozen=True, kw_only=True)
class ShareSettings:
    """The settings of functions that share a job's outputs by a link."""

    jobs_table: str
    results_bucket: str
    share_key_secret: str
    share_url: str


@dataclass(frozen=True, kw_only=True)
class NoticeSettings:
    """The settings of functions that send notices.

    Attributes:
        notices: Which notices are sent, and when: `each`, `digest` or `problems`.
    """

    notices: str
    notices_topic_arn: str
    pending_notices_table: str


@dataclass(frozen=True, kw_only=True)
class DoneNoticeSettings(NoticeSettings, ShareSettings):
    """The settings of functions that send a notice about outputs, with a share link."""

    share_link_days: float
    retention_days: int


@dataclass(frozen=True, kw_only=True)
class CreateJobSettings(ApiClientSettings, NoticeSettings, StackOptions):
    """The environment of `create_job`, where `prefix_routes` is the name of a parameter in Parameter Store.

    Attributes:
        upload_extensions: The objects that are uploads, as `UploadFilter.parse` reads it.
        uploads_prefix: What the keys of all uploads begin with.
    """

    poll_seconds: int
    deadline_hours: float
    jobs_table: str
    idempotency_table: str
    results_bucket: str
    state_machine_arn: str
    upload_extensions: str
    uploads_prefix: str
    uploads_queue_url: str

    @property
    def place(self) -> UploadsPlace:
        """Where uploads lie."""
        return UploadsPlace(self.uploads_prefix, self.existing_bucket == "true")


@dataclass(frozen=True, kw_only=True)
class CheckJobSettings(ApiClientSettings):
    """The environment of `check_job`."""

    jobs_table: str


@dataclass(frozen=True, kw_only=True)
class DeliverResultsSettings(ApiClientSettings, DoneNoticeSettings):
    """The environment of `deliver_results`."""

    outputs: str


@dataclass(frozen=True, kw_only=True)
class AnnotateVideoSettings:
    """The environment of `annotate_video`."""

    results_bucket: str


@dataclass(frozen=True, kw_only=True)
class MakeDatasetSettings:
    """The environment of `make_dataset`."""

    results_bucket: str


@dataclass(frozen=True, kw_only=True)
class RecordMediaSettings(DoneNoticeSettings):
    """The environment of `record_media`."""


@dataclass(frozen=True, kw_only=True)
class OpenShareLinkSettings(ShareSettings):
    """The environment of `open_share_link`."""


@dataclass(frozen=True, kw_only=True)
class ReportFailureSettings(NoticeSettings):
    """The environment of `report_failure`."""

    jobs_table: str


@dataclass(frozen=True, kw_only=True)
class SendDigestSettings:
    """The environment of `send_digest`."""

    pending_notices_table: str
    share_key_secret: str
    share_link_days: float
    share_url: str


def read_settings[T](kind: Callable[..., T], environment: Mapping[str, str]) -> T:
    """Reads an object of the dataclass `kind`: each field from the variable that has its name in capitals.

    Raises:
        KeyError: A variable is missing.
        ValueError: A variable should be a number and isn't.
    """
    read: dict[Any, Callable[[str], Any]] = {str: str, int: int, float: float}
    return kind(**{field.name: read[field.type](environment[field.name.upper()]) for field in fields(kind)})  # type: ignore[arg-type]


def limit_poll_seconds(api_url: str, poll_seconds: int) -> int:
    """Returns the seconds between polls: `poll_seconds`, but at least a minute for the hosted API."""
    return max(poll_seconds, HOSTED_POLL_SECONDS_MIN) if is_hosted(api_url) else poll_seconds


def limit_deadline_seconds(deadline_hours: float, poll_seconds: int, *, takes_turns: bool) -> int:
    """Returns how long a job may take: `deadline_hours`, limited by the execution's history.

    Args:
        takes_turns: Whether the state machine may have to wait for a poll's turn.
    """
    reach = POLLS_MAX * poll_seconds
    if takes_turns:
        reach = min(reach, POLLS_WITH_TURNS_MAX * (poll_seconds + int(PATIENCE_SECONDS)))
    return min(round(deadline_hours * 3600), reach)
