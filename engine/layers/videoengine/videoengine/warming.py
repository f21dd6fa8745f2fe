"""Starts the workers of a long job while the job is planned, so that its segments don't wait for them.

Lambda keeps a worker that has answered for later calls, and gives each worker one call at a time:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html. It does not promise to keep it, so warming only
saves time. What fails here is logged, and the job goes on.
"""

import json
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from videoengine import clients
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.model_effort import YOLO11N_SECONDS
from videoengine.mp4_boxes import VideoTrack, read_video_track
from videoengine.s3_file import S3Object
from videoengine.settings import FetchSettings
from videoengine.shares import Effort, count_workers

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
"""How long `fetch_video` calls workers at most, besides the calls that it then waits for."""


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
            _call_workers(job, count, settings.infer_segment_function)
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


def _call_workers(job: JobSpec, count: int, function: str) -> None:
    client = clients.lambda_()
    # While the others are called, no worker may be free for a second call.
    busy_until = time.time() + CONNECTING_SECONDS + count * CALL_SECONDS
    event = json.dumps({"job": job.to_json(), "busy_until": busy_until}).encode()

    def call() -> None:
        answer = client.invoke(FunctionName=function, InvocationType="Event", Payload=event)
        answer["Payload"].read()  # it is empty, but the next call can use the connection only after it

    threads = ThreadPoolExecutor(clients.CALLS_AT_ONCE)
    calls = [threads.submit(call) for _ in range(count)]
    wait(calls, GIVE_UP_SECONDS, FIRST_EXCEPTION)
    threads.shutdown(cancel_futures=True)
    ended = [call for call in calls if not call.cancelled()]
    errors = [error for call in ended if (error := call.exception())]
    logger.info("Workers called", count=len(ended) - len(errors), of=count)
    if errors:
        raise errors[0]
