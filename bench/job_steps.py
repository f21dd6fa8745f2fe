"""Measures the steps that a job runs once, for `bench.fan_out`: their start, calling functions, planning and merging.

Each step's code runs on one core, against S3 and Lambda on the loopback interface (`bench/loopback_aws.py`). Its time
is from when its function has started, and includes its connections: a warm function may have some of them, too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.cold_import import BuiltFunction
from bench.loopback_aws import LoopbackAws
from videoengine import clients, merging, warming
from videoengine.fragment_reader import FragmentReader
from videoengine.frames import read_frames
from videoengine.job_requests import ModelRequest
from videoengine.job_spec import JobSpec
from videoengine.object_keys import offsets_key, part_key, video_key
from videoengine.planning import plan
from videoengine.s3_file import S3Object
from videoengine.segments import Segment
from videoengine.settings import FetchSettings, MergeSettings, PlanSettings
from videoengine.video_file import open_video
from videoinfer.local.embedded_aws import REGION

ELEMENT_BYTES = 1500
"""A frame's element with five boxes."""

BUCKET = "videos"
MODEL = ModelRequest("model", "1", "object-detection", 0.4, 0.3)
_START = """
import sys, time
sys.path[:0] = sys.argv[1:]
import app
from videoengine import clients
clients.s3()
print(time.process_time())
"""


def measure_start(function: BuiltFunction, boto3_folder: Path, repeats: int) -> float:
    """The CPU time in seconds until a new interpreter has imported a function and has a client of S3."""
    command = [sys.executable, "-I", "-S", "-B", "-c", _START, *map(str, (*function.import_path, boto3_folder))]
    environment = {"AWS_DEFAULT_REGION": REGION, "PATH": os.environ["PATH"]}
    runs = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(repeats)
    ]
    return median(float(run.stdout) for run in runs)


def store_video(aws: LoopbackAws, job_id: str, video: Path) -> None:
    """Links a file to where a job has its video."""
    place = aws.folder / BUCKET / video_key(job_id)
    place.parent.mkdir(parents=True)
    place.symlink_to(video.resolve())


def store_parts(aws: LoopbackAws, job_id: str, segments: int, frames: int) -> None:
    """Writes the results of a job's segments.

    Args:
        frames: The number of sampled frames in all segments.
    """
    part = make_part(frames // segments)
    for number in range(segments):
        place = aws.folder / BUCKET / part_key(job_id, number, MODEL.model_id)
        place.parent.mkdir(parents=True)
        place.write_bytes(part)
    place = aws.folder / BUCKET / offsets_key(job_id)
    place.parent.mkdir(parents=True)
    place.write_bytes(make_offsets(frames))


def begin_segment(job_id: str, segment: dict[str, Any]) -> Callable[[], object]:
    """Opens the video and reads a segment's first frame, and writes its results."""
    s3, frames = clients.s3(), Segment.from_json(segment).frames
    with S3Object(s3, BUCKET, video_key(job_id)) as file:  # a worker has connections from the segment before
        file.read(1)

    def begin() -> None:
        with (
            S3Object(s3, BUCKET, video_key(job_id)) as file,
            FragmentReader(file) as reader,
            open_video(reader) as container,
        ):
            next(iter(read_frames(container, frames)))
        s3.put_object(Bucket=BUCKET, Key=part_key(job_id, 0, MODEL.model_id), Body=make_part(len(frames)))

    return begin


def call_steps(job_id: str) -> Callable[[], object]:
    """Calls the steps that follow fetching, with a new client of Lambda."""
    clients.s3()

    def call() -> None:
        with warming.warm_up_steps(make_job(job_id), warming.MIN_FETCHED_BYTES, _fetch_settings(1)):
            pass

    return call


def call_workers(job_id: str, size_bytes: int, max_concurrency: int) -> Callable[[], object]:
    """Reads a video's index, and calls its workers, if it needs not too many."""
    clients.s3()
    clients.lambda_()
    return partial(warming.warm_up_workers, make_job(job_id), size_bytes, _fetch_settings(max_concurrency))


def plan_job(job_id: str, max_concurrency: int) -> Callable[[], object]:
    """Plans a job."""
    clients.s3()
    return partial(plan, make_job(job_id), PlanSettings(max_concurrency, 0.5, 10**9, 2_000_000, 999.0, BUCKET))


def merge_results(job_id: str, segments: int, at_once: int = merging.OPENED_AHEAD) -> Callable[[], object]:
    """Merges the results of a job's segments, with so many requests at once."""
    merging.OPENED_AHEAD, clients.CONNECTIONS = at_once, at_once + merging.UPLOAD_CONNECTIONS
    clients.s3()
    return partial(merging.merge, make_job(job_id), range(segments), MergeSettings(0.5, BUCKET))


def make_part(frames: int) -> bytes:
    """A segment's results, with ELEMENT_BYTES for each frame."""
    prediction = {"x": 1234.5, "y": 1234.5, "width": 123.45, "height": 123.45, "confidence": 0.5, "class": "person"}
    element = {"time": 0.0321, "image": {"width": 1920, "height": 1080}, "predictions": [prediction]}
    element["padding"] = "x" * (ELEMENT_BYTES - len(json.dumps(element)))
    return "\n".join([json.dumps(element)] * frames).encode()


def make_offsets(frames: int) -> bytes:
    """The beginning of the results, as the plan writes it."""
    offsets: Sequence[float] = [frame / 5 for frame in range(frames)]
    return f'"frame_offset": {offsets}, "time_offset": {offsets}'.encode()


def make_job(job_id: str) -> JobSpec:
    return JobSpec(job_id, Fraction(5), (MODEL,), video_key(job_id))


def _fetch_settings(max_concurrency: int) -> FetchSettings:
    return FetchSettings("", "", "infer-segment", "jobs", max_concurrency, 10.0, "merge-results", "plan-job", BUCKET)
