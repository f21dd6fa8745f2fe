"""The cost of a job: usage times price."""

import json
from datetime import date

import pytest

from videoinfer.repository import ROOT
from videojobs.jobs.costs import (
    MEDIA_TRANSITIONS,
    OTHER_TRANSITIONS,
    PRICES,
    PRICES_AS_OF,
    TRANSITIONS_A_POLL,
    compose_cost,
    measure_media_output,
    measure_usage,
)

STATES = json.loads((ROOT / "statemachine" / "video_job.asl.json").read_text())["States"]


def count_states(start: str, end: str) -> int:
    """How many states an execution enters from `start` until before `end`, if every choice finds success."""
    count, name = 0, start
    while name != end:
        state = STATES[name]
        ends = {choice.get("StringEquals"): choice["Next"] for choice in state.get("Choices", ())}
        good = (ends[status] for status in ("delivered", "done", "annotated", "made", "recorded") if status in ends)
        name = next(good, None) or state.get("Next") or state.get("Default", "")
        count += 1
    return count


def test_the_counted_transitions_are_those_of_the_state_machine() -> None:
    assert count_states("Wait Before Checking", "Deliver Results") == TRANSITIONS_A_POLL
    assert 1 + count_states("Deliver Results", "Results Delivered") + 1 == OTHER_TRANSITIONS
    assert count_states("Annotate Video", "Is A Dataset Asked For?") == MEDIA_TRANSITIONS
    assert count_states("Make Dataset", "Results Delivered") == MEDIA_TRANSITIONS


def test_a_cost_is_usage_times_price() -> None:
    usage = measure_usage(polls=10, gigabyte_seconds=60.0, s3_writes=100, stored_bytes=1024**3, retention_days=30)
    cost = compose_cost(usage)
    assert cost["used"]["state_transitions"] == 36
    assert cost["usd"]["lambda_gigabyte_seconds"] == pytest.approx(0.001)
    assert cost["usd"].keys() == cost["used"].keys() == PRICES.keys()
    assert cost["total_usd"] == pytest.approx(36 * 0.000025 + 0.001 + 12 * 2e-7 + 0.0005 + 0.023 * 30 / 30.4, abs=1e-6)


def test_a_media_output_is_two_calls_four_transitions_and_what_it_stores() -> None:
    usage = measure_media_output(gigabyte_seconds=600.0, s3_writes=15, stored_bytes=1024**3, retention_days=30)
    cost = compose_cost(usage)
    assert (cost["used"]["state_transitions"], cost["used"]["lambda_requests"]) == (MEDIA_TRANSITIONS, 2)
    assert cost["total_usd"] == pytest.approx(0.01 + 4 * 0.000025 + 2 * 2e-7 + 15 * 5e-6 + 0.023 * 30 / 30.4, abs=1e-6)


def test_every_price_has_a_date_and_a_source() -> None:
    assert all(price.source and date.fromisoformat(price.as_of) for price in PRICES.values())
    assert min(price.as_of for price in PRICES.values()) == PRICES_AS_OF
