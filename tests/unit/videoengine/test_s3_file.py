"""An S3 object read like a file."""

import io
from random import Random

import pytest
from botocore.exceptions import ClientError

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from videoengine.s3_file import S3Object, open_object

CONTENT = Random(1).randbytes(10_000)  # noqa: S311 - nothing secret


@pytest.fixture
def key(engine: EngineInProcess) -> str:
    engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key="video", Body=CONTENT)
    return "video"


def test_reads_as_the_same_bytes_in_memory_would(engine: EngineInProcess, key: str) -> None:
    random = Random(2)  # noqa: S311
    expected = io.BytesIO(CONTENT)
    with io.BufferedReader(S3Object(engine.s3, VIDEOS_BUCKET, key), 512) as file:
        for _ in range(50):
            position, size = random.randrange(11_000), random.randrange(1, 2_000)
            assert file.seek(position) == expected.seek(position)
            assert file.read(size) == expected.read(size)
            assert file.tell() == expected.tell()


def test_the_end_is_a_place_to_seek_from(engine: EngineInProcess, key: str) -> None:
    with open_object(engine.s3, VIDEOS_BUCKET, key) as file:
        file.seek(-5, io.SEEK_END)
        assert file.read() == CONTENT[-5:]


def test_an_object_that_is_replaced_meanwhile_is_not_read_on(engine: EngineInProcess, key: str) -> None:
    with S3Object(engine.s3, VIDEOS_BUCKET, key) as file:
        assert file.read(4) == CONTENT[:4]
        engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key=key, Body=b"another video")
        with pytest.raises(ClientError, match="PreconditionFailed"):
            file.read(4)
