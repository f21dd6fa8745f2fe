"""Faults of the engine's own steps, with its real handlers and state machine in this process."""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.faults.table import Row
from tests.stand_ins.engine import MODEL, MODEL_ID, VIDEOS_BUCKET, EngineInProcess, run_engine
from tests.stand_ins.state_machine import ExecutionFailed, StateMachine
from tests.stand_ins.videos import VideoSpec, make_video
from tests.templates import find_resources, read_definition
from videoengine import shares
from videoengine.jobs import JobStatus
from videoengine.object_keys import results_key

FRAMES, INFER_FPS, SEGMENTS = 60, 12, 5


class FunctionKilled(Exception):
    """The function has died."""


type Invoke = Callable[[str, Any], Any]


@dataclass(frozen=True)
class EngineFault:
    """A fault of a job of the engine.

    Attributes:
        name: What happens, the table's first column.
        injected: The fault, the table's second column.
        kills: The calls of each function that die, by its folder's name, in turn; 1 is the first.
        express_runs: How often each Express execution runs.
        leaves_upload: Whether a killed function has begun an upload of results.
    """

    name: str
    injected: str
    kills: Mapping[str, range] = field(default_factory=dict)
    express_runs: int = 1
    leaves_upload: bool = False


FAULTS = (
    EngineFault("a merge dies", "merge_results is killed during its upload", {"merge_results": range(1, 2)}, 1, True),
    EngineFault("an Express execution runs twice", "each segment, one run after the other", express_runs=2),
    EngineFault(
        "an Express execution runs twice",
        "each segment, and the first five functions are killed",
        {"infer_segment": range(1, SEGMENTS + 1)},
        express_runs=2,
    ),
    EngineFault(
        "an Express execution can't infer its segment",
        "every function of Express executions is killed",
        {"infer_segment": range(1, SEGMENTS + 1)},
    ),
)


def run_engine_faults() -> list[Row]:
    """Runs a job with each fault. Run nothing else of AWS meanwhile, because moto intercepts all calls."""
    return [run_fault(fault) for fault in FAULTS]


def run_fault(fault: EngineFault) -> Row:
    with (
        tempfile.TemporaryDirectory() as folder,
        run_engine(Path(folder)) as engine,
        patch.object(shares, "MIN_SEGMENT_SECONDS", 0.24),
    ):
        job_id = engine.create_job(
            engine.upload_video(make_video(VideoSpec(frames=FRAMES))), infer_fps=INFER_FPS, models=[MODEL]
        )
        calls, costs = Counter[str](), list[float]()
        invoke = kill_calls(engine, fault, calls, costs, job_id)
        machine = StateMachine(read_definition("engine"), invoke, engine.dynamodb, express_runs=fault.express_runs)
        with suppress(ExecutionFailed):
            machine.run({"job_id": job_id})
        surprises = list(find_surprises(engine, job_id, fault, sum(costs)))
        job = engine.find_job(job_id)
    counted = "; ".join(f"{name} {count} times" for name, count in calls.items() if count > 1)
    seen = f"{job.status.name.lower()}, {job.progress} %; {counted}"
    return Row(fault.name, fault.injected, seen, int(job.status is not JobStatus.DONE), 0, surprises)


def kill_calls(
    engine: EngineInProcess, fault: EngineFault, calls: Counter[str], costs: list[float], job_id: str
) -> Invoke:
    """Calls functions, some of which die; counts the calls by function, and collects what the answers say they cost."""

    def invoke(function: str, event: Any) -> Any:
        calls[function] += 1
        if calls[function] in fault.kills.get(function, ()):
            if fault.leaves_upload:
                engine.s3.create_multipart_upload(Bucket=VIDEOS_BUCKET, Key=results_key(job_id))
            raise FunctionKilled
        answer = engine.invoke(function, event)
        if function != "fetch_video":  # the answer of plan_job includes its cost
            costs.append(float(answer["cost_usd"]))
        return answer

    return invoke


def find_surprises(engine: EngineInProcess, job_id: str, fault: EngineFault, cost_usd: float) -> Iterator[str]:
    """Yields every difference between a job's end and the end without a fault, or what its functions said they cost."""
    job = engine.find_job(job_id)
    if not math.isclose(job.cost_usd or 0.0, cost_usd):
        yield f"it cost ${cost_usd}, and the record says ${job.cost_usd}"
    if (job.status, job.error, job.segments, job.segments_done) != (JobStatus.DONE, None, SEGMENTS, SEGMENTS):
        yield f"{job}"
        return
    results = engine.read_results(job_id)
    if results["frame_offset"] != list(range(0, FRAMES, 2)) or len(results[MODEL_ID]) != FRAMES // 2:
        yield f"the results are incomplete: {results['frame_offset']}"
    uploads = engine.s3.list_multipart_uploads(Bucket=VIDEOS_BUCKET).get("Uploads", [])
    [rule] = find_resources("engine", "AWS::S3::Bucket")["VideosBucket"]["Properties"]["LifecycleConfiguration"][
        "Rules"
    ]
    if len(uploads) != fault.leaves_upload or rule["AbortIncompleteMultipartUpload"] != {"DaysAfterInitiation": 1}:
        yield f"{len(uploads)} uploads remain for more than a day"
