"""A delivery's progress survives the ledger, and its steps know which of them ended an invocation before."""

from typing import Any

from videojobs.delivery_progress import Polling, Progress
from videojobs.jobs.ledger import Job


def test_progress_comes_back_from_the_ledger_for_its_own_delivery_alone(aws: Any, job: Job) -> None:
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


def test_a_step_that_is_begun_again_has_ended_an_invocation() -> None:
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


def test_what_is_left_is_neither_made_nor_given_up() -> None:
    progress = Progress(locations={"csv": {}}, failed={"coco": "A bug."})
    assert progress.list_left(["webvtt", "csv", "coco", "report"]) == ["webvtt", "report"]


def test_what_waiting_took_is_read_from_the_last_check() -> None:
    assert Polling.from_check({"status": "done", "polls": 3, "gigabyte_seconds": 0.5}) == Polling(3, 0.5)
    assert Polling.from_check({"polls": 3}) == Polling(3, 0.0)
