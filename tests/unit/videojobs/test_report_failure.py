"""report_failure: a job that ends without results is reported once, and no earlier end is changed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest

from tests.unit.videojobs.deliveries import DONE, FOLDER, RESULTS, build
from tests.unit.videojobs.studio import Studio
from videoinfer.job_texts import compose_facts
from videojobs.delivery_progress import Polling, Progress
from videojobs.errors import ChangeRefused
from videojobs.jobs.dataset_frames import DatasetFrames
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import ANNOTATION, DATASET, MEDIA_OUTPUTS, MediaOutput
from videojobs.report_failure import FailureReport


def test_a_failure_is_reported_once(aws: Any, job: Job) -> None:
    report = FailureReport(aws.ledger, aws.sender)
    assert report.report(job, "overdue", "Too late.") == {"status": "overdue", "reason": "Too late."}
    assert report.report(job, "failed", "Aborted.") == {"status": "overdue", "reason": "Too late."}
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["error"]) == ("overdue", "Too late.")
    [notice] = aws.notices()
    assert notice["Subject"] == "line 3+u%41 (1).MP4: failed: Too late."


@pytest.mark.parametrize("api_failed", [False, True])
def test_a_free_command_is_suggested_unless_the_api_failed_the_job(aws: Any, job: Job, *, api_failed: bool) -> None:
    FailureReport(aws.ledger, aws.sender).report(job, "overdue", "Too late.", api_failed=api_failed)
    [notice] = aws.notices()
    assert f"videoinfer retry {job.job_id}" in notice["Message"]
    assert (f"videoinfer redeliver {job.job_id}" in notice["Message"]) == (not api_failed)


def test_a_job_whose_results_were_reported_does_not_fail_afterwards(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    FailureReport(aws.ledger, aws.sender).report(job, "failed", "Aborted.")
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"
    assert len(aws.notices()) == 1


def test_a_cancelled_job_keeps_its_reason_and_is_reported_once(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    for _ in range(2):
        report = FailureReport(aws.ledger, aws.sender).report(job, "failed", "It has aborted.")
        assert report == {"status": "cancelled", "reason": "A person cancelled it."}
    [notice] = aws.notices()
    assert notice["Subject"] == "line 3+u%41 (1).MP4: cancelled"
    assert notice["MessageAttributes"]["outcome"]["Value"] == "cancelled"
    assert f"videoinfer retry {job.job_id}" in notice["Message"]


def test_a_cancellation_that_create_job_tells_meanwhile_is_not_told_again(aws: Any, job: Job) -> None:
    """A person cancels a job whose upload is processed a second time when its execution is stopped."""
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    ledger = Mock(wraps=aws.ledger)

    def tell_first(*_: Any, **__: Any) -> None:
        aws.ledger.record(job.upload, job.attempt, notice_id="told by create_job")
        raise ChangeRefused("failed")

    ledger.record.side_effect = tell_first
    report = FailureReport(ledger, aws.sender).report(job, "failed", "It has aborted.")
    assert report == {"status": "cancelled", "reason": "A person cancelled it."}
    assert aws.notices() == []


def test_an_execution_does_not_report_the_outputs_of_a_later_delivery(studio: Studio) -> None:
    """As in simulated life 48706: a stopped job was redelivered while EventBridge failed, and mails were repeated."""
    job = studio.job
    studio.aws.ledger.record(job.upload, job.attempt, told_redelivery="42d036cfc")
    report = FailureReport(studio.aws.ledger, studio.aws.sender)

    assert report.report(job, "cancelled", "It has aborted.")["status"] == "done"
    assert studio.aws.notices() == []

    report.report(replace(job, redelivery="42d036cfc"), "failed", "The video has been deleted.")
    [notice] = studio.aws.notices()
    assert "no annotated video" in notice["Subject"]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "outcome"), [("done", "done"), ("overdue", "failed"), ("failed", "failed")])
def test_a_late_failure_does_not_change_the_end_but_reports_it(aws: Any, job: Job, status: Any, outcome: str) -> None:
    """The function that ended the job died before it sent the notice."""
    aws.ledger.record(job.upload, job.attempt, status=status, error="The first reason.")
    report = FailureReport(aws.ledger, aws.sender).report(job, "failed", "It has aborted.")
    assert report["status"] == aws.ledger.read(job.upload, job.attempt)["status"] == status
    [notice] = aws.notices()
    assert notice["MessageAttributes"]["outcome"]["Value"] == outcome
    assert job.job_id in notice["Message"]


def test_a_job_whose_results_are_stored_does_not_fail(aws: Any, job: Job) -> None:
    """This holds whatever ended its delivery."""
    uri = f"s3://results/{FOLDER}/results.json"
    progress = replace(Progress(delivery="first"), failed={"coco": "A bug."}).to_item()
    aws.ledger.record(job.upload, 1, status="running", job_id=job.job_id, results_location=uri, delivery=progress)
    report = FailureReport(aws.ledger, aws.sender)
    for _ in range(2):
        report.report(job, "failed", "S3 was down.")
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["failed_outputs"]) == ("done", {"coco": "A bug.", "everything else": "S3 was down."})
    assert "error" not in item
    assert "delivery" not in item
    [notice] = aws.notices()
    assert notice["Subject"] == "line 3+u%41 (1).MP4: results stored, delivery failed: S3 was down."
    assert f"Results: {uri}\n" in notice["Message"]
    assert f"videoinfer redeliver {job.job_id}" in notice["Message"]


def test_a_missing_annotated_video_is_reported_once_and_the_results_stay(studio: Studio) -> None:
    report = FailureReport(studio.aws.ledger, studio.aws.sender)
    for _ in range(2):
        answer = report.report(studio.job, "failed", "The video has been deleted.")
        assert answer == {"status": "done", "reason": "The video has been deleted."}
    item = studio.read_item()
    assert (item["status"], item["annotation_error"]) == ("done", "The video has been deleted.")
    assert "error" not in item
    [notice] = studio.aws.notices()
    assert notice["Subject"] == "line 3+u%41 (1).MP4: no annotated video: The video has been deleted."
    assert "The results are stored" in notice["Message"]
    assert f"videoinfer redeliver {studio.job.job_id}" in notice["Message"]


@pytest.mark.slow
def test_a_missing_dataset_is_reported_once_beside_an_annotated_video(studio: Studio) -> None:
    options = replace(studio.job.options, dataset_frames=DatasetFrames("all"))
    studio.job = replace(studio.job, options=options)
    studio.annotate()
    report = FailureReport(studio.aws.ledger, studio.aws.sender)
    for _ in range(2):
        answer = report.report(studio.job, "failed", "The video has been deleted.", missing=DATASET)
        assert answer == {"status": "done", "reason": "The video has been deleted."}
    item = studio.read_item()
    assert (item["status"], item["dataset_error"]) == ("done", "The video has been deleted.")
    assert "annotation_error" not in item
    annotated, missing = studio.aws.notices()
    assert annotated["Subject"].endswith(": annotated video")
    assert missing["Subject"] == "line 3+u%41 (1).MP4: no dataset: The video has been deleted."
    assert "the dataset is missing" in missing["Message"]
    assert f"videoinfer redeliver {studio.job.job_id}" in missing["Message"]


@pytest.mark.parametrize(("output", "command"), [(ANNOTATION, "annotate"), (DATASET, "export")])
def test_an_output_of_a_video_that_is_gone_is_not_tried_again(
    studio: Studio, output: MediaOutput, command: str
) -> None:
    report = FailureReport(studio.aws.ledger, studio.aws.sender)
    report.report(studio.job, "failed", "The video has been deleted.", missing=output, refused=True)
    [notice] = studio.aws.notices()
    assert "videoinfer redeliver" not in notice["Message"]
    assert f"videoinfer {command} makes it on your own machine" in notice["Message"]


@pytest.mark.slow
@pytest.mark.parametrize("output", MEDIA_OUTPUTS, ids=lambda output: output.name)
def test_an_output_of_an_earlier_delivery_is_kept_if_it_cannot_be_made_again(
    studio: Studio, output: MediaOutput
) -> None:
    """The notice, the ledger, `show`, and S3 say the same."""
    if output is ANNOTATION:
        studio.annotate()
    else:
        studio.make_and_record_dataset()
    uri = studio.read_item()[output.location]
    studio.aws.ledger.record(studio.job.upload, studio.job.attempt, **{output.notice_id: None})  # as a redelivery does
    report = FailureReport(studio.aws.ledger, studio.aws.sender)
    report.report(studio.job, "failed", "The video has been deleted.", missing=output, refused=True)
    [_, notice] = studio.aws.notices()
    assert notice["Subject"].endswith(f": {output.title} kept from before: The video has been deleted.")
    assert f"Kept: {uri}\n" in notice["Message"]
    assert "is missing" not in notice["Message"]
    item = studio.read_item()
    facts = compose_facts(item, [item], datetime.now(UTC))
    assert ("Output", uri) in facts
    words = f"{output.file_name}: The video has been deleted. The one that is there is kept."
    assert [fact for fact in facts if fact[0] in ("Missing", "Not made again")] == [("Not made again", words)]
    assert studio.bucket.has(uri.removeprefix(f"s3://{studio.aws.results_bucket}/"))


def test_an_execution_that_ends_early_lacks_every_output_that_was_not_told(studio: Studio) -> None:
    options = replace(studio.job.options, dataset_frames=DatasetFrames("all"))
    studio.job = replace(studio.job, options=options)
    FailureReport(studio.aws.ledger, studio.aws.sender).report(studio.job, "failed", "It has aborted.")
    outcomes = [notice["MessageAttributes"]["outcome"]["Value"] for notice in studio.aws.notices()]
    assert outcomes == ["not-annotated", "no-dataset"]


@pytest.mark.parametrize("before", ["running", "done"])
def test_a_job_that_is_stopped_once_its_results_are_stored_lacks_its_media_outputs(
    aws: Any, job: Job, before: Any
) -> None:
    """Nobody calls the function again, which has told the owner about the results."""
    job = replace(job, options=replace(job.options, annotate=True, dataset_frames=DatasetFrames("all")))
    uri = f"s3://results/{FOLDER}/results.json"
    aws.ledger.record(job.upload, 1, status=before, job_id=job.job_id, results_location=uri)
    assert FailureReport(aws.ledger, aws.sender).report(job, "failed", "It has aborted.")["status"] == "done"
    outcomes = [notice["MessageAttributes"]["outcome"]["Value"] for notice in aws.notices()]
    assert outcomes == ["done", "not-annotated", "no-dataset"]
    item = aws.ledger.read(job.upload, 1)
    assert (item["annotation_error"], item["dataset_error"]) == ("It has aborted.", "It has aborted.")
