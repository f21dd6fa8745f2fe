"""The last step: the segments' parts, in order, as one results file."""

import io
import json
from collections.abc import Iterator

from videoengine import clients
from videoengine.job_requests import OFFSET_KEYS
from videoengine.jobs import Job, JobsTable
from videoengine.logs import logger
from videoengine.object_keys import part_key, results_key, segment_key
from videoengine.results import PieceReader, encode_results
from videoengine.settings import MergeSettings

_CHUNK_BYTES = 2**20


def merge(job: Job, jobs: JobsTable, segments: list[int], settings: MergeSettings) -> None:
    """Streams the parts into the results file and marks the job done."""
    bucket = settings.videos_bucket
    columns = [(key, _read_offsets(bucket, job.job_id, segments, key)) for key in OFFSET_KEYS]
    columns += [(model.model_id, _read_parts(bucket, job.job_id, segments, model.model_id)) for model in job.models]
    clients.s3().upload_fileobj(
        io.BufferedReader(PieceReader(encode_results(columns)), _CHUNK_BYTES),
        bucket,
        results_key(job.job_id),
        ExtraArgs={"ContentType": "application/json"},
    )
    jobs.finish(job.job_id)
    logger.info("Done", segments=len(segments))


def _read_offsets(bucket: str, job_id: str, segments: list[int], key: str) -> Iterator[bytes]:
    for segment in segments:
        answer = clients.s3().get_object(Bucket=bucket, Key=segment_key(job_id, segment))
        for offset in json.load(answer["Body"])[key]:
            yield json.dumps(offset).encode()


def _read_parts(bucket: str, job_id: str, segments: list[int], model_id: str) -> Iterator[bytes]:
    for segment in segments:
        answer = clients.s3().get_object(Bucket=bucket, Key=part_key(job_id, segment, model_id))
        yield from answer["Body"].iter_lines(_CHUNK_BYTES)
