"""A job that requests an annotated video and a dataset."""

import json
from dataclasses import replace
from typing import Any

from videoinfer.repository import ROOT
from videojobs.annotate_video import VideoAnnotation
from videojobs.jobs.costs import Meter
from videojobs.jobs.dataset_frames import parse_dataset_frames
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import ANNOTATION, DATASET, MediaOutput
from videojobs.make_dataset import DatasetMaking
from videojobs.notices.share_links import ShareLinks
from videojobs.record_media import MediaAnswer, MediaRecord
from videojobs.result_files import DATASET_FOLDER, locate_results
from videojobs.results.bucket import ResultsBucket

SAMPLE_VIDEO = ROOT / "samples" / "rock-paper-scissors.mp4"
LINKS = ShareLinks("s1gn1ng-key", "https://share.example.com")
MODEL = "rock-paper-scissors-presentation"


class Studio:
    """One job that requests an annotated video or a dataset, with its results delivered."""

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
        """Runs `annotate_video`, and returns its answer."""
        aws = self.aws
        return VideoAnnotation(aws.s3, aws.results_bucket, Meter(3008), lambda: seconds_left).annotate(self.job)

    def make_dataset(self, frames: str = "all", seconds_left: float = 900) -> Any:
        """Runs `make_dataset` for these frames, and returns its answer."""
        aws = self.aws
        self.job = replace(
            self.job, options=replace(self.job.options, annotate=False, dataset_frames=parse_dataset_frames(frames))
        )
        return DatasetMaking(aws.s3, aws.results_bucket, Meter(3008), lambda: seconds_left).make(self.job)

    def record(self, gigabyte_seconds: float = 0.5, output: MediaOutput = ANNOTATION, left_out: int = 0) -> Any:
        """Runs `record_media`, and returns its answer."""
        aws = self.aws
        record = MediaRecord(
            bucket=self.bucket,
            ledger=aws.ledger,
            sender=aws.sender,
            links=LINKS,
            share_link_days=7,
            retention_days=30,
            meter=Meter(256),
        )
        answer = {"gigabyte_seconds": gigabyte_seconds, "left_out": left_out}
        return record.record(self.job, output, MediaAnswer.parse(answer))

    def annotate(self) -> None:
        """Runs both functions, one after the other."""
        drawn = self.draw()
        assert (drawn["status"], drawn["reason"]) == ("annotated", None)
        assert self.record(drawn["gigabyte_seconds"]) == {"status": "recorded", "reason": None}

    def make_and_record_dataset(self, frames: str = "all") -> None:
        """Runs both functions, one after the other."""
        made = self.make_dataset(frames)
        assert (made["status"], made["reason"]) == ("made", None)
        recorded = self.record(made["gigabyte_seconds"], DATASET, made["left_out"])
        assert recorded == {"status": "recorded", "reason": None}

    def list_dataset(self) -> dict[str, bytes]:
        """The dataset's objects by name, from its folder."""
        folder = locate_results(self.job.upload.key, self.job.job_id, DATASET_FOLDER)
        keys = [key for key, _ in self.bucket.list_objects(folder)]
        return {key.removeprefix(folder): b"".join(self.bucket.read(key)) for key in keys}

    def read_item(self) -> dict[str, Any]:
        item: dict[str, Any] = self.aws.ledger.read(self.job.upload, self.job.attempt)
        return item
