"""What becomes of a job of the engine whose `fetch_video` is killed or loses connections: rows of the fault table.

The engine runs in this process. A killed function does nothing more: it does not abort its upload either.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from moto.s3 import models

from tests.faults.table import Row
from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess, run_engine
from tests.stand_ins.internet import run_internet
from tests.stand_ins.range_server import Answer, RangeServer
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine import parallel_fetch, video_server
from videoengine.jobs import JobStatus

PART_BYTES = 500
VIDEO = make_video(VideoSpec(frames=12))
URL = "https://videos.example.com/a.mp4"
_TRIED_ONCE = video_server._RETRIES.new(total=0)


class Killed(BaseException):
    """The function is gone."""


@dataclass(frozen=True)
class FetchCase:
    """A fault of one fetch.

    Attributes:
        injected: The fault, the table's second column.
        killed_at: The call of S3 at which the function is killed, and whether after it; None for a fault of the server.
        change: What the server sends instead.
    """

    injected: str
    killed_at: tuple[str, Callable[[dict[str, Any]], bool], bool] | None = None
    change: Callable[[int, Answer], Answer | None] | None = None


def _is_part(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda parameters: parameters.get("PartNumber") == number


def _always(_: dict[str, Any]) -> bool:
    return True


def _cut_further(number: int, right: Answer) -> Answer | None:
    return Answer(right.status, right.headers, right.body[:100]) if number in (1, 2) else None


def _refuse_further(number: int, _: Answer) -> Answer | None:
    return Answer(503, {"Content-Length": "0"}, b"") if number else None


def _refuse_ranges(number: int, right: Answer) -> Answer | None:
    return _refuse_further(number, right) if right.status == 206 else None


CASES = [
    FetchCase("killed before the first part is stored", ("upload_part", _is_part(1), False)),
    FetchCase("killed after the second part is stored", ("upload_part", _is_part(2), True)),
    FetchCase("killed before the parts are joined", ("complete_multipart_upload", _always, False)),
    FetchCase("killed after the parts are joined", ("complete_multipart_upload", _always, True)),
    FetchCase("the connections of two parts break off", change=_cut_further),
    FetchCase("503 for every part but the first", change=_refuse_ranges),
]


def run_fetch_cases() -> Iterator[Row]:
    """Runs all cases, each with an engine of its own."""
    for case in CASES:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            engine = stack.enter_context(run_engine(folder))
            internet = stack.enter_context(run_internet())
            stack.enter_context(patch.object(parallel_fetch, "PART_BYTES", PART_BYTES))
            stack.enter_context(patch.object(models, "S3_UPLOAD_PART_MIN_SIZE", PART_BYTES))
            stack.enter_context(patch.object(video_server, "_RETRIES", _TRIED_ONCE))
            server = RangeServer(VIDEO, change=case.change)
            internet.server = server.respond
            yield _run(case, engine, server)


def _run(case: FetchCase, engine: EngineInProcess, server: RangeServer) -> Row:
    job_id = engine.create_job(URL)
    with _killing(case, engine), suppress(Killed):
        engine.fetch_video(job_id)
    # Step Functions retries it, whether it was killed or not; it is idempotent.
    engine.run_job(job_id)
    job = engine.find_job(job_id)
    key = f"jobs/{job_id}/video"
    stored = engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key=key)["Body"].read()
    left_over = engine.s3.list_multipart_uploads(Bucket=VIDEOS_BUCKET).get("Uploads", [])
    surprises = []
    if job.status is not JobStatus.DONE or job.input_url:
        surprises.append(f"the job is {job.status}: {job.error}")
    if len(left_over) > bool(case.killed_at):
        surprises.append(f"{len(left_over)} uploads are left over")
    seen = f"done; {len(server.requests)} requests to the video's server"
    seen += "; an upload is left, which its bucket's rule aborts" if left_over else ""
    return Row("the engine fetches a video in parts", case.injected, seen, int(stored != VIDEO), 0, surprises)


def _killing(case: FetchCase, engine: EngineInProcess) -> ExitStack:
    """Kills the function at a call of S3, until the block ends."""
    stack = ExitStack()
    if case.killed_at:
        name, matches, after = case.killed_at
        call = getattr(engine.s3, name)

        def call_or_die(**parameters: Any) -> Any:
            if not matches(parameters):
                return call(**parameters)
            if after:
                call(**parameters)
            raise Killed

        stack.enter_context(patch.object(engine.s3, name, call_or_die))
        stack.enter_context(patch.object(engine.s3, "abort_multipart_upload", lambda **_: None))
    return stack
