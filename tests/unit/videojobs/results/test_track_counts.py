"""Distinct tracks are counted as by a set, in little memory."""

from hypothesis import given
from hypothesis import strategies as st

from videojobs.results.track_counts import GROUPS_MAX, TrackSet

ids = st.integers(-3000, 3000) | st.integers(-(2**63), 2**63 - 1)


@given(st.lists(ids))
def test_an_id_is_new_once(numbers: list[int]) -> None:
    seen = TrackSet()
    assert [seen.add(number) for number in numbers] == [
        number not in numbers[:place] for place, number in enumerate(numbers)
    ]


def test_memory_is_bounded_for_any_ids() -> None:
    seen = TrackSet()
    assert all(seen.add(number << 20) for number in range(2 * GROUPS_MAX))
    assert len(seen._groups) <= GROUPS_MAX
