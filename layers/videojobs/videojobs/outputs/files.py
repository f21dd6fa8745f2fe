"""The files of one output: either all of them are stored, or none."""

from collections.abc import Callable
from contextlib import ExitStack

from videojobs.jobs.ledger import Job
from videojobs.result_files import locate_output
from videojobs.results.bucket import ObjectWriter, ResultsBucket, may_pass


class _Discarded(Exception):
    """Makes the open files discard what they have written."""


class OutputFiles:
    """Opens an output's files, and completes or discards them together.

    Attributes:
        share_url: Base URL of share links.
    """

    def __init__(self, bucket: ResultsBucket, job: Job, share_url: str) -> None:
        self.share_url = share_url
        self._bucket = bucket
        self._job = job
        self._stack = ExitStack()
        self._writers: dict[str, ObjectWriter] = {}
        self._saved: list[ObjectWriter] = []

    def open(self, name: str, content_type: str, **headers: str) -> ObjectWriter:
        """Opens the file `name`; `headers` have boto3's names, such as `ContentEncoding`."""
        return self._stack.enter_context(self._make_writer(name, content_type, **headers))

    def save(self, name: str, content: bytes, content_type: str) -> None:
        """Writes the file `name` at once: for many small files, when only S3 can still fail."""
        writer = self._make_writer(name, content_type)
        self._saved.append(writer)
        with writer as file:
            file.write(content)
        del self._writers[name]

    def call_at_exit(self, function: Callable[[], None]) -> None:
        """Calls `function` before the files that are open now are completed or discarded."""
        self._stack.callback(function)

    def complete(self) -> None:
        """Completes the files, which then become objects in S3."""
        self._stack.close()

    def discard(self) -> None:
        """Discards the open files."""
        self._stack.__exit__(_Discarded, _Discarded(), None)

    @property
    def outage(self) -> Exception | None:
        """A temporary error of S3, if there was one: then the output itself did not fail."""
        failures = (writer.failure for writer in self._all)
        return next((failure for failure in failures if failure and may_pass(failure)), None)

    @property
    def locations(self) -> dict[str, str]:
        """The URIs of the opened files, by name."""
        return {name: writer.uri for name, writer in self._writers.items()}

    @property
    def requests(self) -> int:
        return sum(writer.requests for writer in self._all)

    @property
    def size_bytes(self) -> int:
        return sum(writer.size_bytes for writer in self._all)

    @property
    def _all(self) -> tuple[ObjectWriter, ...]:
        return (*self._writers.values(), *self._saved)

    def _make_writer(self, name: str, content_type: str, **headers: str) -> ObjectWriter:
        key = locate_output(self._job.upload.key, self._job.job_id, self._job.created_at, name)
        self._writers[name] = self._bucket.write(key, content_type, **headers)
        return self._writers[name]
