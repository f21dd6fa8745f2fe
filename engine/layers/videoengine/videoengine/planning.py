"""The first step: fetch the video, find its frames, cut it into segments."""

import json

from videoengine import clients
from videoengine.destinations import parse_ranges
from videoengine.jobs import Job, JobsTable
from videoengine.logs import logger
from videoengine.object_keys import segment_key
from videoengine.s3_file import open_object
from videoengine.segments import plan_segments
from videoengine.settings import PlanSettings
from videoengine.steps import Outcome
from videoengine.timeline import read_timeline
from videoengine.video_fetch import fetch_video
from videoengine.video_file import open_video


def plan(job: Job, jobs: JobsTable, settings: PlanSettings) -> Outcome:
    """Writes one object a segment, and returns the segments' numbers.

    Raises:
        JobFailed: the video can't be had, is not one, or has fewer frames a second than are asked for.
    """
    s3, bucket = clients.s3(), settings.videos_bucket
    if job.input_url:
        allowed = parse_ranges(settings.allowed_ranges)
        fetch_video(s3, job.input_url, bucket, job.video_key, settings.max_video_bytes, allowed)
        jobs.forget_input_url(job.job_id)
    with open_object(s3, bucket, job.video_key) as file, open_video(file) as container:
        timeline = read_timeline(container)
    segments = plan_segments(timeline, job.infer_fps)
    for number, segment in enumerate(segments):
        s3.put_object(Bucket=bucket, Key=segment_key(job.job_id, number), Body=json.dumps(segment.to_json()).encode())
    logger.info("Planned", frames=len(timeline.timestamps), segments=len(segments))
    return {"segments": list(range(len(segments)))}
