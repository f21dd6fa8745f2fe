"""Nothing is lost after any fault, and every double bill is reported. `python -m tests.faults` prints the table."""

import pytest

from tests.faults.cases import list_cases
from tests.faults.engine import FAULTS as ENGINE_FAULTS
from tests.faults.events import EVENTS
from tests.faults.fetch_parts import CASES as FETCH_CASES
from tests.faults.kill_switch import SWITCHES
from tests.faults.run import run_all
from tests.faults.table import Row

CASES = [(case.name, case.injected) for case in list_cases()]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Runs all cases at once, because they mostly wait for each other."""
    return run_all()


def test_the_table_has_a_row_for_every_case(rows: list[Row]) -> None:
    own = len(CASES) + len(EVENTS) + len(SWITCHES) + len(ENGINE_FAULTS) + len(FETCH_CASES)
    assert len(rows) == own + 2  # the outage and the pairs


def test_nothing_is_lost_and_all_is_as_expected(rows: list[Row], subtests: pytest.Subtests) -> None:
    for row in rows:
        with subtests.test(f"{row.case}: {row.injected}"):
            assert list(row.surprises) == []
            assert row.lost == 0
