"""A job that requests an annotated video."""

import json
from dataclasses import replace
from typing import Any

from videoinfer.repository import ROOT
from videojobs.annotate_video import VideoAnnotation
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.notices.share_links import ShareLinks
from videojobs.record_annotation import AnnotationRecord
from videojobs.result_files import locate_results
from videojobs.results.bucket import ResultsBucket

SAMPLE_VIDEO = ROOT / "samples" / "rock-paper-scissors.mp4"
LINKS = ShareLinks("s1gn1ng-key", "https://share.example.com")
MODEL = "rock-paper-scissors-presentation"


class Studio:
    """One job that requests an annotated video, with its results delivered."""

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

    def record(self, gigabyte_seconds: float = 0.5) -> Any:
        """Runs `record_annotation`, and returns its answer."""
        aws = self.aws
        record = AnnotationRecord(
            bucket=self.bucket,
            ledger=aws.ledger,
            sender=aws.sender,
            links=LINKS,
            share_link_days=7,
            retention_days=30,
            meter=Meter(256),
        )
        return record.record(self.job, gigabyte_seconds)

    def annotate(self) -> None:
        """Runs both functions, one after the other."""
        drawn = self.draw()
        assert (drawn["status"], drawn["reason"]) == ("annotated", None)
        assert self.record(drawn["gigabyte_seconds"]) == {"status": "recorded", "reason": None}

    def read_item(self) -> dict[str, Any]:
        item: dict[str, Any] = self.aws.ledger.read(self.job.upload, self.job.attempt)
        return item
