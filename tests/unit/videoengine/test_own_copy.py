"""S3 copies videos of the owner's own buckets, but only with a URL that S3 accepts."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from tests.stand_ins.internet import Internet
from tests.stand_ins.range_server import Answer, RangeServer
from videoengine import own_copy, parallel_fetch, video_fetch
from videoengine.errors import JobFailed
from videoengine.fetch_deadline import FetchDeadline

UPLOADS, KEY = "my-uploads", "cameras/a b+ü.mp4"
ALLOWED = f"arn:aws:s3:::{UPLOADS}/cameras/*"
CONTENT = bytes(range(251)) * (12 * 2**20 // 251)
PART_BYTES = 5 * 2**20


@pytest.fixture(autouse=True)
def small_parts() -> Iterator[None]:
    with (
        patch.object(own_copy, "COPIED_PART_BYTES", PART_BYTES),
        patch.object(parallel_fetch, "PART_BYTES", PART_BYTES),
    ):
        yield


class Uploads:
    """A bucket of the owner's with a video, its server, and the copies that were asked for."""

    def __init__(self, engine: EngineInProcess, internet: Internet, content: bytes = CONTENT) -> None:
        self.s3 = engine.s3
        self.s3.create_bucket(Bucket=UPLOADS)
        self.s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
        stored = self.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=content)
        self.server = RangeServer(content, etag=stored["ETag"])
        self.location = {"Bucket": UPLOADS, "Key": KEY, "VersionId": stored["VersionId"]}
        self.copies: list[dict[str, Any]] = []
        internet.server = self.server.respond

    def fetch(self, allowed_buckets: str = ALLOWED, error: str = "") -> bytes:
        """Fetches from a signed URL. S3 answers copies with `error`, if it is given."""
        url = self.s3.generate_presigned_url("get_object", Params=self.location)
        copy = self.s3.upload_part_copy

        def copy_part(**parameters: Any) -> Any:
            self.copies.append(parameters)
            if error:
                raise ClientError({"Error": {"Code": error}}, "UploadPartCopy")
            return copy(**parameters)

        with patch.object(self.s3, "upload_part_copy", copy_part):
            video_fetch.fetch_video(self.s3, url, VIDEOS_BUCKET, "video", len(CONTENT), (), allowed_buckets)
        assert "Uploads" not in self.s3.list_multipart_uploads(Bucket=VIDEOS_BUCKET)
        content: bytes = self.s3.get_object(Bucket=VIDEOS_BUCKET, Key="video")["Body"].read()
        return content


@pytest.fixture
def uploads(engine: EngineInProcess, internet: Internet) -> Uploads:
    return Uploads(engine, internet)


def test_s3_copies_the_version_that_the_url_gave(uploads: Uploads) -> None:
    uploads.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=b"newer")
    assert uploads.fetch() == CONTENT
    assert len(uploads.server.requests) == 1
    assert [copied["CopySource"] for copied in uploads.copies] == [uploads.location] * 3
    assert {copied["CopySourceIfMatch"] for copied in uploads.copies} == {uploads.server.etag}
    ranges = [copied["CopySourceRange"] for copied in sorted(uploads.copies, key=lambda it: it["PartNumber"])]
    assert ranges == ["bytes=0-5242879", "bytes=5242880-10485759", f"bytes=10485760-{len(CONTENT) - 1}"]


def test_a_small_object_is_copied_whole(engine: EngineInProcess, internet: Internet) -> None:
    uploads = Uploads(engine, internet, b"small")
    assert uploads.fetch() == b"small"
    [copied] = uploads.copies
    assert "CopySourceRange" not in copied


@pytest.mark.parametrize("error", ["AccessDenied", "KMS.DisabledException", "PreconditionFailed", "NoSuchKey"])
def test_what_s3_does_not_copy_is_fetched(error: str, uploads: Uploads) -> None:
    assert uploads.fetch(error=error) == CONTENT
    assert len(uploads.server.requests) > 1


@pytest.mark.parametrize("allowed_buckets", ["", f"arn:aws:s3:::{UPLOADS}/archive/*", "arn:aws:s3:::others/*"])
def test_objects_that_are_not_allowed_are_fetched(allowed_buckets: str, uploads: Uploads) -> None:
    assert uploads.fetch(allowed_buckets) == CONTENT
    assert uploads.copies == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_url_that_s3_does_not_accept_copies_nothing(status: int, uploads: Uploads) -> None:
    """Otherwise, anyone who knows a key could read the object through the engine's role."""
    uploads.server.change = lambda _, __: Answer(status, {"Content-Length": "0"}, b"")
    with pytest.raises(JobFailed, match=f"answered {status}"):
        uploads.fetch()
    assert uploads.copies == []


def test_an_object_above_the_limit_is_not_copied(engine: EngineInProcess, internet: Internet) -> None:
    uploads = Uploads(engine, internet, CONTENT + b"1")
    with pytest.raises(JobFailed, match="larger than this engine's limit"):
        uploads.fetch()
    assert uploads.copies == []


def test_copying_ends_at_the_deadline(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    def pass_now(deadline: FetchDeadline) -> None:
        deadline.has_passed = True

    monkeypatch.setattr(FetchDeadline, "watch", lambda deadline, _: pass_now(deadline))
    with pytest.raises(JobFailed, match="could not be fetched within 10 minutes"):
        uploads.fetch()
    assert uploads.copies == []
