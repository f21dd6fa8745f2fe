"""No minute of the API sees more requests than its limit, however they come, and no request waits without a reason."""

from bisect import bisect_left
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.api.budget import CONNECT_SHARE, LANES, Bookings, Lane, Limit, choose_slot, free_after

NOW = 1_800_000_000.0

limits = st.builds(Limit, st.integers(1, 6000), st.sampled_from([6.0, 60.0]))
asked = st.lists(
    st.tuples(st.sampled_from(LANES), st.floats(0, 100).map(lambda x: x**2 / 100), st.floats(0, 1), st.booleans()),
    min_size=1,
    max_size=300,
)


def book(limit: Limit, bookings: Bookings, lane: Lane, now: float) -> tuple[float, Bookings]:
    slot = choose_slot(limit, bookings, lane, now)
    free_from = {**bookings.free_from, slot.lane: free_after(limit, slot)}
    return slot.begins, Bookings(free_from, bookings.paused_until)


def count_in_any_window(arrivals: list[float], seconds: float) -> int:
    """The most arrivals in any window of `seconds`; a window that begins with an arrival is as full as any."""
    arrivals = sorted(arrivals)
    return max(bisect_left(arrivals, begins + seconds) - index for index, begins in enumerate(arrivals))


@given(limits, asked)
def test_no_window_sees_more_than_the_limit(limit: Limit, asked: list[tuple[Lane, float, float, bool]]) -> None:
    # Each request arrives as late as it may: at the end of its slot's lateness, and after a delay on the network.
    now, bookings, arrivals = NOW, Bookings(), []
    for lane, pause, share, clock_is_slow in asked:
        now += pause
        begins, bookings = book(limit, bookings, lane, now - (1 if clock_is_slow else 0))
        arrivals.append(begins + share * (limit.lateness + CONNECT_SHARE * limit.seconds) * 0.999)
    assert count_in_any_window(arrivals, limit.seconds) <= limit.requests


@given(limits, asked)
def test_no_slot_is_given_twice_or_before_its_time(limit: Limit, asked: list[tuple[Lane, float, float, bool]]) -> None:
    now, bookings, slots = NOW, Bookings(paused_until=NOW + 10), list[float]()
    for lane, pause, *_ in asked:
        now += pause
        begins, bookings = book(limit, bookings, lane, now)
        assert begins >= now - 1e-3 * limit.interval
        assert begins >= NOW + 10 - 1e-3 * limit.interval
        slots.append(begins)
    slots.sort()
    gaps = [after - before for before, after in pairwise(slots)]
    assert all(gap > 0.99 * limit.interval for gap in gaps)


@pytest.mark.parametrize("requests", [1, 2, 60, 300])
def test_a_single_requester_waits_for_at_most_one_interval(requests: int) -> None:
    limit = Limit(requests)
    for lane in LANES:
        begins, _ = book(limit, Bookings(), lane, NOW)
        assert begins - NOW <= limit.interval


def test_a_thousand_uploads_leave_polls_and_deliveries_their_share() -> None:
    limit, bookings = Limit(60), Bookings()
    turns = []
    for _ in range(1000):
        begins, bookings = book(limit, bookings, "creates", NOW)
        turns.append(begins)
    assert turns == sorted(turns)  # first come, first served
    assert turns[-1] - NOW == pytest.approx(1000 * 3 * limit.interval, rel=0.01)
    for lane in ("polls", "completions"):
        begins, _ = book(limit, bookings, lane, NOW)
        assert begins - NOW <= 6 * limit.interval


def test_unused_slots_of_other_lanes_are_used() -> None:
    # The polling function comes every two intervals, more often than its lane has slots.
    limit, bookings, waits = Limit(60), Bookings(), Counter[bool]()
    for number in range(200):
        now = NOW + number * 2 * limit.interval
        begins, bookings = book(limit, bookings, "polls", now)
        waits[begins - now > limit.interval * 1.01] += 1
    assert waits == {False: 200}
