"""The check of the tables: Athena queries them for one job."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from videoinfer.pipeline_stack import PipelineStack
from videoinfer.verification.truth import Truth
from videoinfer.verification.verdicts import Unavailable, Verdict, compare, judge

USD_A_TERABYTE = 5.0
"""The price of a scan in us-east-1. Source: aws.amazon.com/athena/pricing."""

BILLED_BYTES_MIN = 10_000_000
"""The minimum that each query is billed. Source: the same page."""

_LOOK_INTERVAL_SECONDS = 0.3
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Rows:
    """A query's result.

    Attributes:
        cells: The rows without the heading; NULL is None.
        scanned_bytes: How much the query read.
    """

    cells: Sequence[Sequence[str | None]]
    scanned_bytes: int

    @property
    def cost_usd(self) -> float:
        return max(self.scanned_bytes, BILLED_BYTES_MIN) / 1e12 * USD_A_TERABYTE


def compose_queries(job_id: str, day: str) -> tuple[str, str]:
    """The queries that count a job's predictions by model and class, and its frames by model.

    Args:
        day: The day on which the job was created, for example `2026-11-02`.
    """
    where = f"WHERE day = {_quote(day)} AND job_id = {_quote(job_id)}"
    return (
        f"SELECT model_id, class, count(*) FROM detections {where} GROUP BY model_id, class",  # noqa: S608  quoted
        f"SELECT model_id, count(*) FROM frames {where} GROUP BY model_id",  # noqa: S608  quoted
    )


def run_query(stack: PipelineStack, sql: str, note_started: Callable[[str], None]) -> Rows:
    """Runs a query in the stack's workgroup and waits for it.

    Args:
        note_started: Is called with the query's id, because Athena stores an output under this id.

    Raises:
        Unavailable: The query failed, or took longer than two minutes.
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
    """Checks that the tables have a row for each prediction and each frame."""
    counts: dict[str | None, dict[str, int]] = {model.model_id: {} for model in truth.job.options.models}
    unnamed = 0
    for model_id, name, count in detections.cells:
        if name is None:
            unnamed += int(count or 0)
        else:
            counts.setdefault(model_id, {})[name] = int(count or 0)
    frame_counts = {model_id: int(count or 0) for model_id, count in frames.cells}
    faults = [
        *compare("detections", counts, truth.counts),
        *compare("detections without a class", unnamed, truth.predictions - truth.by_class.total()),
        *compare("frames", frame_counts, {model.model_id: truth.frames for model in truth.job.options.models}),
    ]
    scanned = detections.scanned_bytes + frames.scanned_bytes
    return judge(faults, f"both have the job's rows; {scanned:,} bytes scanned", detections.cost_usd + frames.cost_usd)


def _quote(text: str) -> str:
    """`text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
