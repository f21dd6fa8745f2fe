"""The first step of a job: copies the video into the engine's bucket, and deletes its URL from the record."""

from dataclasses import replace
from functools import partial

from botocore.exceptions import ClientError

from videoengine import clients
from videoengine.destinations import parse_ranges
from videoengine.errors import JobFailed
from videoengine.jobs import JobsTable
from videoengine.logs import logger
from videoengine.metering import S3_METER
from videoengine.settings import FetchSettings
from videoengine.steps import Outcome
from videoengine.video_fetch import explain_too_large, fetch_video
from videoengine.warming import warm_up_steps, warm_up_workers


def fetch(job_id: str, settings: FetchSettings) -> Outcome:
    """Fetches the job's video, unless it was uploaded.

    Returns:
        The outcome, with the job's `JobSpec` for the next steps.

    Raises:
        JobFailed: the video can't be fetched, is empty, or is too large.
    """
    jobs = JobsTable(clients.dynamodb(), settings.jobs_table)
    job = jobs.get(job_id)
    if job is None:
        raise JobFailed("The job's record has expired")
    s3, bucket, max_bytes = clients.s3(), settings.videos_bucket, int(settings.max_video_gigabytes * 2**30)
    if job.input_url:
        ranges, buckets = parse_ranges(settings.allowed_ranges), settings.allowed_buckets
        meanwhile = partial(warm_up_steps, job.spec, settings=settings)
        fetch_video(s3, job.input_url, bucket, job.video_key, max_bytes, ranges, buckets, meanwhile)
        jobs.forget_input_url(job_id)
    size, etag = _describe_video(bucket, job.video_key)
    if size == 0:
        raise JobFailed("The video is an empty file")
    if size > max_bytes:
        raise JobFailed(explain_too_large(max_bytes))
    # However it came: an upload or a copy on the server sends no bytes through this function.
    S3_METER.stored_bytes = size
    logger.info("Video is there", bytes=size)
    # An upload can be replaced as long as its URL is valid.
    spec = replace(job.spec, video_etag=etag)
    warm_up_workers(spec, size, settings)
    return {"job": spec.to_json()}


def _describe_video(bucket: str, key: str) -> tuple[int, str]:
    """The video's size in bytes, and its ETag."""
    try:
        found = clients.s3().head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise JobFailed("There is no video at input_url: upload it there before creating the job") from error
        raise
    return found["ContentLength"], found["ETag"]
