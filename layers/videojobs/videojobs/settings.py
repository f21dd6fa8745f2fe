"""What each function reads from its environment: one typed object a function, all variables required.

A field's name in capitals is the variable's name, so the lists can be compared with the template's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

HOSTED_API_URL = "https://api.roboflow.com"
HOSTED_POLL_SECONDS_MIN = 60
"""The hosted API asks clients to poll a job at most once a minute."""

POLLS_MAX = 2_500
"""A Standard workflow ends at 25,000 history events and a poll takes 9: the deadline must come before this many."""


@dataclass(frozen=True)
class CreateJobSettings:
    """The environment of `create_job`."""

    api_url: str
    api_key_secret: str
    default_models: str
    default_infer_fps: float
    prefix_routes: str
    input_mode: str
    annotate: str
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
    jobs_table: str


@dataclass(frozen=True)
class DeliverResultsSettings:
    """The environment of `deliver_results`."""

    api_url: str
    api_key_secret: str
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


def limit_deadline_seconds(deadline_hours: float, poll_seconds: int) -> int:
    """How long a job may take: what is asked for, as far as the workflow's history reaches."""
    return min(round(deadline_hours * 3600), POLLS_MAX * poll_seconds)
