"""Which notices of results are sent: all, or those of jobs that meet their conditions."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.videojobs import test_create_job as creation
from tests.unit.videojobs.deliveries import DONE, RESULTS, build, read_object
from tests.unit.videojobs.studio import Studio
from videojobs.delivery_end import DeliveryEnd
from videojobs.delivery_progress import Polling, Progress
from videojobs.jobs.ends import compose_detail
from videojobs.jobs.ledger import NOT_SENT, RULES_DID_NOT_HOLD, Job
from videojobs.jobs.notify_when import parse_notify_when
from videojobs.jobs.uploads import JobRequest
from videojobs.outputs.summary import Summary
from videojobs.report_failure import FailureReport

NIGHT = {"name": "at night", "between": ["22:00", "06:00"], "time_zone": "Europe/Berlin"}
HOLDS, FAILS = {"name": "a rock", "class": "Rock"}, {"name": "scissors", "class": "Scissors"}


def ask(job: Job, notify_when: Any, **options: Any) -> Job:
    return replace(job, options=replace(job.options, notify_when=parse_notify_when(notify_when), **options))


def test_a_notice_says_which_conditions_held_and_links_to_the_moments(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(ask(job, [HOLDS, FAILS]), Polling(3))
    [notice] = aws.notices()
    assert notice["Subject"].endswith(": a rock")
    link = notice["Message"].split("Look: ")[1].split("\n")[0]
    assert f"notify_when held:\na rock: once\n  0:00 {link}?t=0\n" in notice["Message"]
    assert "scissors:" not in notice["Message"]
    item = aws.ledger.read(job.upload, job.attempt)
    assert item["notice_id"] == notice["MessageId"]
    assert "no_notice" not in item
    kept = json.loads(read_object(aws, "summary.json"))["rules"]
    assert [(rule["name"], rule["held"], rule["times"]) for rule in kept["conditions"]] == [
        ("a rock", True, 1),
        ("scissors", False, 0),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("notify_when", [[FAILS], {"all": [HOLDS, FAILS]}])
def test_no_notice_is_sent_if_they_do_not_hold_and_the_ledger_says_why(aws: Any, job: Job, notify_when: Any) -> None:
    for _ in range(2):
        build(aws, DONE, (200, RESULTS)).deliver(ask(job, notify_when), Polling(3))
    assert aws.notices() == []
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["notice_id"], item["no_notice"]) == ("done", NOT_SENT, RULES_DID_NOT_HOLD)


@pytest.mark.parametrize("options", [{}, {"classes": ("rock",)}])
def test_a_class_that_may_be_misspelled_is_asked_about(aws: Any, job: Job, options: dict[str, Any]) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(ask(job, [{"name": "stone", "class": "rock"}], **options), Polling(3))
    [notice] = aws.notices()
    assert "notify_when could not be evaluated:\n  stone\n" in notice["Message"]
    assert "nothing has the class 'rock', but there is 'Rock'." in " ".join(notice["Message"].split())


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"redelivery": "again"}])
def test_conditions_that_hold_without_the_others_are_not_told_as_if_all_had(
    aws: Any, job: Job, options: dict[str, Any]
) -> None:
    job = ask(job, {"all": [HOLDS, FAILS]})
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    build(aws).deliver(job, Polling(3), **options)
    for notice in aws.notices():
        assert "notify_when held" not in notice["Message"]
        assert "a rock" not in notice["Subject"]


def test_a_redelivery_is_always_told(aws: Any, job: Job) -> None:
    job = ask(job, [FAILS])
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    build(aws).deliver(job, Polling(3), redelivery="again")
    [notice] = aws.notices()
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["notice_id"], item.get("no_notice")) == (notice["MessageId"], None)


def test_a_missing_output_is_always_told(aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videojobs.outputs.csv_table.CsvTable.add", lambda *_: 1 / 0)
    build(aws, DONE, (200, RESULTS)).deliver(ask(job, [FAILS]), Polling(3))
    [notice] = aws.notices()
    assert "these outputs are missing" in notice["Message"]


def test_without_a_summary_the_notice_says_that_the_conditions_are_unknown(
    aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Summary, "add", lambda *_: 1 / 0)
    build(aws, DONE, (200, RESULTS)).deliver(ask(job, [FAILS]), Polling(3))
    [notice] = aws.notices()
    words = "notify_when could not be evaluated:\n  scissors\nThe reason is: the summary could not be made.\n"
    assert words in notice["Message"]


def test_conditions_that_can_not_be_evaluated_are_told(aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videojobs.results.rules._Evaluation.add", lambda *_: 1 / 0)
    build(aws, DONE, (200, RESULTS)).deliver(ask(job, [FAILS]), Polling(3))
    [notice] = aws.notices()
    assert "The reason is: an error (ZeroDivisionError).\n" in notice["Message"]


@pytest.mark.slow
@pytest.mark.parametrize(("condition", "sent"), [(HOLDS, 1), (FAILS, 0)])
def test_the_outcome_passes_from_one_invocation_to_the_next(aws: Any, job: Job, condition: Any, sent: int) -> None:
    """After a crash, each output is made in an invocation of its own, the summary first."""
    job = ask(job, [condition])
    aws.ledger.record(job.upload, job.attempt, delivery=Progress(is_careful=True).to_item())
    answers: list[Any] = []
    while not answers or answers[-1]["status"] == "continuing":
        answers.append(build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3)))
    assert len(answers) > 3
    assert len(aws.notices()) == sent


def test_a_crash_between_recording_and_sending_loses_no_notice(
    aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(job, [HOLDS])
    with monkeypatch.context() as crashing:
        crashing.setattr(DeliveryEnd, "_publish", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    assert len(aws.notices()) == 1


@pytest.mark.slow
def test_an_annotated_video_is_told_only_if_the_results_were(studio: Studio) -> None:
    studio.aws.ledger.record(studio.job.upload, studio.job.attempt, notice_id=NOT_SENT, no_notice=RULES_DID_NOT_HOLD)
    studio.annotate()
    assert studio.aws.notices() == []
    assert studio.read_item()["annotation_notice_id"] == NOT_SENT
    assert "annotated_location" in studio.read_item()


def test_a_missing_annotated_video_is_always_told(studio: Studio) -> None:
    aws, job = studio.aws, studio.job
    aws.ledger.record(job.upload, job.attempt, notice_id=NOT_SENT, no_notice=RULES_DID_NOT_HOLD)
    FailureReport(aws.ledger, aws.sender).report(job, "failed", "No pictures.")
    [notice] = aws.notices()
    assert notice["Subject"].endswith(": no annotated video: No pictures.")


@pytest.mark.parametrize(("recorded_at", "status"), [("", "rejected"), ("2026-11-28T22:00:00+01:00", "running")])
def test_hours_need_the_time_of_the_recording(aws: Any, recorded_at: str, status: str) -> None:
    metadata = {"notify_when": json.dumps([NIGHT]), **({"recorded_at": recorded_at} if recorded_at else {})}
    creator, _ = creation.build(aws, (200, {"job_id": "j1"}))
    answer = creator.create_job(JobRequest(creation.upload(aws, "a.mp4", b"video", **metadata), 1))
    assert answer["status"] == status
    if status == "rejected":
        words = "between: nothing says when the video was recorded. Set the metadata recorded-at."
        assert answer["reason"] == f"notify_when: 'at night': {words}"
        [notice] = aws.notices()
        assert words in notice["Message"]


@pytest.mark.parametrize(("recorded_at", "sent"), [("2026-11-28T22:00:00+01:00", 1), ("2026-11-28T12:00:00Z", 0)])
def test_hours_are_those_of_the_recording(aws: Any, job: Job, recorded_at: str, sent: int) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(replace(ask(job, [NIGHT]), video_recorded_at=recorded_at), Polling(3))
    notices = aws.notices()
    assert len(notices) == sent
    assert all("at night: once\n  22:00:00 https://" in notice["Message"] for notice in notices)


def test_a_notice_s_attributes_and_the_event_name_what_was_found(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(ask(job, [HOLDS, FAILS]), Polling(3))
    [notice] = aws.notices()
    attributes = {name: attribute["Value"] for name, attribute in notice["MessageAttributes"].items()}
    assert attributes == {"outcome": "done", "classes": '["Rock", "Paper"]', "rules": '["a rock"]'}
    detail = compose_detail(job.upload, job.attempt, aws.ledger.read(job.upload, job.attempt))
    assert (detail["classes"], detail["regions"], detail["rules"]) == (["Rock", "Paper"], [], ["a rock"])
    assert (detail["summary"], detail["notice_sent"]) == ("a rock: once; Rock: at 0:00; Paper: at 0:00", True)


def test_an_event_tells_of_a_job_without_a_notice(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(ask(job, [FAILS]), Polling(3))
    detail = compose_detail(job.upload, job.attempt, aws.ledger.read(job.upload, job.attempt))
    assert (detail["status"], detail["rules"], detail["notice_sent"]) == ("done", [], False)
    assert detail["summary"] == "Rock: at 0:00; Paper: at 0:00"
