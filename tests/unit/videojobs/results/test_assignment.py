"""Compares the solutions of the assignment problem with all possible choices."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from videojobs.results.assignment import GROUP_MAX, Pair, choose_pairs

costs = st.integers(-8, -1).map(float)
some_pairs = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 4)), costs, max_size=9).map(
    lambda found: [(cost, row, column) for (row, column), cost in found.items()]
)


def is_assignment(pairs: list[Pair]) -> bool:
    return len({row for _, row, _ in pairs}) == len(pairs) == len({column for _, _, column in pairs})


@given(some_pairs)
def test_no_choice_costs_less(pairs: list[Pair]) -> None:
    chosen = list(choose_pairs(pairs))
    assert is_assignment(chosen)
    assert set(chosen) <= set(pairs)
    choices = (choice for count in range(6) for choice in combinations(pairs, count) if is_assignment(list(choice)))
    assert sum(cost for cost, _, _ in chosen) == min(sum(cost for cost, _, _ in choice) for choice in choices)


def test_in_a_group_that_is_too_large_the_cheapest_pairs_are_chosen_first() -> None:
    side = 40
    pairs = [(-1.0 - (row == column), row, column) for row in range(side) for column in range(side)]
    assert side * len(pairs) > GROUP_MAX
    assert sorted(choose_pairs(pairs)) == [(-2.0, number, number) for number in range(side)]
