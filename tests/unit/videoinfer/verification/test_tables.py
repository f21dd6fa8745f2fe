"""Athena's answers about the job are compared with its results."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.pipeline_stacks import make_stack
from videoinfer.verification.tables import Rows, check_tables, compose_queries, run_query
from videoinfer.verification.truth import Truth
from videoinfer.verification.verdicts import Unavailable

DETECTIONS = [["hands", "Rock", "2"], ["hands", "a <b>", "1"]]
FRAMES = [["hands", "2"]]


@pytest.mark.parametrize(
    ("detections", "frames", "words"),
    [
        (DETECTIONS, FRAMES, None),
        (DETECTIONS[:1], FRAMES, "detections: {'hands': {'Rock': 2}} instead of"),
        ([], FRAMES, "detections: {'hands': {}} instead of"),
        ([*DETECTIONS, ["hands", None, "1"]], FRAMES, "detections without a class: 1 instead of 0."),
        ([*DETECTIONS, ["other", "Rock", "1"]], FRAMES, "detections: {"),
        (DETECTIONS, [["hands", "3"]], "frames: {'hands': 3} instead of {'hands': 2}."),
        (DETECTIONS, [], "frames: {} instead of {'hands': 2}."),
    ],
)
def test_each_difference_in_the_tables_is_named(
    truth: Truth, detections: Any, frames: Sequence[Sequence[str]], words: str | None
) -> None:
    verdict = check_tables(Rows(detections, 100), Rows(frames, 50), truth)
    assert (verdict.level == "ok") == (words is None)
    assert not words or words in verdict.what
    assert verdict.cost_usd == pytest.approx(0.0001)


def test_a_scan_costs_what_it_reads_but_never_less_than_ten_megabytes() -> None:
    assert Rows([], 1).cost_usd == pytest.approx(0.00005)
    assert Rows([], 200_000_000_000).cost_usd == pytest.approx(1.0)


def test_a_foreign_job_id_is_quoted_as_a_literal() -> None:
    for query in compose_queries("x' OR '1' = '1", "2026-11-02"):
        assert "WHERE day = '2026-11-02' AND job_id = 'x'' OR ''1'' = ''1'" in query


class Athena:
    """Passes through `states`, one per call."""

    def __init__(self, *states: str) -> None:
        self._states = list(states)
        self.asked: dict[str, Any] = {}

    def start_query_execution(self, **arguments: Any) -> dict[str, str]:
        self.asked = arguments
        return {"QueryExecutionId": "q1"}

    def get_query_execution(self, **_arguments: Any) -> Any:
        status = {"State": self._states.pop(0), "StateChangeReason": "TABLE_NOT_FOUND"}
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 12}}}

    def get_query_results(self, **_arguments: Any) -> Any:
        rows: list[list[str | None]] = [["model_id", "_col1"], ["hands", "2"], [None, "1"]]
        cells = [[{"VarCharValue": cell} if cell else {} for cell in row] for row in rows]
        return {"ResultSet": {"Rows": [{"Data": row} for row in cells]}}


class Clients:
    def __init__(self, athena: Athena) -> None:
        self.athena = athena


def test_a_query_runs_in_the_stack_s_workgroup_and_is_waited_for() -> None:
    athena, started = Athena("QUEUED", "RUNNING", "SUCCEEDED"), list[str]()
    rows = run_query(make_stack(Clients(athena)), "SELECT 1", started.append)  # type: ignore[arg-type]
    assert rows == Rows([["hands", "2"], [None, "1"]], 12)
    assert (athena.asked["WorkGroup"], athena.asked["QueryExecutionContext"]) == ("videoinfer", {"Database": "results"})
    assert started == ["q1"]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_failed_query_is_reported_with_its_reason(state: str) -> None:
    with pytest.raises(Unavailable, match=f"The query is {state.lower()}: TABLE_NOT_FOUND"):
        run_query(make_stack(Clients(Athena(state))), "SELECT 1", lambda _query: None)  # type: ignore[arg-type]
