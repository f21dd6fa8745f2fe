"""Uploads in a bucket of the owner's: remedies leave everything there as it is."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.videojobs.test_create_job import SETTINGS, build
from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.errors import BrokenAnswer
from videojobs.jobs.uploads import JobRequest, Upload

FOOTAGE = replace(
    SETTINGS, existing_bucket="true", uploads_prefix="cam/", upload_extensions="*", api_url=HOSTED_API_URL
)


@pytest.fixture
def footage(aws: Any) -> Any:
    aws.s3.create_bucket(Bucket="footage")
    return aws


def put(aws: Any, key: str = "cam/a.mp4", **parameters: Any) -> Upload:
    etag = aws.s3.put_object(Bucket="footage", Key=key, Body=b"video", **parameters)["ETag"].strip('"')
    return Upload(bucket="footage", key=key, size_bytes=5, etag=etag)


def reject(aws: Any, upload: Upload, *answers: Any) -> str:
    """Returns the notice of the rejection."""
    creator, _ = build(aws, *answers, settings=FOOTAGE)
    assert creator.create_job(JobRequest(upload, 1))["status"] == "rejected"
    [notice] = aws.notices()
    message: str = notice["Message"]
    return message


def test_a_converted_video_gets_a_key_that_no_other_has(footage: Any) -> None:
    put(footage, "cam/a.mp4")
    put(footage, "cam/a.mov.mp4")
    notice = reject(footage, put(footage, "cam/a.mov"))
    assert notice.endswith(" &&\n  aws s3 cp ./a.mov.mp4 s3://footage/cam/a.mov.2.mp4")


@pytest.mark.parametrize("answers", [[(401, {"error": "no"})], [*[(200, b"?")] * 3, ()]])
def test_a_retry_is_the_remedy_if_nothing_about_the_object_is_wrong(footage: Any, answers: list[Any]) -> None:
    upload = put(footage)
    *first, last = answers
    creator, _ = build(footage, *first, settings=FOOTAGE)
    for _ in first:
        with pytest.raises(BrokenAnswer):
            creator.create_job(JobRequest(upload, 1))
    notice = reject(footage, upload, last)
    assert notice.endswith(f"\n  videoinfer retry {upload.upload_id}")
    assert "aws s3" not in notice
