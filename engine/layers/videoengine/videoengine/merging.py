"""The last step of a job: merges the results of all segments, in order, into one file."""

import io
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from videoengine import clients
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.object_keys import offsets_key, part_key, results_key
from videoengine.results import PieceReader, check_failures, encode_columns
from videoengine.s3_file import S3Object
from videoengine.settings import MergeSettings

_CHUNK_BYTES = 2**20

UPLOAD_CONNECTIONS = 10
"""Number of simultaneous connections of boto3's `upload_fileobj`."""

OPENED_AHEAD = clients.CONNECTIONS - UPLOAD_CONNECTIONS
"""Number of objects that are requested before they are read. Most parts of results have less than `_CHUNK_BYTES`, so
requests take most of the time. They are read in order, so enough must be ahead that a slow answer holds none up."""


def merge(job: JobSpec, segments: Sequence[int], settings: MergeSettings) -> None:
    """Streams the results of the segments into the results file, in the order of their numbers.

    Args:
        segments: numbers of all segments, in any order.

    Raises:
        JobFailed: a larger share of the results is null than the settings allow.
    """
    bucket, elements, segments = settings.videos_bucket, Counter[str](), sorted(segments)

    def read_elements(model_id: str) -> Iterator[bytes]:
        keys = (part_key(job.job_id, number, model_id) for number in segments)
        for line in _read_lines(bucket, keys):
            elements["null" if line == b"null" else "found"] += 1
            yield line

    columns = encode_columns((model.model_id, read_elements(model.model_id)) for model in job.models)
    pieces = chain([b"{"], _read_chunks(bucket, offsets_key(job.job_id)), [b", "], columns, [b"}"])
    clients.s3().upload_fileobj(
        io.BufferedReader(PieceReader(pieces), _CHUNK_BYTES),
        bucket,
        results_key(job.job_id),
        ExtraArgs={"ContentType": "application/json"},
    )
    check_failures(elements["null"], elements.total(), settings.max_failed_share)
    logger.info("Merged", segments=len(segments))


def _read_chunks(bucket: str, key: str) -> Iterator[bytes]:
    with S3Object(clients.s3(), bucket, key) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _read_lines(bucket: str, keys: Iterable[str]) -> Iterator[bytes]:
    """The lines of objects in order, without line breaks."""
    for file in _open_ahead(bucket, keys):
        with io.BufferedReader(file, _CHUNK_BYTES) as lines:
            for line in lines:
                yield line.removesuffix(b"\n")


def _open_ahead(bucket: str, keys: Iterable[str]) -> Iterator[S3Object]:
    """Objects in order. The next ones are requested while one is read, since requests mostly wait."""
    with ThreadPoolExecutor(OPENED_AHEAD) as threads:
        opened = deque[Future[S3Object]]()
        for key in keys:
            opened.append(threads.submit(S3Object, clients.s3(), bucket, key))
            if len(opened) > OPENED_AHEAD:
                yield opened.popleft().result()
        while opened:
            yield opened.popleft().result()
