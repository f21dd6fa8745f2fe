"""Starts the workers of a long job while the job is planned, so that its segments don't wait for them.

Lambda keeps a worker that has answered for later calls, and gives each worker one call at a time:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html. It does not promise to keep it, so warming only
saves time. What fails here is logged, and the job goes on.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from videoengine import clients
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.mp4_boxes import VideoTrack, read_video_track
from videoengine.s3_file import S3Object
from videoengine.settings import FetchSettings
from videoengine.shares import Effort, count_workers

MIN_BYTES = 50_000_000
"""Smaller videos are rarely long enough. They are not looked at, which would be another request."""

MIN_FRAMES = 50_000
"""Planning fewer frames ends before a worker has started: 28 minutes at 30 frames per second."""

CALL_SECONDS = 0.005
"""How long it takes to call a worker, among others, with the CPU of `fetch_video`."""

MAX_WORKERS = 250
"""Calling more takes as long as they take to start."""


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
    except (ClientError, BotoCoreError):
        logger.warning("Workers could not be warmed", exc_info=True)


def estimate_workers(job: JobSpec, track: VideoTrack, max_concurrency: int) -> int:
    """How many workers to call for a job; 0 if nothing is gained by it."""
    if track.frames < MIN_FRAMES:
        return 0
    effort = Effort.estimate(track.pixels, len(job.models), job.infer_seconds)
    sampled = min(track.seconds * float(job.infer_fps), track.frames)
    count = count_workers(effort.decode * track.frames + effort.infer * sampled, max_concurrency)
    return count if count <= MAX_WORKERS else 0


def _call_workers(job: JobSpec, count: int, function: str) -> None:
    # While the others are called, no worker may be free for a second call.
    event = json.dumps({"job": job.to_json(), "busy_until": time.time() + count * CALL_SECONDS}).encode()
    call = partial(clients.lambda_().invoke, FunctionName=function, InvocationType="Event", Payload=event)
    threads = ThreadPoolExecutor(clients.CALLS_AT_ONCE)
    try:
        for called in [threads.submit(call) for _ in range(count)]:
            called.result()
    finally:
        threads.shutdown(cancel_futures=True)
    logger.info("Workers called", count=count)
