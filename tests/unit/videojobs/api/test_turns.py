"""Turns in a real table (moto's): who waits, until when, and what stops everyone."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from videojobs.api.budget import LANES, Limit
from videojobs.api.turns import BOOK_AHEAD_SECONDS_MAX, PAUSE_SECONDS_MAX, SharedTurns
from videojobs.errors import ApiUnavailable, TurnLater

NOW = 1_800_000_000.0
LIMIT = Limit(12)


@dataclass
class Clock:
    """A clock that only moves while somebody sleeps."""

    now: float = NOW
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def build(clock: Clock, limit: Limit = LIMIT, table: str = "budget") -> SharedTurns:
    return SharedTurns(boto3.resource("dynamodb").Table(table), limit, clock, clock.sleep)


def use_up(turns: SharedTurns) -> TurnLater:
    for _ in itertools.count():
        try:
            turns.take("creates", patience_seconds=0.0)
        except TurnLater as later:
            if later.seconds > 2 * LIMIT.seconds:
                return later
    raise AssertionError


def test_a_function_waits_for_a_turn_that_is_near(aws: Any) -> None:
    clock = Clock()
    for _ in range(2):
        build(clock).take("polls", patience_seconds=60)
    assert 0 <= clock.slept[0] <= LIMIT.interval
    assert clock.slept[1] == pytest.approx(LIMIT.interval)


def test_a_turn_that_is_not_near_is_booked_and_kept(aws: Any) -> None:
    clock = Clock()
    later = use_up(build(clock))
    assert later.turn_at == clock.now + later.seconds
    assert "12 requests a minute" in str(later)
    assert "UTC" in str(later)
    assert (later.retry_after_seconds, later.may_have_acted) == (later.seconds, False)
    before = build(clock).read()
    # Before its time it gets the same answer, and at its time the turn; nothing more is booked.
    with pytest.raises(TurnLater) as again:
        build(clock).take("creates", later.turn_at)
    assert again.value.turn_at == later.turn_at
    clock.now += later.seconds - 0.4
    turns = build(clock)
    turns.take("creates", later.turn_at).use()
    assert clock.now == later.turn_at
    assert turns.read() == before


def test_a_turn_that_is_missed_is_lost(aws: Any) -> None:
    clock = Clock()
    later = use_up(build(clock))
    assert later.turn_at
    clock.now = later.turn_at + LIMIT.lateness
    turns = build(clock)
    turns.take("creates", later.turn_at, patience_seconds=60)
    assert clock.now > later.turn_at + LIMIT.lateness


def test_a_turn_is_valid_for_one_request_and_a_short_time(aws: Any) -> None:
    clock = Clock()
    turns = build(clock)
    turn = turns.take("polls", patience_seconds=60)
    turn.use()
    with pytest.raises(RuntimeError, match="one request"):
        turn.use()
    late = turns.take("polls", patience_seconds=60)
    clock.now += LIMIT.lateness
    with pytest.raises(ApiUnavailable, match="expired before"):
        late.use()


def test_a_pause_applies_to_everyone(aws: Any) -> None:
    clock = Clock()
    booked = use_up(build(clock))
    build(clock).pause(300)
    build(clock).pause(30)  # does not shorten the earlier pause
    for lane in LANES:
        with pytest.raises(TurnLater) as later:
            build(clock).take(lane)
        assert later.value.turn_at
        assert later.value.turn_at >= NOW + 300
    assert booked.turn_at
    assert booked.turn_at < NOW + 300
    clock.now = booked.turn_at
    with pytest.raises(TurnLater) as again:
        build(clock).take("creates", booked.turn_at)
    assert again.value.turn_at
    assert again.value.turn_at >= NOW + 300


@pytest.mark.parametrize(("patience_seconds", "is_patient"), [(200, False), (600, True)])
def test_a_pause_during_a_long_wait_applies_to_who_waits(aws: Any, patience_seconds: float, is_patient: bool) -> None:
    """As in simulated life 32823: the slot was booked before the API asked another function for the pause."""
    clock = Clock()
    use_up(build(clock))

    def sleep(seconds: float) -> None:
        if not clock.slept:
            build(clock).pause(300)
        clock.sleep(seconds)

    turns = SharedTurns(boto3.resource("dynamodb").Table("budget"), LIMIT, clock, sleep)

    if is_patient:
        turns.take("creates", patience_seconds=patience_seconds).use()
        assert clock.now >= NOW + 300
    else:
        with pytest.raises(TurnLater) as later:
            turns.take("creates", patience_seconds=patience_seconds)
        assert later.value.turn_at
        assert later.value.turn_at >= NOW + 300


def test_a_pause_is_limited(aws: Any) -> None:
    clock = Clock()
    build(clock).pause(10**6)
    assert build(clock).read().paused_until == NOW + PAUSE_SECONDS_MAX


def test_no_turn_is_booked_beyond_what_a_queue_can_wait(aws: Any) -> None:
    turns = build(Clock(), Limit(1, 3600))
    answers = list[TurnLater]()
    while not answers or answers[-1].turn_at:
        before = turns.read()
        with pytest.raises(TurnLater) as later:
            turns.take("creates")
        answers.append(later.value)
    assert len(answers) > 5
    assert answers[-1].seconds == BOOK_AHEAD_SECONDS_MAX
    assert turns.read() == before


@pytest.mark.slow
def test_concurrent_requesters_get_different_turns(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Others may read and write between a read and a write. A single write is atomic in DynamoDB, but not in moto.
    lock, call = Lock(), BaseClient._make_api_call  # type: ignore[attr-defined]

    def call_alone(*arguments: Any) -> Any:
        with lock:
            return call(*arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call_alone)

    def book(number: int) -> float:
        clock = Clock()
        build(clock, Limit(60)).take(LANES[number % 3], patience_seconds=1e6)
        return clock.now

    with ThreadPoolExecutor(8) as threads:
        turns = sorted(threads.map(book, range(48)))
    gaps = [after - before for before, after in itertools.pairwise(turns)]
    assert min(gaps) == pytest.approx(Limit(60).interval)


def test_without_its_table_nothing_is_sent(aws: Any, caplog: pytest.LogCaptureFixture) -> None:
    turns = build(Clock(), table="gone")
    with pytest.raises(ClientError):
        turns.take("polls")
    turns.pause(10)  # does not raise: the caller already handles another error
