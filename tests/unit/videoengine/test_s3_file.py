"""Reading an S3 object like a file."""

import io
from collections.abc import Iterator
from random import Random
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from videoengine.s3_file import S3Object

CONTENT = Random(1).randbytes(10_000)  # noqa: S311  not a secret
BLOCK_BYTES = 512


@pytest.fixture
def file(engine: EngineInProcess) -> Iterator[S3Object]:
    engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key="video", Body=CONTENT)
    with S3Object(engine.s3, VIDEOS_BUCKET, "video", BLOCK_BYTES) as file:
        yield file


@pytest.mark.slow
def test_reads_and_seeks_like_a_file_in_memory(file: S3Object) -> None:
    random = Random(2)  # noqa: S311
    expected, buffered = io.BytesIO(CONTENT), io.BufferedReader(file, 300)
    for _ in range(50):
        position, size = random.randrange(11_000), random.randrange(1, 2_000)
        assert buffered.seek(position) == expected.seek(position)
        assert buffered.read(size) == expected.read(size)
        assert buffered.tell() == expected.tell()


def test_the_whole_object_is_read_block_by_block(file: S3Object) -> None:
    assert file.read() == CONTENT


def test_seeking_from_the_end_works(file: S3Object) -> None:
    file.seek(-5, io.SEEK_END)
    assert file.read() == CONTENT[-5:]


def test_an_object_that_is_replaced_is_not_read_further(engine: EngineInProcess, file: S3Object) -> None:
    assert file.read(4) == CONTENT[:4]
    engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key="video", Body=CONTENT[::-1])
    file.seek(BLOCK_BYTES)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        file.read(4)


class RecordingS3:
    """Passes calls on, and records which blocks they asked for."""

    def __init__(self, s3: Any, waits_for: dict[int, int]) -> None:
        """Wraps an S3 client.

        Args:
            waits_for: Blocks that arrive only after another block was asked for.
        """
        self._s3 = s3
        self._waits_for = waits_for
        self._asked = {block: Event() for block in waits_for.values()}
        self.blocks: list[int] = []

    def get_object(self, **arguments: Any) -> Any:
        block = int(arguments["Range"].removeprefix("bytes=").split("-")[0]) // BLOCK_BYTES
        self.blocks.append(block)
        if block in self._asked:
            self._asked[block].set()
        if block in self._waits_for:
            assert self._asked[self._waits_for[block]].wait(timeout=10)
        return self._s3.get_object(**arguments)


@pytest.mark.usefixtures("file")
def test_blocks_that_are_read_in_order_are_fetched_ahead(engine: EngineInProcess) -> None:
    s3: Any = RecordingS3(engine.s3, waits_for={1: 2, 2: 4, 3: 6})
    with S3Object(s3, VIDEOS_BUCKET, "video", BLOCK_BYTES) as file:
        assert file.read() == CONTENT
    assert sorted(s3.blocks) == list(range(20))


@pytest.mark.usefixtures("file")
def test_each_read_at_a_random_place_fetches_one_block(engine: EngineInProcess) -> None:
    s3: Any = RecordingS3(engine.s3, waits_for={})
    with S3Object(s3, VIDEOS_BUCKET, "video", BLOCK_BYTES) as file:
        for block in (19, 3, 10, 0):
            file.seek(block * BLOCK_BYTES + 7)
            assert file.read(5) == CONTENT[block * BLOCK_BYTES + 7 :][:5]
    assert s3.blocks == [0, 19, 3, 10, 0]


@pytest.mark.usefixtures("file")
def test_ranges_are_requested_side_by_side_and_only_they(engine: EngineInProcess) -> None:
    s3: Any = RecordingS3(engine.s3, waits_for={2: 4})
    ranges = [(block * BLOCK_BYTES + 7, 5) for block in (2, 19, 4, 2)]
    with S3Object(s3, VIDEOS_BUCKET, "video", BLOCK_BYTES) as file:
        file.seek(3)
        assert list(file.read_ranges(ranges)) == [CONTENT[start:][:length] for start, length in ranges]
        assert file.tell() == 3
    assert sorted(s3.blocks) == [0, 2, 2, 4, 19]


@pytest.mark.usefixtures("file")
def test_a_range_that_cannot_be_read_is_an_error(engine: EngineInProcess) -> None:
    with S3Object(engine.s3, VIDEOS_BUCKET, "video", BLOCK_BYTES) as file:
        engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key="video", Body=CONTENT[::-1])
        with pytest.raises(ClientError, match="PreconditionFailed"):
            list(file.read_ranges([(0, 5)]))


@pytest.mark.parametrize("content", [b"", b"a", CONTENT[: BLOCK_BYTES - 1], CONTENT[:BLOCK_BYTES]])
def test_objects_of_any_size_can_be_read(engine: EngineInProcess, content: bytes) -> None:
    engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key="video", Body=content)
    with S3Object(engine.s3, VIDEOS_BUCKET, "video", BLOCK_BYTES) as file:
        assert file.size == len(content)
        assert file.read() == content


def test_an_object_that_is_missing_is_an_error(engine: EngineInProcess) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        S3Object(engine.s3, VIDEOS_BUCKET, "missing", BLOCK_BYTES)
