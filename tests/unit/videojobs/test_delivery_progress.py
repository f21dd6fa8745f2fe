"""A delivery's progress survives in the ledger, and shows which steps ended an earlier invocation."""

from typing import Any

from videojobs.delivery_progress import Polling, Progress
from videojobs.jobs.ledger import Job


def test_progress_is_read_from_the_ledger_only_for_its_own_delivery(aws: Any, job: Job) -> None:
    progress = Progress(
        delivery="first", upload_id="u1", is_careful=True, gigabyte_seconds=0.25, requests=3, size_bytes=10**10
    )
    progress.locations = {"csv": {"detections.csv.gz": "s3://results/a"}}
    progress.failed = {"coco": "A bug."}
    progress.begin("csv")
    aws.ledger.record(job.upload, job.attempt, delivery=progress.to_item())
    item = aws.ledger.read(job.upload, job.attempt)
    assert Progress.from_item(item, "first") == progress
    assert Progress.from_item(item, "again") == Progress(delivery="again")
    assert Progress.from_item({}, "first") == Progress(delivery="first")


def test_a_step_that_is_begun_again_counts_as_having_ended_an_invocation() -> None:
    progress = Progress()
    for deaths in range(3):
        progress.begin("coco")
        assert progress.deaths == deaths
    progress.begin("csv")
    assert progress.deaths == 0
    progress.begin("csv")
    progress.end()
    progress.begin("csv")
    assert progress.deaths == 0


def test_outputs_that_are_neither_made_nor_failed_are_left() -> None:
    progress = Progress(locations={"csv": {}}, failed={"coco": "A bug."})
    assert progress.list_left(["webvtt", "csv", "coco", "report"]) == ["webvtt", "report"]


def test_polls_and_their_usage_are_read_from_the_last_check() -> None:
    assert Polling.from_check({"status": "done", "polls": 3, "gigabyte_seconds": 0.5}) == Polling(3, 0.5)
    assert Polling.from_check({"polls": 3}) == Polling(3, 0.0)
