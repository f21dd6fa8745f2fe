"""The assignment problem: chooses the pairs with the lowest total cost, so that no row or column is in two pairs.

Most pairs are so much cheaper than their alternatives that they are certainly part of the solution. The others form
small groups that have no rows or columns in common. Each group is solved exactly, by shortest augmenting paths: Jonker,
Volgenant, "A Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems" (Computing 38, 1987).
In a group that is too large for that, pairs are chosen cheapest first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from math import inf

type Pair = tuple[float, int, int]
"""A cost below 0, a row and a column. A row or column without a pair costs 0."""

GROUP_MAX = 2_000
"""Maximum of a group's pairs times its rows for an exact solution, which then takes about a millisecond."""


def choose_pairs(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Returns the cheapest choice of `pairs`, in any order."""
    if len({row for _, row, _ in pairs}) == len(pairs) == len({column for _, _, column in pairs}):
        return pairs
    chosen, others = _choose_clear(sorted(pairs))
    for group in _group(others):
        if len(group) == 1:
            chosen += group
        else:
            rows: dict[int, dict[int, float]] = defaultdict(dict)
            for cost, row, column in group:
                rows[row][column] = cost
            chosen += _Solver(rows).solve() if len(group) * len(rows) <= GROUP_MAX else _choose_cheapest(group)
    return chosen


def _choose_clear(pairs: Sequence[Pair]) -> tuple[list[Pair], Sequence[Pair]]:
    """Returns the pairs that are certainly part of a solution, and the pairs that are still possible beside them.

    A pair is certain if it costs at most as much as the next cheapest pairs of its row and of its column together: in
    any choice it can replace the pairs that it excludes, and the choice does not become more expensive.

    Args:
        pairs: Cheapest first.
    """
    row_costs: dict[int, list[float]] = {}
    column_costs: dict[int, list[float]] = {}
    for cost, row, column in pairs:
        row_costs.setdefault(row, []).append(cost)
        column_costs.setdefault(column, []).append(cost)
    chosen: list[Pair] = []
    rows, columns = set(), set()
    for pair in pairs:
        cost, row, column = pair
        of_row, of_column = row_costs[row], column_costs[column]
        if cost == of_row[0] == of_column[0] and row not in rows and column not in columns:
            next_costs = (of_row[1] if len(of_row) > 1 else 0.0) + (of_column[1] if len(of_column) > 1 else 0.0)
            if cost <= next_costs:
                chosen.append(pair)
                rows.add(row)
                columns.add(column)
    return chosen, [pair for pair in pairs if pair[1] not in rows and pair[2] not in columns]


def _group(pairs: Sequence[Pair]) -> Iterable[Sequence[Pair]]:
    """Yields the groups: pairs that share rows or columns, directly or through other pairs."""
    by_row, by_column = defaultdict(list), defaultdict(list)
    for pair in pairs:
        by_row[pair[1]].append(pair)
        by_column[pair[2]].append(pair)
    while by_row:
        _, group = by_row.popitem()
        number = 0
        while number < len(group):
            for _, other, _ in by_column.pop(group[number][2], ()):
                group += by_row.pop(other, ())
            number += 1
        yield group


def _choose_cheapest(pairs: Sequence[Pair]) -> Iterable[Pair]:
    rows, columns = set(), set()
    for cost, row, column in sorted(pairs):
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            yield cost, row, column


class _Solver:
    """Solves a group exactly. Each row gets an additional column with the cost 0, which means that it has no pair."""

    def __init__(self, rows: Mapping[int, Mapping[int, float]]) -> None:
        self._rows = rows
        # The additional columns are negative.
        self._edges = {row: {**costs, -1 - row: 0.0} for row, costs in rows.items()}
        self._row_prices = {row: min(costs.values()) for row, costs in self._edges.items()}
        self._column_prices: dict[int, float] = defaultdict(float)
        self._row_of: dict[int, int] = {}
        self._column_of: dict[int, int] = {}

    def solve(self) -> Iterable[Pair]:
        for start in self._edges:
            self._assign(start)
        return [(self._rows[row][column], row, column) for row, column in self._column_of.items() if column >= 0]

    def _assign(self, start: int) -> None:
        """Assigns a column to the row `start`: each row on the path to a free column gets the next column."""
        before: dict[int, int] = {}
        column, length, lengths = self._find_path(start, before)
        self._row_prices[start] += length
        for other, other_length in lengths.items():
            self._row_prices[self._row_of[other]] += length - other_length
            self._column_prices[other] += other_length - length
        row = -1
        while row != start:
            row = before[column]
            self._row_of[column] = row
            column, self._column_of[row] = self._column_of.get(row, column), column

    def _find_path(self, start: int, before: dict[int, int]) -> tuple[int, float, Mapping[int, float]]:
        """Finds the shortest path from a row to a free column, by Dijkstra's algorithm.

        A path goes from an assigned column to its row.

        Args:
            start: The row.
            before: Gets the row before each column.

        Returns:
            The free column, the length of the path, and the lengths to the assigned columns that are nearer.
        """
        passed: dict[int, float] = {}
        shortest: dict[int, float] = {}
        heap: list[tuple[float, int]] = []
        row, length = start, 0.0
        while True:
            for column, cost in self._edges[row].items():
                new_length = length + cost - self._row_prices[row] - self._column_prices[column]
                if column not in passed and new_length < shortest.get(column, inf):
                    shortest[column], before[column] = new_length, row
                    heappush(heap, (new_length, column))
            while True:
                length, column = heappop(heap)
                if column not in passed:
                    break
            if column not in self._row_of:
                return column, length, passed
            passed[column] = length
            row = self._row_of[column]
