"""The files that a job's outputs become: all of them there when everything went well, or none."""

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from videojobs.jobs import Job
from videojobs.results import ObjectWriter, ResultsBucket, locate_output


class OutputFiles:
    """Opens files for one job's outputs, and completes them when it is left without an exception.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def open(self, name: str, content_type: str, **headers: str) -> ObjectWriter:
        """The file `name`; `headers` as boto3 names them (`ContentEncoding`)."""
        return self._stack.enter_context(self._make_writer(name, content_type, **headers))

    def save(self, name: str, content: bytes, content_type: str) -> None:
        """Writes the file `name` at once: for many that are small, when nothing but S3 can fail any more."""
        with self._make_writer(name, content_type) as file:
            file.write(content)
        self._saved.append(self._writers.pop(name))

    def call_at_exit(self, function: Callable[[], None]) -> None:
        """Calls `function` before the files that are open by now are completed or given up."""
        self._stack.callback(function)

    def _make_writer(self, name: str, content_type: str, **headers: str) -> ObjectWriter:
        key = locate_output(self._job.upload.key, self._job.job_id, self._job.created_at, name)
        self._writers[name] = self._bucket.write(key, content_type, **headers)
        return self._writers[name]

    @property
    def locations(self) -> dict[str, str]:
        """Where each file that was opened is, by name."""
        return {name: writer.uri for name, writer in self._writers.items()}

    @property
    def requests(self) -> int:
        return sum(writer.requests for writer in (*self._writers.values(), *self._saved))

    @property
    def size_bytes(self) -> int:
        return sum(writer.size_bytes for writer in (*self._writers.values(), *self._saved))
