"""Which objects of the uploads bucket are uploads."""

from typing import Any

import pytest

from tests.unit.videojobs.jobs.test_uploads import make_upload, read_event
from videojobs.jobs.intake import Intake, UploadFilter
from videojobs.jobs.uploads import JobRequest
from videojobs.video_formats import VIDEO_FORMATS


def read(aws: Any, event: Any, extensions: str = "videos", results_bucket: str = "results") -> list[JobRequest]:
    return list(Intake(UploadFilter.parse(extensions), results_bucket, aws.ledger).read(event))


@pytest.mark.parametrize(
    ("extensions", "key", "takes"),
    [
        ("*", "a.jpg", True),
        ("*", "a", True),
        ("videos", "a.jpg", False),
        ("videos", "a.mp4.part", False),
        ("videos", "a", False),
        ("videos", ".mp4", False),
        ("videos", "a/b.MOV", True),
        ("mp4, .MKV", "a.mkv", True),
        (".mp4,mkv", "a.Mp4", True),
        ("mp4", "a.avi", False),
    ],
)
def test_a_filter_takes_objects_by_their_extension(extensions: str, key: str, takes: bool) -> None:
    assert UploadFilter.parse(extensions).takes(make_upload(key)) == takes


def test_videos_are_all_known_formats() -> None:
    uploads = UploadFilter.parse("videos")
    assert all(uploads.takes(make_upload(f"a{it.extension}")) for it in VIDEO_FORMATS)


def test_an_ignored_object_leaves_a_log_line_and_a_metric(
    aws: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    event = read_event("eventbridge.json")
    event["detail"]["object"]["key"] = "cameras/thumb.jpg"
    assert read(aws, event) == []
    assert '"UploadsIgnored":[1.0]' in capsys.readouterr().out
    [logged] = [vars(it) for it in caplog.records]
    assert logged["upload"] == "s3://footage/cameras/thumb.jpg"
    assert logged["reason"] == "UploadExtensions leaves it out."


def test_a_person_s_request_is_not_filtered(aws: Any) -> None:
    request = JobRequest(make_upload("a.jpg"), 2)
    assert read(aws, {"job_requests": [request.to_dict()]}) == [request]


def test_no_object_of_the_results_bucket_becomes_a_job(aws: Any) -> None:
    assert len(read(aws, read_event("eventbridge.json"))) == 1
    assert read(aws, read_event("eventbridge.json"), extensions="*", results_bucket="footage") == []
