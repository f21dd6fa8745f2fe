"""Digests: every notice is in exactly one, wherever the function or an execution dies.

`python -m tests.digest_story` runs the same story with 1,000 uploads.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.digest_story import (
    AT_ONCE,
    Death,
    ExecutionAborted,
    World,
    check,
    make_notice,
    open_world,
    refuse_publishing,
    run_at_once,
    run_waves,
)
from videojobs.notices.share_links import ShareLinks
from videojobs.send_digest import NOTHING, DigestSending, find_outcome

EXECUTION, OTHER = "arn:aws:states:us-east-1:123456789012:execution:digest:a", "…:b"


@pytest.fixture
def world() -> Iterator[World]:
    with open_world() as world:
        yield world


@pytest.fixture
def sending(world: World) -> DigestSending:
    links = ShareLinks("key", "https://share.example.com")
    return DigestSending(pending=world.pending, sfn=FakeSfn(world), links=links, share_link_days=7)  # type: ignore[arg-type]


class FakeSfn:
    """Returns the histories of a world."""

    class exceptions:  # noqa: N801
        ExecutionDoesNotExist = KeyError

    def __init__(self, world: World) -> None:
        self._world = world

    def get_paginator(self, operation: str) -> "FakeSfn":
        assert operation == "get_execution_history"
        return self

    def paginate(self, *, executionArn: str, includeExecutionData: bool) -> Iterator[object]:  # noqa: N803
        assert not includeExecutionData
        events = self._world.histories[executionArn]
        yield {"events": events[:2]}
        yield {"events": events[2:]}


@pytest.mark.slow
def test_each_notice_is_in_exactly_one_digest_wherever_the_function_dies(world: World) -> None:
    run_waves(world, 1)
    check(world)
    assert world.statuses["Failed"] > 20
    assert world.statuses["Aborted"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("call", [3, 7])
def test_more_notices_than_a_transaction_takes_are_in_one_digest(call: int) -> None:
    """The function dies after the first transaction of two or three."""
    run_at_once(AT_ONCE, Death(call, after=True))


def test_nothing_is_sent_without_notices(world: World) -> None:
    assert world.execute() == "Succeeded"
    assert world.mails == []


def test_a_digest_that_sns_refuses_is_sent_by_the_next_execution(world: World) -> None:
    world.add(2)
    assert world.execute(spoil=refuse_publishing) == "Failed"
    assert world.mails == []
    world.add(1)
    world.execute()
    assert world.count_in_heads() == 3


def test_notices_are_concluded_if_their_execution_was_aborted_after_it_had_published(world: World) -> None:
    def abort(name: str) -> None:
        if name == "Conclude Digest":
            raise ExecutionAborted

    world.add(2)
    world.execute(spoil=abort)
    assert len(list(world.pending.read())) == 2
    world.execute()
    check(world)
    assert len(world.mails) == 1


def test_notices_of_a_running_execution_are_left_to_it(world: World, sending: DigestSending) -> None:
    world.add(1)
    assert sending.collect(EXECUTION, 0)["status"] == "collected"
    world.histories[EXECUTION] = [{"type": "ExecutionStarted"}]
    assert sending.collect(OTHER, 0) == NOTHING
    world.add(1)
    assert sending.collect(OTHER, 1)["message"].startswith("1 notice ")


def test_a_try_whose_execution_has_begun_another_one_claims_nothing(world: World, sending: DigestSending) -> None:
    """Step Functions may retry after it lost the connection, while the first call still runs, or has not begun yet."""
    world.pending.begin(EXECUTION, 0, datetime.now(UTC))
    world.add(1)
    read_by_the_first_try = list(world.pending.read())
    assert sending.collect(EXECUTION, 1)["message"].startswith("1 notice ")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        world.pending.claim(read_by_the_first_try, EXECUTION, 0)
    world.add(1)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        sending.collect(EXECUTION, 0)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        sending.collect(EXECUTION, 1)
    sending.conclude(EXECUTION)
    [left] = world.pending.read()
    assert left.claimed_by is None


@pytest.mark.slow
def test_a_link_opens_the_first_moment_when_a_condition_held(world: World, sending: DigestSending) -> None:
    notice, upload = make_notice(1)
    world.pending.add(replace(notice, moment=75), upload, 1)
    [line] = [it for it in sending.collect(EXECUTION, 0)["message"].splitlines() if "/s/" in it]
    assert line.endswith("?t=75")


def test_a_link_opens_the_results_of_the_notice_s_job(world: World, sending: DigestSending) -> None:
    _, upload = make_notice(1)
    world.add(2)  # the first one has failed
    [line] = [it for it in sending.collect(EXECUTION, 0)["message"].splitlines() if "/s/" in it]
    shared = sending.links.read(line.strip().split("/s/")[1], datetime.now(UTC))
    assert shared.upload_id == upload.upload_id  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("states", "end", "outcome"),
    [
        (["Collect Notices"], None, "running"),
        (["Collect Notices"], "ExecutionFailed", "untold"),
        (["Collect Notices", "Publish Digest"], None, "running"),
        (["Collect Notices", "Publish Digest"], "ExecutionAborted", "told"),
        (["Collect Notices", "Publish Digest"], "ExecutionTimedOut", "told"),
    ],
)
def test_an_execution_s_outcome_is_read_from_its_history(
    world: World, states: list[str], end: str | None, outcome: str
) -> None:
    events: list[dict[str, object]] = [{"type": "ExecutionStarted"}]
    for state in states:
        events += [{"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": state}}, {"type": "TaskSucceeded"}]
    world.histories[EXECUTION] = [*events, *([{"type": end}] if end else [])]
    assert find_outcome(FakeSfn(world), EXECUTION) == outcome  # type: ignore[arg-type]


def test_an_execution_that_ended_while_it_published_or_is_not_recorded_counts_as_untold(world: World) -> None:
    entered = {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Publish Digest"}}
    world.histories[EXECUTION] = [entered, {"type": "TaskStarted"}, {"type": "ExecutionAborted"}]
    assert find_outcome(FakeSfn(world), EXECUTION) == "untold"  # type: ignore[arg-type]
    assert find_outcome(FakeSfn(world), OTHER) == "untold"  # type: ignore[arg-type]
