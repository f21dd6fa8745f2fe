"""Starts the functions of a long job early: its steps while the video is fetched, its workers while it is planned.

Lambda keeps a function that has answered for later calls, and gives each worker one call at a time:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html. It does not promise to keep it, so warming only
saves time. What fails here is logged, and the job goes on.
"""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager

from videoengine import clients
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.model_effort import YOLO11N_SECONDS
from videoengine.mp4_boxes import VideoTrack, read_video_track
from videoengine.s3_file import S3Object
from videoengine.settings import FetchSettings
from videoengine.shares import Effort, count_workers

MIN_FETCHED_BYTES = 500_000_000
"""S3 copies a smaller video sooner than a step starts."""

MIN_BYTES = 50_000_000
"""Smaller videos are rarely long enough. They are not looked at, which would be another request."""

PLANNED_PER_SECOND = 40_000
"""How many frames are planned in a second (`python -m bench.plan`)."""

START_SECONDS, LOADING_SECONDS = 1.0, 0.3
"""How long a worker starts, and how long it loads a model of YOLO11n's size (`python -m bench.fan_out`)."""

MAX_WORKERS = 150
"""Calling more takes as long as they take to start."""

CONNECTING_SECONDS, CALL_SECONDS = 0.2, 0.01
"""How long it takes to open the connections, and to call a worker among others, with the CPU of `fetch_video`."""

BUSY_SECONDS_MAX = CONNECTING_SECONDS + MAX_WORKERS * CALL_SECONDS

GIVE_UP_SECONDS = 3.0
"""How long `fetch_video` calls functions at most, besides the calls that it then waits for."""


@contextmanager
def warm_up_steps(job: JobSpec, size_bytes: int, settings: FetchSettings) -> Iterator[None]:
    """Starts the functions that plan the job and merge its results, while the block stores the video.

    Args:
        size_bytes: of the video.
    """
    if size_bytes < MIN_FETCHED_BYTES:
        yield
        return
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_call_steps, job, settings)
        yield


def _call_steps(job: JobSpec, settings: FetchSettings) -> None:
    try:
        # One call each, so neither must be busy while the other is made.
        _call_functions([settings.plan_job_function, settings.merge_results_function], job, busy_until=0.0)
    except Exception:
        logger.warning("The next steps could not be called", exc_info=True)


def warm_up_workers(job: JobSpec, size_bytes: int, settings: FetchSettings) -> None:
    """Starts as many workers as the job will have, if they will have started before it is planned.

    Args:
        size_bytes: of the video, which is stored.
    """
    if size_bytes < MIN_BYTES:
        return
    try:
        with S3Object(clients.s3(), settings.videos_bucket, job.video_key) as file:
            track = read_video_track(file, file.size)
        if track and (count := estimate_workers(job, track, settings.max_concurrency)):
            # While the others are called, no worker may be free for a second call.
            busy_until = time.time() + CONNECTING_SECONDS + count * CALL_SECONDS
            _call_functions([settings.infer_segment_function] * count, job, busy_until)
    except Exception:
        # Whatever it is, the job does not need it.
        logger.warning("Workers could not be called", exc_info=True)


def estimate_workers(job: JobSpec, track: VideoTrack, max_concurrency: int) -> int:
    """How many workers to call for a job; 0 if nothing is gained by it."""
    effort = Effort.estimate(track.pixels, len(job.models), job.infer_seconds)
    start = START_SECONDS + LOADING_SECONDS * effort.infer / YOLO11N_SECONDS
    if track.frames < start * PLANNED_PER_SECOND:
        return 0
    sampled = min(track.seconds * float(job.infer_fps), track.frames)
    count = count_workers(effort.decode * track.frames + effort.infer * sampled, max_concurrency)
    return count if count <= MAX_WORKERS else 0


def _call_functions(functions: Sequence[str], job: JobSpec, busy_until: float) -> None:
    client = clients.lambda_()
    event = json.dumps({"job": job.to_json(), "busy_until": busy_until}).encode()

    def call(function: str) -> None:
        answer = client.invoke(FunctionName=function, InvocationType="Event", Payload=event)
        answer["Payload"].read()  # it is empty, but the next call can use the connection only after it

    threads = ThreadPoolExecutor(clients.CALLS_AT_ONCE)
    calls = [threads.submit(call, function) for function in functions]
    wait(calls, GIVE_UP_SECONDS, FIRST_EXCEPTION)
    threads.shutdown(cancel_futures=True)
    ended = [call for call in calls if not call.cancelled()]
    errors = [error for call in ended if (error := call.exception())]
    logger.info("Functions called", count=len(ended) - len(errors), of=len(functions))
    if errors:
        raise errors[0]
