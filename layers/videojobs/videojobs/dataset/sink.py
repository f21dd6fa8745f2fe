"""Where a dataset is written."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol


class DatasetSink(Protocol):
    """Takes a dataset's files: a folder, a ZIP file, or objects in S3."""

    def write(self, name: str, data: bytes | IO[bytes]) -> None:
        """Writes a file.

        Args:
            name: Its path in the dataset, such as `images/train/00000012.jpg`. The dataset makes all names itself.
            data: Its bytes, or a file at its beginning.
        """

    def locate(self, name: str) -> str:
        """Returns the URL at which Label Studio gets a picture."""


@contextmanager
def writing_file(sink: DatasetSink, name: str) -> Iterator[IO[bytes]]:
    """Yields a temporary file, which the sink gets after the block: a file as large as the results fits no memory."""
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        sink.write(name, file)
