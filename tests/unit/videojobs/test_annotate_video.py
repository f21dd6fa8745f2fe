"""annotate_video turns results and video into an annotated video, or returns a reason why it can't; it is reported
once.
"""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from tests.unit.videojobs.drawing.clips import write_pictures
from tests.unit.videojobs.studio import MODEL, SAMPLE_VIDEO, Studio
from videojobs.annotate_video import LAST_SECONDS
from videojobs.drawing import overlays
from videojobs.drawing.job_files import FRAME_MAX_PIXELS
from videojobs.drawing.video import Drawn
from videojobs.jobs.notify_when import parse_notify_when
from videojobs.jobs.regions import parse_regions


@pytest.mark.slow
def test_the_annotated_video_is_stored_beside_the_results_and_reported(studio: Studio) -> None:
    studio.put_video(studio.job, b"another video since")
    studio.annotate()
    location = studio.read_item()["annotated_location"]
    assert location.endswith(f"/{studio.job.job_id}/annotated.mp4")
    key = location.removeprefix(f"s3://{studio.aws.results_bucket}/")
    stored = studio.aws.s3.get_object(Bucket=studio.aws.results_bucket, Key=key)
    assert stored["ContentType"] == "video/mp4"
    with av.open(io.BytesIO(stored["Body"].read())) as container:
        assert container.streams.video[0].frames == 300
    [notice] = studio.aws.notices()
    assert notice["Subject"] == "line 3+u%41 (1).MP4: annotated video"
    assert "https://share.example.com/s/" in notice["Message"]
    assert "/annotated.mp4\n" in notice["Message"]
    assert "/s/" not in json.dumps(studio.read_item(), default=str)


@pytest.mark.slow
def test_the_regions_of_the_job_are_drawn_with_the_delivery_s_counts(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box moves through a polygon; each sample is drawn with the count of its frame."""
    written: list[str] = []

    def spell(text: str) -> str:
        written.append(text)
        return text

    monkeypatch.setattr(overlays, "transliterate", spell)
    dock = {"name": "dock", "polygon": [[0.5, 0.1], [0.9, 0.1], [0.9, 0.6], [0.5, 0.6]]}
    conditions = parse_notify_when([{"region": "dock"}])
    options = replace(studio.job.options, regions=parse_regions([dock]), notify_when=conditions)
    studio.job = replace(studio.job, options=options)
    xs = [100, 200, 300, 400, 500, 400, 300, 200, 100, 50]
    box = {"y": 100, "width": 60, "height": 40, "confidence": 0.9, "class": "Rock", "tracker_id": 1}
    elements = [{"image": {"width": 640, "height": 360}, "predictions": [{**box, "x": x}]} for x in xs]
    numbers = range(10)
    offsets = {"frame_offset": [6 * number for number in numbers], "time_offset": [number / 5 for number in numbers]}
    studio.put_results(json.dumps({**offsets, MODEL: elements}).encode())
    studio.annotate()
    assert [text for text in written if text != "Rock"] == [f"dock: {int(320 < x < 576)} inside" for x in xs]
    key = studio.read_item()["annotated_location"].removeprefix(f"s3://{studio.aws.results_bucket}/")
    stored = studio.aws.s3.get_object(Bucket=studio.aws.results_bucket, Key=key)["Body"].read()
    with av.open(io.BytesIO(stored), "r") as container:
        frame = next(iter(container.decode(video=0))).to_ndarray(format="rgb24")
    assert frame[216, 400:500].min() > 200  # the lower side


def test_a_deleted_video_is_given_as_the_reason(studio: Studio) -> None:
    studio.aws.s3.delete_object(**studio.job.upload.location)
    assert studio.draw()["reason"] == "The video has been deleted, or access to it is denied."
    assert studio.aws.notices() == []


@pytest.mark.slow
def test_without_versioning_only_the_video_that_was_inferred_is_annotated(studio: Studio) -> None:
    s3, key = studio.aws.s3, studio.job.upload.key
    s3.create_bucket(Bucket="footage")
    etag = s3.put_object(Bucket="footage", Key=key, Body=SAMPLE_VIDEO.read_bytes())["ETag"].strip('"')
    upload = replace(studio.job.upload, bucket="footage", version_id=None, etag=etag)
    studio.job = replace(studio.job, upload=upload)
    assert studio.draw()["status"] == "annotated"
    s3.put_object(Bucket="footage", Key=key, Body=b"another video")
    assert studio.draw()["reason"] == "Another file has replaced the video."
    s3.delete_object(Bucket="footage", Key=key)
    assert studio.draw()["reason"] == "The video has been deleted, or access to it is denied."


def test_the_reason_for_a_video_that_takes_too_long_says_what_to_do(studio: Studio) -> None:
    answer = studio.draw(seconds_left=LAST_SECONDS - 1)
    assert answer["status"] == "failed"
    assert "too long" in answer["reason"]
    assert "videoinfer annotate" in answer["reason"]


def test_a_video_with_frames_that_are_too_large_is_given_as_the_reason(studio: Studio, tmp_path: Path) -> None:
    width, height = 4096, 2161
    assert width * height > FRAME_MAX_PIXELS
    video = write_pictures(tmp_path / "giant.avi", (width, height)).read_bytes()
    studio.job = replace(studio.job, upload=replace(studio.job.upload, version_id=studio.put_video(studio.job, video)))
    assert "all have more than 8,847,360 pixels" in studio.draw()["reason"]


def test_drawing_begins_at_the_frame_that_the_results_count_from(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(_video: Path, _samples: Any, output: Path, *_: Any, start_offset: float | None, **__: Any) -> Drawn:
        output.write_bytes(b"annotated")
        told.append(start_offset)
        return Drawn(1, 0)

    told: list[float | None] = []
    monkeypatch.setattr("videojobs.annotate_video.draw_video", draw)
    studio.draw()
    studio.job = replace(studio.job, start_offset=0.125)
    studio.draw()
    assert told == [None, 0.125]
