"""The files that one output becomes: all of them when everything went well, or none."""

from collections.abc import Callable
from contextlib import ExitStack

from videojobs.jobs.ledger import Job
from videojobs.result_files import locate_output
from videojobs.results.bucket import ObjectWriter, ResultsBucket, may_pass


class _GivenUp(Exception):
    """What files are left with that are not to be there."""


class OutputFiles:
    """Opens an output's files, and completes them together or gives them up together.

    Attributes:
        share_url: Base URL of the links by which people open them.
    """

    def __init__(self, bucket: ResultsBucket, job: Job, share_url: str) -> None:
        self.share_url = share_url
        self._bucket = bucket
        self._job = job
        self._stack = ExitStack()
        self._writers: dict[str, ObjectWriter] = {}
        self._saved: list[ObjectWriter] = []

    def open(self, name: str, content_type: str, **headers: str) -> ObjectWriter:
        """The file `name`; `headers` as boto3 names them (`ContentEncoding`)."""
        return self._stack.enter_context(self._make_writer(name, content_type, **headers))

    def save(self, name: str, content: bytes, content_type: str) -> None:
        """Writes the file `name` at once: for many that are small, when nothing but S3 can fail any more."""
        writer = self._make_writer(name, content_type)
        self._saved.append(writer)
        with writer as file:
            file.write(content)
        del self._writers[name]

    def call_at_exit(self, function: Callable[[], None]) -> None:
        """Calls `function` before the files that are open by now are completed or given up."""
        self._stack.callback(function)

    def complete(self) -> None:
        """Makes objects of the files."""
        self._stack.close()

    def give_up(self) -> None:
        """Leaves nothing of the files that are open."""
        self._stack.__exit__(_GivenUp, _GivenUp(), None)

    @property
    def outage(self) -> Exception | None:
        """What S3 raised, if it may pass: then the output is not to blame."""
        failures = (writer.failure for writer in self._all)
        return next((failure for failure in failures if failure and may_pass(failure)), None)

    @property
    def locations(self) -> dict[str, str]:
        """Where each file that was opened is, by name."""
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
