"""The tables of all jobs, asked through Athena for the one job."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from videoinfer.verification.verdicts import Unavailable, Verdict, judge

if TYPE_CHECKING:
    from videoinfer.pipeline_stack import PipelineStack
    from videoinfer.verification.truth import Truth

USD_A_TERABYTE = 5.0
"""What a scan costs in us-east-1 (aws.amazon.com/athena/pricing)."""

BILLED_BYTES_MIN = 10_000_000
"""Each query counts for as much at least (the same page)."""

_LOOK_INTERVAL_SECONDS = 0.3
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Rows:
    """What a query gave, without the heading, and how much it read."""

    cells: Sequence[Sequence[str | None]]
    scanned_bytes: int

    @property
    def cost_usd(self) -> float:
        return max(self.scanned_bytes, BILLED_BYTES_MIN) / 1e12 * USD_A_TERABYTE


def compose_queries(job_id: str, day: str) -> tuple[str, str]:
    """The queries for a job's predictions by model and class, and for its frames by model."""
    where = f"WHERE day = {_quote(day)} AND job_id = {_quote(job_id)}"
    return (
        f"SELECT model_id, class, count(*) FROM detections {where} GROUP BY model_id, class",  # noqa: S608  quoted
        f"SELECT model_id, count(*) FROM frames {where} GROUP BY model_id",  # noqa: S608  quoted
    )


def run_query(stack: PipelineStack, sql: str, note_started: Callable[[str], None]) -> Rows:
    """Runs a query in the stack's workgroup and waits for it.

    Args:
        note_started: Takes the query's id, under which Athena keeps an output.

    Raises:
        Unavailable: It failed, or took longer than two minutes.
    """
    athena = stack.clients.athena
    query_id = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": stack.results_database},
        WorkGroup=stack.results_work_group,
    )["QueryExecutionId"]
    note_started(query_id)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        state = execution["Status"]["State"]
        if state == "SUCCEEDED":
            break
        if state in ("FAILED", "CANCELLED") or time.monotonic() > deadline:
            reason = execution["Status"].get("StateChangeReason") or "no reason was given"
            raise Unavailable(f"The query is {state.lower()}: {reason}.")
        time.sleep(_LOOK_INTERVAL_SECONDS)
    answer = athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    cells = [[cell.get("VarCharValue") for cell in row["Data"]] for row in answer[1:]]
    return Rows(cells, execution.get("Statistics", {}).get("DataScannedInBytes", 0))


def check_tables(detections: Rows, frames: Rows, truth: Truth) -> Verdict:
    """The tables have a row for each prediction and each frame."""
    counts: dict[str | None, dict[str, int]] = {model.model_id: {} for model in truth.job.options.models}
    unnamed = 0
    for model_id, name, count in detections.cells:
        if name is None:
            unnamed += int(count or 0)
        else:
            counts.setdefault(model_id, {})[name] = int(count or 0)
    faults = []
    if counts != truth.counts:
        faults.append(f"detections has {counts}; the results have {dict(truth.counts)}.")
    if unnamed != truth.predictions - truth.by_class.total():
        faults.append(f"detections has {unnamed} predictions without a class.")
    expected = {model.model_id: truth.frames for model in truth.job.options.models}
    if (found := {model_id: int(count or 0) for model_id, count in frames.cells}) != expected:
        faults.append(f"frames has {found}; the results have {expected}.")
    scanned = detections.scanned_bytes + frames.scanned_bytes
    return judge(faults, f"both have the job's rows; {scanned:,} bytes scanned", detections.cost_usd + frames.cost_usd)


def _quote(text: str) -> str:
    """`text` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
