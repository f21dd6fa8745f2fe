"""Writes a dataset to S3: its files as objects, and all of them as one ZIP file."""

import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import PurePosixPath
from types import TracebackType
from typing import IO, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from videojobs.results.bucket import ResultsBucket

THREADS = 8
"""Threads that put objects. The client keeps 10 connections, and one more thread writes the ZIP file."""

_WAITING_MAX = 2 * THREADS
"""How many small files memory holds until they are put."""

_CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
}


class DatasetObjects:
    """A dataset's sink in S3. A context manager: the ZIP file is complete after the block, or does not exist.

    Nothing is written to the disk: the ZIP file is a multipart upload, whose parts are sent when they are full. Small
    files are put by threads; what raises in one of them is raised by a later `write`, or at the end of the block.

    Args:
        folder: The key before the files' names; it ends in a slash.
        zip_key: The key of the ZIP file.
        watch: Called before each file. An exception that it raises ends the work.
    """

    def __init__(self, bucket: ResultsBucket, folder: str, zip_key: str, watch: Callable[[], None]) -> None:
        self._bucket = bucket
        self._folder = folder
        self._zip_key = zip_key
        self._watch = watch
        self._stack = ExitStack()
        self._waiting: set[Future[None]] = set()

    def __enter__(self) -> Self:
        file = self._stack.enter_context(self._bucket.write(self._zip_key, "application/zip"))
        # The writer has no `seek`, so each file's size and checksum follow it. ZIP64 is used where it is needed.
        self._zip = ZipFile(file, "w")  # type: ignore[call-overload]  # a file that can only be written
        self._stack.callback(self._zip.close)
        self._pool = self._stack.enter_context(ThreadPoolExecutor(THREADS))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            with self._stack:
                self._finish_puts(0)
        else:
            self._stack.__exit__(kind, error, trace)

    def write(self, name: str, data: bytes | IO[bytes]) -> None:
        """Writes a file to both places. A file object is read twice, from its beginning."""
        self._watch()
        info = ZipInfo(name)
        info.compress_type = ZIP_STORED if name.endswith(".jpg") else ZIP_DEFLATED
        info.external_attr = 0o644 << 16  # else, nobody may read the files that `unzip` makes
        if isinstance(data, bytes):
            self._zip.writestr(info, data)
            self._finish_puts(_WAITING_MAX - 1)
            self._waiting.add(self._pool.submit(self._put, name, data))
            return
        with self._zip.open(info, "w", force_zip64=True) as entry:
            shutil.copyfileobj(data, entry)
        data.seek(0)
        with self._bucket.write(self._folder + name, _find_type(name)) as file:
            shutil.copyfileobj(data, file)

    def locate(self, name: str) -> str:
        """Returns a file's URI, which Label Studio reads from a cloud storage of this bucket."""
        return self._bucket.locate(self._folder + name)

    def _put(self, name: str, data: bytes) -> None:
        with self._bucket.write(self._folder + name, _find_type(name)) as file:
            file.write(data)

    def _finish_puts(self, left: int) -> None:
        """Waits until at most `left` files are not yet put. Raises what a thread has raised."""
        while len(self._waiting) > left:
            done, self._waiting = wait(self._waiting, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()


def _find_type(name: str) -> str:
    return _CONTENT_TYPES[PurePosixPath(name).suffix]
