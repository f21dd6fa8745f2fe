"""A fetch that is killed or loses connections ends with the whole video, and without an embedded AWS."""

import pytest

from tests.faults.fetch_parts import CASES, run_fetch_cases
from tests.faults.table import Row


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(run_fetch_cases())


def test_every_case_has_a_row(rows: list[Row]) -> None:
    assert [row.injected for row in rows] == [case.injected for case in CASES]


def test_nothing_is_lost(rows: list[Row], subtests: pytest.Subtests) -> None:
    for row in rows:
        with subtests.test(row.injected):
            assert list(row.surprises) == []
            assert row.lost == 0
