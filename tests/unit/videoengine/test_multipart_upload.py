"""Uploads in parts: what is stored, and what is left over after a failure."""

import threading
import time

import pytest

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from videoengine.byte_ranges import plan_parts
from videoengine.multipart_upload import Part, upload_parts

PART_BYTES = 5 * 2**20
CONTENT = bytes(range(256)) * (12 * 2**20 // 256)


def test_parts_are_put_side_by_side_and_joined_in_order(engine: EngineInProcess) -> None:
    together = threading.Barrier(3, timeout=10)

    def put(part: Part) -> str:
        together.wait()
        etag: str = engine.s3.upload_part(**part.where, Body=CONTENT[part.content.start : part.content.stop])["ETag"]
        return etag

    upload_parts(engine.s3, VIDEOS_BUCKET, "video", plan_parts(len(CONTENT), PART_BYTES), 3, put)
    assert engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key="video")["Body"].read() == CONTENT


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failed_part_leaves_nothing_and_starts_no_other(error: type[BaseException], engine: EngineInProcess) -> None:
    started = []

    def put(part: Part) -> str:
        started.append(part.where["PartNumber"])
        if part.where["PartNumber"] == 2:
            raise error
        time.sleep(0.01)
        return '"etag"'

    with pytest.raises(error):
        upload_parts(engine.s3, VIDEOS_BUCKET, "video", plan_parts(10**6, 1000), 1, put)
    assert len(started) < 10
    assert "Uploads" not in engine.s3.list_multipart_uploads(Bucket=VIDEOS_BUCKET)
    assert "Contents" not in engine.s3.list_objects_v2(Bucket=VIDEOS_BUCKET)
