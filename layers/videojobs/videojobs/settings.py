"""What each function reads from its environment: one typed object a function, all variables required.

A field's name in capitals is the variable's name, so the lists can be compared with the template's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from videojobs.api.budget import PATIENCE_SECONDS
from videojobs.jobs.stack_options import StackOptions

HOSTED_API_URL = "https://api.roboflow.com"
HOSTED_POLL_SECONDS_MIN = 60
"""The hosted API asks clients to poll a job at most once a minute."""

POLLS_MAX = 2_500
"""A Standard workflow ends at 25,000 history events and a poll takes 9: the deadline must come before this many."""

POLLS_WITH_TURNS_MAX = 1_330
"""As many polls with twice as many events, for each may have to wait for its turn at the API."""


class ApiSettings(Protocol):
    """What every function that asks the API has to know of it.

    Attributes:
        api_requests_per_minute: 0 for no limit.
        api_minute_seconds: A minute, except in a test that has less time.
    """

    @property
    def api_url(self) -> str: ...
    @property
    def api_key_secret(self) -> str: ...
    @property
    def api_requests_per_minute(self) -> int: ...
    @property
    def api_minute_seconds(self) -> float: ...
    @property
    def budget_table(self) -> str: ...


@dataclass(frozen=True)
class CreateJobSettings(StackOptions):
    """The environment of `create_job`."""

    api_url: str
    api_key_secret: str
    api_requests_per_minute: int
    api_minute_seconds: float
    budget_table: str
    poll_seconds: int
    deadline_hours: float
    jobs_table: str
    idempotency_table: str
    notices_topic_arn: str
    state_machine_arn: str
    uploads_queue_url: str


@dataclass(frozen=True)
class CheckJobSettings:
    """The environment of `check_job`."""

    api_url: str
    api_key_secret: str
    api_requests_per_minute: int
    api_minute_seconds: float
    budget_table: str
    jobs_table: str


@dataclass(frozen=True)
class DeliverResultsSettings:
    """The environment of `deliver_results`."""

    api_url: str
    api_key_secret: str
    api_requests_per_minute: int
    api_minute_seconds: float
    budget_table: str
    jobs_table: str
    results_bucket: str
    notices_topic_arn: str
    share_key_secret: str
    share_url: str
    share_link_days: float
    outputs: str
    retention_days: int


@dataclass(frozen=True)
class AnnotateVideoSettings:
    """The environment of `annotate_video`."""

    results_bucket: str


@dataclass(frozen=True)
class RecordAnnotationSettings:
    """The environment of `record_annotation`."""

    jobs_table: str
    results_bucket: str
    notices_topic_arn: str
    share_key_secret: str
    share_url: str
    share_link_days: float
    retention_days: int


@dataclass(frozen=True)
class OpenShareLinkSettings:
    """The environment of `open_share_link`."""

    jobs_table: str
    results_bucket: str
    share_key_secret: str
    share_url: str


@dataclass(frozen=True)
class ReportFailureSettings:
    """The environment of `report_failure`."""

    jobs_table: str
    notices_topic_arn: str


def read_settings[T](kind: Callable[..., T], environment: Mapping[str, str]) -> T:
    """An object of the dataclass `kind`, each field read from the variable that has its name in capitals.

    Raises:
        KeyError: a variable is missing.
        ValueError: a number is not one.
    """
    read: dict[Any, Callable[[str], Any]] = {str: str, int: int, float: float}
    return kind(**{field.name: read[field.type](environment[field.name.upper()]) for field in fields(kind)})  # type: ignore[arg-type]


def limit_poll_seconds(api_url: str, poll_seconds: int) -> int:
    """How long to wait between polls: what is asked for, on the hosted API at least a minute."""
    return max(poll_seconds, HOSTED_POLL_SECONDS_MIN) if api_url.rstrip("/") == HOSTED_API_URL else poll_seconds


def limit_deadline_seconds(deadline_hours: float, poll_seconds: int, *, takes_turns: bool) -> int:
    """How long a job may take: what is asked for, as far as the workflow's history reaches.

    Args:
        takes_turns: Whether a poll may have to wait for its turn, in the state machine then and not for a moment only.
    """
    reach = POLLS_MAX * poll_seconds
    if takes_turns:
        reach = min(reach, POLLS_WITH_TURNS_MAX * (poll_seconds + int(PATIENCE_SECONDS)))
    return min(round(deadline_hours * 3600), reach)
