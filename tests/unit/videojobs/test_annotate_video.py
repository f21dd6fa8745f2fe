"""annotate_video: results and video become an annotated video, or a reason why not; told once."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from tests.unit.videojobs.drawing.test_video import write_pictures
from videoinfer.repository import ROOT
from videojobs.annotate_video import FRAME_MAX_PIXELS, LAST_SECONDS, VIDEO_MAX_BYTES, VideoAnnotation
from videojobs.drawing.video import Drawn
from videojobs.jobs.costs import ANNOTATION_TRANSITIONS, PRICES, Meter
from videojobs.jobs.ledger import Job
from videojobs.notices.share_links import ShareLinks
from videojobs.record_annotation import GIGABYTE_SECONDS_MAX, AnnotationRecord
from videojobs.report_failure import FailureReport
from videojobs.results.bucket import ResultsBucket, locate_results
from videojobs.results.samples import read_samples

SAMPLE_VIDEO = ROOT / "samples" / "rock-paper-scissors.mp4"
LINKS = ShareLinks("s1gn1ng-key", "https://share.example.com")
MODEL = "rock-paper-scissors-presentation"


class Studio:
    """One job that asks for an annotated video, its results delivered."""

    def __init__(self, aws: Any, job: Job) -> None:
        self.aws = aws
        self.bucket = ResultsBucket(aws.s3, aws.results_bucket)
        aws.s3.create_bucket(Bucket=job.upload.bucket)
        aws.s3.put_bucket_versioning(Bucket=job.upload.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.job = replace(
            job,
            upload=replace(job.upload, version_id=self.put_video(job, SAMPLE_VIDEO.read_bytes())),
            options=replace(job.options, annotate=True),
        )
        box = {"x": 100, "y": 100, "width": 60, "height": 40, "confidence": 0.9, "class": "Rock", "class_id": 0}
        results = {"frame_offset": [0, 150], "time_offset": [0.0, 5.0], MODEL: [{"predictions": [box]}, None]}
        self.put_results(json.dumps(results).encode())
        aws.ledger.record(self.job.upload, job.attempt, status="done", job_id=job.job_id, notice_id="n1")

    def put_video(self, job: Job, body: bytes) -> str:
        version: str = self.aws.s3.put_object(Bucket=job.upload.bucket, Key=job.upload.key, Body=body)["VersionId"]
        return version

    def put_results(self, body: bytes) -> None:
        key = locate_results(self.job.upload.key, self.job.job_id, "results.json")
        self.aws.s3.put_object(Bucket=self.aws.results_bucket, Key=key, Body=body)

    def draw(self, seconds_left: float = 900) -> Any:
        """What `annotate_video` answers."""
        aws = self.aws
        return VideoAnnotation(aws.s3, aws.results_bucket, Meter(3008), lambda: seconds_left).annotate(self.job)

    def record(self, gigabyte_seconds: float = 0.5) -> Any:
        """What `record_annotation` answers."""
        aws = self.aws
        record = AnnotationRecord(
            bucket=self.bucket,
            ledger=aws.ledger,
            topic=aws.topic,
            links=LINKS,
            share_link_days=7,
            retention_days=30,
            meter=Meter(256),
        )
        return record.record(self.job, gigabyte_seconds)

    def annotate(self) -> None:
        """Both, one after the other."""
        drawn = self.draw()
        assert (drawn["status"], drawn["reason"]) == ("annotated", None)
        assert self.record(drawn["gigabyte_seconds"]) == {"status": "recorded", "reason": None}

    def read_item(self) -> dict[str, Any]:
        item: dict[str, Any] = self.aws.ledger.read(self.job.upload, self.job.attempt)
        return item


@pytest.fixture
def studio(aws: Any, job: Job) -> Studio:
    return Studio(aws, job)


def test_the_annotated_video_lies_beside_the_results_and_is_told(studio: Studio) -> None:
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
    assert notice["Subject"] == "Annotated: line 3+?%41 (1).MP4"
    assert "https://share.example.com/s/" in notice["Message"]
    assert "/annotated.mp4\n" in notice["Message"]
    assert "/s/" not in json.dumps(studio.read_item(), default=str)


def test_once_more_is_no_second_notice(studio: Studio) -> None:
    for _ in range(2):
        studio.annotate()
    assert len(studio.aws.notices()) == 1


def test_what_it_cost_is_added_to_the_job_s_cost_once(studio: Studio) -> None:
    key = locate_results(studio.job.upload.key, studio.job.job_id, "summary.json")
    studio.bucket.save_json(key, {"frames": 2, "cost": {"total_usd": 0.25}})
    for _ in range(2):
        studio.annotate()
    summary = studio.bucket.read_json(key)
    cost = summary.pop("annotation_cost")
    assert summary == {"frames": 2, "cost": {"total_usd": 0.25}}
    assert cost["used"]["state_transitions"] == ANNOTATION_TRANSITIONS
    assert (cost["used"]["lambda_requests"], cost["used"]["s3_writes"]) == (2, 2)
    assert cost["usd"]["lambda_gigabyte_seconds"] > 0.05 * 3 * PRICES["lambda_gigabyte_seconds"].usd
    assert cost["usd"]["stored_gigabyte_months"] > 0
    assert float(studio.read_item()["cost_usd"]) == pytest.approx(0.25 + cost["total_usd"], abs=1e-6)
    [notice] = studio.aws.notices()
    assert "with the rest of the job, at us-east-1's prices of 2026-" in notice["Message"]


@pytest.mark.parametrize("size_bytes", [1000, 8 * 1024**2, 20_000_000])
def test_the_requests_that_are_counted_are_those_that_are_sent(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    def draw(video: Path, samples: Any, output: Path, *_: Any, **__: Any) -> Drawn:
        output.write_bytes(bytes(size_bytes))
        return Drawn(1, 0)

    sent: list[str] = []
    monkeypatch.setattr("videojobs.annotate_video.draw_video", draw)
    studio.aws.s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    studio.annotate()
    key = locate_results(studio.job.upload.key, studio.job.job_id, "summary.json")
    used = studio.bucket.read_json(key)["annotation_cost"]["used"]
    assert used["s3_writes"] == sum(method in ("PUT", "POST") for method in sent)


def test_a_video_that_was_deleted_is_a_reason(studio: Studio) -> None:
    studio.aws.s3.delete_object(**studio.job.upload.location)
    assert studio.draw()["reason"] == "The video has been deleted, or can't be read."
    assert studio.aws.notices() == []


def test_a_video_that_is_too_large_is_a_reason(studio: Studio) -> None:
    studio.job = replace(studio.job, upload=replace(studio.job.upload, size_bytes=VIDEO_MAX_BYTES + 1))
    assert studio.draw()["reason"] == "Videos above 6 GiB are not drawn on."


def test_a_video_that_takes_too_long_is_a_reason_that_says_what_to_do(studio: Studio) -> None:
    answer = studio.draw(seconds_left=LAST_SECONDS - 1)
    assert answer["status"] == "failed"
    assert "too long" in answer["reason"]
    assert "videoinfer annotate" in answer["reason"]


def test_a_missing_annotated_video_is_told_once_and_the_results_stay(studio: Studio) -> None:
    report = FailureReport(studio.aws.ledger, studio.aws.topic)
    for _ in range(2):
        answer = report.report(studio.job, "failed", "The video has been deleted.")
        assert answer == {"status": "done", "reason": "The video has been deleted."}
    item = studio.read_item()
    assert (item["status"], item["annotation_error"]) == ("done", "The video has been deleted.")
    assert "error" not in item
    [notice] = studio.aws.notices()
    assert notice["Subject"] == "Not annotated: line 3+?%41 (1).MP4"
    assert "The results are delivered" in notice["Message"]
    assert f"videoinfer redeliver {studio.job.job_id}" in notice["Message"]


@pytest.mark.parametrize("names", [("frame_offset", "time_offset"), ("frame_offsets", "time_offsets")])
def test_samples_are_read_whatever_the_order_of_the_lists(tmp_path: Path, names: tuple[str, str]) -> None:
    results = tmp_path / "results.json"
    frames, times = names
    results.write_text(json.dumps({"b.2": [None, [1.5]], times: [0, 1.5], "a": [{"top": "x"}, None], frames: [0, 45]}))
    first, second = read_samples(results, ["a", "b.2"])
    assert (first.frame_offset, first.elements) == (0, [("a", {"top": "x"}), ("b.2", None)])
    assert (second.frame_offset, second.elements) == (45, [("a", None), ("b.2", [1.5])])


def test_a_video_of_giant_frames_is_a_reason(studio: Studio, tmp_path: Path) -> None:
    width, height = 4096, 2161
    assert width * height > FRAME_MAX_PIXELS
    video = write_pictures(tmp_path / "giant.avi", (width, height)).read_bytes()
    studio.job = replace(studio.job, upload=replace(studio.job.upload, version_id=studio.put_video(studio.job, video)))
    assert "none has fewer than the 8,847,360 pixels" in studio.draw()["reason"]


@pytest.mark.parametrize("used", [-5.0, 1e12])
def test_what_the_decoder_says_that_it_used_is_held_to_what_a_function_can(studio: Studio, used: float) -> None:
    studio.draw()
    assert studio.record(used)["status"] == "recorded"
    cost = studio.bucket.read_json(locate_results(studio.job.upload.key, studio.job.job_id, "summary.json"))
    assert 0 <= cost["annotation_cost"]["used"]["lambda_gigabyte_seconds"] <= GIGABYTE_SECONDS_MAX + 900


def test_the_video_is_drawn_from_the_frame_that_the_results_count_from(
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
