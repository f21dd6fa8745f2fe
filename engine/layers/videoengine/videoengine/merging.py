"""The last step: the segments' parts, in order, as one results file."""

import io
import json
from collections import Counter
from collections.abc import Iterator

from videoengine import clients
from videoengine.errors import JobFailed
from videoengine.job_requests import OFFSET_KEYS
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.object_keys import part_key, results_key, segment_key
from videoengine.results import PieceReader, encode_results
from videoengine.settings import MergeSettings

_CHUNK_BYTES = 2**20


def merge(job: JobSpec, segments: list[int], settings: MergeSettings) -> None:
    """Streams the parts into the results file.

    Raises:
        JobFailed: the models failed on more than the share of frames that may be lost.
    """
    bucket, elements = settings.videos_bucket, Counter[str]()
    columns = [(key, _read_offsets(bucket, job.job_id, segments, key)) for key in OFFSET_KEYS]
    columns += [
        (model.model_id, _count(_read_parts(bucket, job.job_id, segments, model.model_id), elements))
        for model in job.models
    ]
    clients.s3().upload_fileobj(
        io.BufferedReader(PieceReader(encode_results(columns)), _CHUNK_BYTES),
        bucket,
        results_key(job.job_id),
        ExtraArgs={"ContentType": "application/json"},
    )
    if elements["null"] > settings.max_failed_share * elements.total():
        raise JobFailed(
            f"{elements['null']} of {elements.total()} results failed: the frames can't be decoded, "
            "or the models can't be run on them"
        )
    logger.info("Merged", segments=len(segments))


def _read_offsets(bucket: str, job_id: str, segments: list[int], key: str) -> Iterator[bytes]:
    for segment in segments:
        answer = clients.s3().get_object(Bucket=bucket, Key=segment_key(job_id, segment))
        for offset in json.load(answer["Body"])[key]:
            yield json.dumps(offset).encode()


def _count(lines: Iterator[bytes], elements: Counter[str]) -> Iterator[bytes]:
    for line in lines:
        elements["null" if line == b"null" else "found"] += 1
        yield line


def _read_parts(bucket: str, job_id: str, segments: list[int], model_id: str) -> Iterator[bytes]:
    for segment in segments:
        answer = clients.s3().get_object(Bucket=bucket, Key=part_key(job_id, segment, model_id))
        yield from answer["Body"].iter_lines(_CHUNK_BYTES)
