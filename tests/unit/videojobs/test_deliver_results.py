"""deliver_results delivers everything once, and can be repeated without harm."""

import gc
import json
import threading
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from tests.stand_ins.turns import ScriptedTurns
from tests.unit.videojobs.deliveries import DELIVERED, DONE, FOLDER, RESULTS, build, read_all, read_object
from videojobs.delivery_progress import Polling, Progress
from videojobs.errors import ApiRefused, ApiUnavailable, LinkExpired, TurnLater
from videojobs.jobs.costs import OTHER_TRANSITIONS, TRANSITIONS_A_POLL
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.waiting import WAITS_MAX, Waiting
from videojobs.report_failure import FailureReport
from videojobs.results.bucket import ResultsBucket


def test_a_redelivery_regenerates_the_outputs_of_the_stored_results_and_sends_another_notice(
    aws: Any, job: Job
) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    names = [entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=aws.results_bucket)["Contents"]]
    before = read_all(aws, names)
    item = aws.ledger.read(job.upload, job.attempt)
    for name in names:
        if name.endswith(".parquet"):
            aws.s3.delete_object(Bucket=aws.results_bucket, Key=name)

    no_answers_of_an_api = build(aws)
    asked = replace(job, deadline_at="2026-12-24T18:00:00+00:00")  # as `start_redelivery` does
    outcome = no_answers_of_an_api.deliver(asked, Polling(3), redelivery="again")
    assert outcome == {"status": "delivered", "reason": None}

    assert read_all(aws, names) == before
    again = aws.ledger.read(job.upload, job.attempt)
    changing = {"notice_id", "told_redelivery", "updated_at"}
    assert {name: again[name] for name in again if name not in changing} == {
        name: item[name] for name in item if name not in changing
    }
    assert len(aws.notices()) == 2


def test_a_redelivery_whose_answer_was_lost_sends_no_further_notice(aws: Any, job: Job) -> None:
    """Step Functions calls the function again, which has ended already."""
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    for name in ("one", "one", "two", "two"):
        again = replace(job, redelivery=name)
        assert build(aws).deliver(again, Polling(3), redelivery=name) == DELIVERED
    assert len(aws.notices()) == 3


def test_a_redelivery_that_is_called_again_after_a_later_one_was_told_is_not_told_again(aws: Any, job: Job) -> None:
    """Its event could not be published, so Step Functions called it again; meanwhile a person redelivered once more."""
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    for name in ("42d0395c9", "42d03c99a", "42d0395c9"):
        again = replace(job, redelivery=name)
        assert build(aws).deliver(again, Polling(3), redelivery=name) == DELIVERED
    assert len(aws.notices()) == 3


def test_results_that_could_not_be_delivered_can_be_delivered_later(aws: Any, job: Job) -> None:
    aws.s3.put_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/results.json", Body=RESULTS)
    aws.ledger.record(job.upload, job.attempt, status="failed", error="A bug.", job_id=job.job_id, notice_id="n1")
    assert build(aws).deliver(job, Polling(3), redelivery="again")["status"] == "delivered"
    item = aws.ledger.read(job.upload, job.attempt)
    assert item["status"] == "done"
    assert "error" not in item


def test_stored_results_that_break_the_contract_stay_if_the_api_has_no_others(aws: Any, job: Job) -> None:
    aws.s3.put_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/results.json", Body=b"<html>")
    outcome = build(aws, (404, {})).deliver(job, Polling(3), redelivery="again")
    assert outcome["status"] == "failed"
    assert "The API no longer has the job's results" in outcome["reason"]
    assert read_object(aws, "results.json") == b"<html>"
    assert "results_location" not in aws.ledger.read(job.upload, job.attempt)


def test_a_redelivery_fetches_results_that_were_never_stored(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="failed", error="S3 was down.", job_id=job.job_id, notice_id="n1")
    assert build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3), redelivery="again") == {
        "status": "delivered",
        "reason": None,
    }
    assert read_object(aws, "results.json") == RESULTS
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"
    [notice] = aws.notices()
    assert notice["MessageAttributes"]["outcome"]["Value"] == "done"


@pytest.mark.parametrize("is_careful", [False, True])
def test_a_redelivery_of_a_job_that_was_given_up_keeps_what_the_api_says_of_it(
    aws: Any, job: Job, *, is_careful: bool
) -> None:
    """No poll has seen the job done, so neither its cost nor the time of its first frame is in the ledger."""
    progress = Progress(delivery="again", is_careful=is_careful).to_item()  # each step is then an invocation of its own
    told: dict[str, Any] = {"status": "overdue", "error": "Slow.", "notice_id": "n1", "delivery": progress}
    aws.ledger.record(job.upload, job.attempt, job_id=job.job_id, **told)
    done = (200, {**DONE[1], "start_offset": 1.5, "cost_usd": 0.25})
    given_up = replace(job, start_offset=None, api_cost_usd=None)
    delivery = build(aws, done, (200, RESULTS))
    while delivery.deliver(given_up, Polling(3), redelivery="again")["status"] == "continuing":
        pass
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], float(item["start_offset"]), float(item["api_cost_usd"])) == ("done", 1.5, 0.25)
    assert float(item["cost_usd"]) > 0.25
    assert json.loads(read_object(aws, "job.json"))["start_offset"] == 1.5
    assert json.loads(read_object(aws, "summary.json"))["cost"]["usd"]["video_inference_api"] == 0.25


RETRY = (
    "To infer the video again, as a new job that is billed, run: videoinfer retry fec28362-f7d9-4cc0-a805-5e94495d063d"
)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {"error": "Job not found"}), f"The API no longer has the job's results (Job not found). {RETRY}"),
        (
            (200, {"status": 2, "error": "The GPU is on fire."}),
            f"The API says that the job failed: The GPU is on fire. {RETRY}",
        ),
        ((200, {"status": 1}), "The API is still running the job. Redeliver it later."),
    ],
    ids=["forgotten", "failed", "running"],
)
def test_a_redelivery_without_results_says_what_to_do(aws: Any, job: Job, answer: Any, reason: str) -> None:
    assert build(aws, answer).deliver(job, Polling(3), redelivery="again") == {"status": "failed", "reason": reason}
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.results_bucket)


def test_a_redelivery_waits_for_its_turn_at_the_api(aws: Any, job: Job) -> None:
    turns = ScriptedTurns([TurnLater(60, 1_800_000_100.5, 100.5)])
    answer = build(aws, turns=turns).deliver(job, Polling(3), redelivery="again")
    assert (answer["status"], answer["turn_at"]) == ("waiting", 1_800_000_100.5)
    answer = build(aws, DONE, (200, RESULTS), turns=turns).deliver(
        job, Polling(3), Waiting.from_delivery(answer), "again"
    )
    assert answer["status"] == "delivered"
    assert turns.taken == [("completions", None), ("completions", 1_800_000_100.5)]


@pytest.mark.parametrize(
    "answers", [[(503, {})], [(401, {"error": "Unknown key"})], [DONE, (403, {}), DONE, (403, {})], [DONE, (500, {})]]
)
def test_a_redelivery_that_cannot_be_made_now_is_retried_later(aws: Any, job: Job, answers: list[Any]) -> None:
    with pytest.raises((ApiUnavailable, ApiRefused, LinkExpired)):
        build(aws, *answers).deliver(job, Polling(3), redelivery="again")
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.results_bucket)


def test_an_expired_link_is_renewed(aws: Any, job: Job) -> None:
    build(aws, DONE, (403, b"expired"), DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert read_object(aws, "results.json") == RESULTS


def test_a_link_that_stays_expired_is_retried_later(aws: Any, job: Job) -> None:
    with pytest.raises(LinkExpired):
        build(aws, DONE, (403, b""), DONE, (403, b"")).deliver(job, Polling(3, 0.5))


def test_a_download_that_breaks_off_leaves_nothing_behind(aws: Any, job: Job) -> None:
    cut_short = (200, RESULTS[:100], {"Content-Length": str(len(RESULTS))})
    with pytest.raises(ApiUnavailable, match="broke off"):
        build(aws, DONE, cut_short).deliver(job, Polling(3, 0.5))
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.results_bucket)
    assert aws.notices() == []


def test_results_that_break_the_contract_are_kept_and_fail_the_job(aws: Any, job: Job) -> None:
    outcome = build(aws, DONE, (200, b"<html>")).deliver(job, Polling(3, 0.5))
    assert outcome["status"] == "failed"
    assert "not JSON" in outcome["reason"]
    assert read_object(aws, "results.json") == b"<html>"
    assert aws.notices() == []


def test_broken_results_stay_failed_if_the_ledger_can_not_record_them(
    aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is stored, and DynamoDB refuses each record that it breaks the contract, until all retries end."""
    record = Ledger.record

    def refuse(ledger: Ledger, *args: Any, **values: Any) -> None:
        if values.get("results_location", "") is None:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Slow down."}}, "UpdateItem")
        record(ledger, *args, **values)

    aws.ledger.record(job.upload, job.attempt, status="running", **job.to_values())
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "record", refuse)
        for answers in ((DONE, (200, b"<html>")), ()):
            with pytest.raises(ClientError):
                build(aws, *answers).deliver(job, Polling(3))
    report = FailureReport(aws.ledger, aws.sender).report(job, "failed", "DynamoDB throttled.")
    assert report["status"] == aws.ledger.read(job.upload, job.attempt)["status"] == "failed"


@pytest.mark.parametrize("is_careful", [False, True])
def test_a_job_whose_results_were_read_whole_is_done_even_if_its_records_can_not_be_saved(
    aws: Any, job: Job, is_careful: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ResultsBucket, "save_json", Mock(side_effect=ClientError({"Error": {}}, "PutObject")))
    aws.ledger.record(job.upload, job.attempt, status="running", **job.to_values())
    if is_careful:
        aws.s3.put_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/results.json", Body=RESULTS)
        aws.ledger.record(job.upload, job.attempt, delivery=Progress(is_careful=True).to_item())
    with pytest.raises(ClientError):
        build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    report = FailureReport(aws.ledger, aws.sender).report(job, "failed", "S3 was down.")
    assert report["status"] == "done"


def test_a_redelivery_of_broken_results_calls_the_api_again(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, b"<html>")).deliver(job, Polling(3))
    outcome = build(aws, DONE, (200, b"[]")).deliver(job, Polling(3), redelivery="again")
    assert outcome["status"] == "failed"
    assert read_object(aws, "results.json") == b"[]"
    outcome = build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3), redelivery="at last")
    assert outcome == {"status": "delivered", "reason": None}
    assert read_object(aws, "results.json") == RESULTS
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"


def test_a_redelivery_of_cut_results_that_waits_for_hours_does_not_deliver_them(aws: Any, job: Job) -> None:
    """The API limits each of its calls. The waits counted as crashes, until every output was given up as too large."""
    build(aws, DONE, (200, RESULTS[:100])).deliver(job, Polling(3))
    for _ in range(30):
        limited = build(aws, (429, {}, {"Retry-After": "30"}))
        assert limited.deliver(job, Polling(3), redelivery="again")["status"] == "waiting"
    assert build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3), redelivery="again")["status"] == "delivered"
    assert read_object(aws, "results.json") == RESULTS


def test_a_redelivery_in_steps_fetches_broken_results_once(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, b"<html>")).deliver(job, Polling(3))
    careful = replace(Progress(delivery="again"), is_careful=True).to_item()
    aws.ledger.record(job.upload, job.attempt, delivery=careful)
    outcome = build(aws, DONE, (200, b"[]")).deliver(job, Polling(3), redelivery="again")
    assert outcome["status"] == "continuing"
    outcome = build(aws).deliver(job, Polling(3), redelivery="again")
    assert outcome["status"] == "failed"


def test_results_that_break_late_leave_no_output(aws: Any, job: Job) -> None:
    threads = threading.active_count()
    broken = RESULTS.rstrip().removesuffix(b"}") + b', "rest'
    outcome = build(aws, DONE, (200, broken)).deliver(job, Polling(3))
    assert "end in the middle of the JSON" in outcome["reason"]
    listed = aws.s3.list_objects_v2(Bucket=aws.results_bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == [f"{FOLDER}/results.json"]
    assert threading.active_count() == threads


def test_outputs_are_beside_the_results_and_tables_together(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    keys = {entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=aws.results_bucket)["Contents"]}
    beside = {
        "results.json",
        "summary.json",
        "job.json",
        "detections.csv.gz",
        "coco.json",
        "detections.vtt",
        "report.html",
    }
    tables = {f"tables/{name}/day=2026-11-02/{job.job_id}.parquet" for name in ("detections", "frames")}
    assert keys == {f"{FOLDER}/{name}" for name in beside} | tables
    outputs = json.loads(read_object(aws, "job.json"))["outputs"]
    assert outputs["detections.parquet"].endswith(f"/tables/detections/day=2026-11-02/{job.job_id}.parquet")
    assert b"media-src https: blob:" in read_object(aws, "report.html")  # what a shared page may load


def test_elements_before_their_offsets_are_read_from_the_stored_file(aws: Any, job: Job) -> None:
    results = dict(reversed(json.loads(RESULTS).items()))
    build(aws, DONE, (200, results)).deliver(job, Polling(3))
    summary = json.loads(read_object(aws, "summary.json"))
    [model] = summary["models"].values()
    assert sum(entry["count"] for entry in model["classes"].values()) == 2
    assert model["failed_share"] == pytest.approx(1 / 3, abs=1e-6)
    assert summary["cost"]["used"]["state_transitions"] == 3 * TRANSITIONS_A_POLL + OTHER_TRANSITIONS


def test_a_job_that_is_no_longer_done_is_retried_later(aws: Any, job: Job) -> None:
    with pytest.raises(ApiUnavailable, match="now says that it is running"):
        build(aws, (200, {"status": 1})).deliver(job, Polling(3, 0.5))


@pytest.mark.parametrize("status_code", [400, 401, 404, 410, 422])
def test_a_refusal_is_retried_later(aws: Any, job: Job, status_code: int) -> None:
    with pytest.raises(ApiRefused):
        build(aws, (status_code, {"error": "Job not found"})).deliver(job, Polling(3, 0.5))


def test_a_delivery_waits_for_its_turn_and_then_uses_it(aws: Any, job: Job) -> None:
    turns = ScriptedTurns([TurnLater(60, 1_800_000_100.5, 100.5)])
    answer = build(aws, turns=turns).deliver(job, Polling(3))
    assert {**answer, "reason": None} == {
        "status": "waiting",
        "reason": None,
        "wait_seconds": 100,
        "turn_at": 1_800_000_100.5,
        "waits": 1,
    }
    answer = build(aws, DONE, (200, RESULTS), turns=turns).deliver(job, Polling(3), Waiting.from_delivery(answer))
    assert answer["status"] == "delivered"
    assert turns.taken == [("completions", None), ("completions", 1_800_000_100.5)]


def test_an_expired_link_takes_another_turn(aws: Any, job: Job) -> None:
    turns = ScriptedTurns()
    build(aws, DONE, (403, {}), DONE, (200, RESULTS), turns=turns).deliver(job, Polling(3))
    assert len(turns.taken) == turns.used == 2


@pytest.mark.slow
def test_a_delivery_is_retried_when_the_api_asks_but_not_endlessly(aws: Any, job: Job) -> None:
    waiting = Waiting()
    for waits in range(1, WAITS_MAX + 1):
        answer = build(aws, (429, {}, {"Retry-After": "120"})).deliver(job, Polling(3), waiting)
        assert (answer["status"], answer["wait_seconds"], answer["turn_at"]) == ("waiting", 120, None)
        waiting = Waiting.from_delivery(answer)
        assert waiting.waits == waits
    with pytest.raises(ApiUnavailable, match="429"):
        build(aws, (429, {}, {"Retry-After": "120"})).deliver(job, Polling(3), waiting)


@pytest.mark.parametrize("refused", ["summary.json", "job.json"])
def test_a_delivery_is_retried_after_its_records_could_not_be_saved(
    aws: Any, job: Job, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try has made all outputs, and S3 then refuses a record: the summary is lost with the function."""
    save_json = ResultsBucket.save_json

    def refuse(bucket: ResultsBucket, key: str, record: Any) -> None:
        if key.endswith(refused):
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your request rate."}}, "PutObject")
        save_json(bucket, key, record)

    with monkeypatch.context() as patch:
        patch.setattr(ResultsBucket, "save_json", refuse)
        with pytest.raises(ClientError):
            build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    assert build(aws).deliver(job, Polling(3)) == DELIVERED
    assert json.loads(read_object(aws, "summary.json"))["frames"] == 3
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"


def test_a_delivery_records_the_job_that_create_job_could_not(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="creating")
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["job_id"], item["created_at"]) == ("done", job.job_id, job.created_at)


def test_a_job_that_was_cancelled_is_not_delivered(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    delivery = build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert delivery["status"] == "failed"
    report = FailureReport(aws.ledger, aws.sender).report(job, "failed", delivery["reason"])
    assert report == {"status": "cancelled", "reason": "A person cancelled it."}
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "cancelled"
    [notice] = aws.notices()
    assert notice["Subject"].endswith(": cancelled")


def test_a_job_that_was_cancelled_can_be_redelivered(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert build(aws).deliver(job, Polling(3), redelivery="again")["status"] == "delivered"
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"


@pytest.mark.slow
def test_a_download_is_closed_if_the_ledger_refuses_the_change(
    aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wire warns of an answer that is left open."""
    monkeypatch.setattr(Ledger, "record", Mock(side_effect=OSError("no ledger")))
    with pytest.raises(OSError, match="no ledger"):
        build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    gc.collect()
