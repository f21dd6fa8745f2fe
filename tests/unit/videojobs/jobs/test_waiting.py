"""A delivery that the API postpones: until when, how often, and when it is given up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from videojobs.errors import ApiUnavailable, TurnLater
from videojobs.jobs.ledger import Job
from videojobs.jobs.waiting import FIRST_TRY, LAST_TRIES_SECONDS, WAIT_SECONDS_MAX, WAITS_MAX, Waiting, give_up


@pytest.mark.parametrize(
    ("unavailable", "seconds", "turn_at"),
    [
        (ApiUnavailable("busy", retry_after_seconds=120.9), 120, None),
        (ApiUnavailable("busy", retry_after_seconds=0), 1, None),
        (ApiUnavailable("busy", retry_after_seconds=1e9), WAIT_SECONDS_MAX, None),
        (TurnLater(60, 1_800_000_100.5, 100.5), 100, 1_800_000_100.5),
        (TurnLater(60, None, 40_000), WAIT_SECONDS_MAX, None),
    ],
)
def test_a_delivery_waits_as_long_as_the_api_asks(
    unavailable: ApiUnavailable, seconds: int, turn_at: float | None
) -> None:
    answer = Waiting(2).put_off(unavailable)
    assert answer == {
        "status": "waiting",
        "reason": str(unavailable),
        "wait_seconds": seconds,
        "turn_at": turn_at,
        "waits": 3,
    }
    assert Waiting.from_delivery(answer) == Waiting(3, turn_at)


@pytest.mark.parametrize(
    ("waiting", "seconds"), [(FIRST_TRY, None), (Waiting(WAITS_MAX), 60.0), (Waiting(WAITS_MAX, 1_800_000_000.0), 60.0)]
)
def test_an_error_without_a_time_or_after_too_many_waits_is_raised(waiting: Waiting, seconds: float | None) -> None:
    unavailable = ApiUnavailable("busy", retry_after_seconds=seconds)
    with pytest.raises(ApiUnavailable) as raised:
        waiting.put_off(unavailable)
    assert raised.value is unavailable


@pytest.mark.parametrize("delivery", [{}, {"status": "continuing"}, {"waits": None, "turn_at": None}])
def test_a_delivery_that_was_never_postponed_has_not_waited(delivery: dict[str, Any]) -> None:
    assert Waiting.from_delivery(delivery) == FIRST_TRY


def test_an_error_is_retried_until_some_time_after_the_deadline(job: Job) -> None:
    last = datetime.fromisoformat(job.deadline_at).astimezone(UTC) + timedelta(seconds=LAST_TRIES_SECONDS)
    with pytest.raises(ValueError, match="full"):
        give_up(job, ValueError("The disk is full."), last - timedelta(seconds=1))
    for error, words in ((ValueError("The disk is full."), "The disk is full."), (ValueError(), "ValueError")):
        answer = give_up(job, error, last)
        assert answer["status"] == "given_up"
        assert answer["reason"] == f"The results are ready but could not be delivered in time: {words}"
