"""Which objects of the uploads bucket are uploads."""

from typing import Any

import pytest

from tests.unit.videojobs.jobs.test_uploads import make_upload, read_event
from videojobs.jobs.intake import Intake, UploadFilter
from videojobs.jobs.uploads import JobRequest
from videojobs.video_formats import KNOWN_EXTENSIONS


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
        ("videos", "cameras/hls/seg00001.ts", False),
        ("videos", "web/src/app.ts", False),
        ("videos,ts", "receiver/a.TS", True),
        ("videos,ts", "a.mp4", True),
        ("mp4, mkv", "a.mkv", True),
        ("mp4,mkv", "a.Mp4", True),
        ("mp4", "a.avi", False),
        ("ts", "a.mp4", False),
    ],
)
def test_a_filter_takes_objects_by_their_extension(extensions: str, key: str, takes: bool) -> None:
    assert UploadFilter.parse(extensions).takes(make_upload(key)) == takes


def test_videos_are_all_known_extensions_but_ts() -> None:
    """`.ts` is also the extension of TypeScript and of HLS's segments, which lie beside videos."""
    assert UploadFilter.parse("videos").extensions == frozenset(KNOWN_EXTENSIONS) - {".ts"}


@pytest.mark.parametrize(
    "text", ["video", "all", "mp4,*", "*,videos", ".mp4", "MP4", "mp4,", ",", "", "mp4 mkv", " mp4", "mp4 ,mkv", "wmv"]
)
def test_what_is_no_extension_of_a_video_is_no_filter(text: str) -> None:
    with pytest.raises(ValueError, match="UploadExtensions"):
        UploadFilter.parse(text)


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
