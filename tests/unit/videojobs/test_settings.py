"""Settings come from the environment, within the limits of the hosted API and Step Functions."""

import pytest

from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.settings import (
    POLLS_MAX,
    POLLS_WITH_TURNS_MAX,
    ReportFailureSettings,
    limit_deadline_seconds,
    limit_poll_seconds,
    read_settings,
)


def test_every_field_is_read_from_the_variable_of_its_name() -> None:
    variables = {
        "JOBS_TABLE": "jobs",
        "NOTICES": "each",
        "NOTICES_TOPIC_ARN": "arn",
        "PENDING_NOTICES_TABLE": "pending",
    }
    settings = read_settings(ReportFailureSettings, {**variables, "HOME": "/"})
    assert settings == ReportFailureSettings(
        jobs_table="jobs", notices="each", notices_topic_arn="arn", pending_notices_table="pending"
    )


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(KeyError, match="NOTICES"):
        read_settings(ReportFailureSettings, {"NOTICES_TOPIC_ARN": "arn"})


@pytest.mark.parametrize(
    ("api_url", "asked", "seconds"),
    [
        (HOSTED_API_URL, 1, 60),
        (HOSTED_API_URL + "/", 59, 60),
        (HOSTED_API_URL, 90, 90),
        ("https://own.example.com", 1, 1),
    ],
)
def test_the_hosted_api_is_polled_at_most_once_a_minute(api_url: str, asked: int, seconds: int) -> None:
    assert limit_poll_seconds(api_url, asked) == seconds


@pytest.mark.parametrize(
    ("hours", "poll_seconds", "seconds", "with_turns"),
    [
        (24, 60, 86_400, 86_400),
        (0.01, 60, 36, 36),
        (24, 1, POLLS_MAX, POLLS_MAX),
        (40, 60, 144_000, 65 * POLLS_WITH_TURNS_MAX),
        (40, 104, 144_000, 144_000),
    ],
)
def test_the_deadline_is_before_the_history_is_full(
    hours: float, poll_seconds: int, seconds: int, with_turns: int
) -> None:
    assert limit_deadline_seconds(hours, poll_seconds, takes_turns=False) == seconds
    assert limit_deadline_seconds(hours, poll_seconds, takes_turns=True) == with_turns
