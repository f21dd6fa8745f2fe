"""The last step of a job: merges the results of all segments, in order, into one file."""

import io
import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from botocore.response import StreamingBody

from videoengine import clients
from videoengine.job_requests import OFFSET_KEYS
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.object_keys import part_key, results_key, segment_key
from videoengine.results import PieceReader, check_failures, encode_results
from videoengine.settings import MergeSettings

_CHUNK_BYTES = 2**20
OPENED_AHEAD = 8
"""Number of objects that are requested before they are read."""


def merge(job: JobSpec, segments: Sequence[int], settings: MergeSettings) -> None:
    """Streams the results of the segments into the results file, in the order of their numbers.

    Args:
        segments: numbers of all segments, in any order.

    Raises:
        JobFailed: a larger share of the results is null than the settings allow.
    """
    bucket, elements, segments = settings.videos_bucket, Counter[str](), sorted(segments)
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
    check_failures(elements["null"], elements.total(), settings.max_failed_share)
    logger.info("Merged", segments=len(segments))


def _read_offsets(bucket: str, job_id: str, segments: Sequence[int], key: str) -> Iterator[bytes]:
    for body in _open_ahead(bucket, (segment_key(job_id, segment) for segment in segments)):
        for offset in json.load(body)[key]:
            yield json.dumps(offset).encode()


def _count(lines: Iterator[bytes], elements: Counter[str]) -> Iterator[bytes]:
    for line in lines:
        elements["null" if line == b"null" else "found"] += 1
        yield line


def _read_parts(bucket: str, job_id: str, segments: Sequence[int], model_id: str) -> Iterator[bytes]:
    for body in _open_ahead(bucket, (part_key(job_id, segment, model_id) for segment in segments)):
        yield from body.iter_lines(_CHUNK_BYTES)


def _open_ahead(bucket: str, keys: Iterable[str]) -> Iterator[StreamingBody]:
    """The contents of objects in order. The next ones are requested while one is read, since requests mostly wait."""
    with ThreadPoolExecutor(OPENED_AHEAD) as threads:
        opened = deque[Future[StreamingBody]]()
        for key in keys:
            opened.append(threads.submit(_open, bucket, key))
            if len(opened) > OPENED_AHEAD:
                yield opened.popleft().result()
        while opened:
            yield opened.popleft().result()


def _open(bucket: str, key: str) -> StreamingBody:
    return clients.s3().get_object(Bucket=bucket, Key=key)["Body"]
