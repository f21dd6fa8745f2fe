"""deliver_results and report_failure: everything once, and again without harm."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.stand_ins.turns import ScriptedTurns
from tests.stand_ins.wire import Wire
from videoinfer.repository import ROOT
from videojobs import __version__
from videojobs.api.client import VideoInferenceApi
from videojobs.api.turns import Turns
from videojobs.deliver_results import ResultsDelivery
from videojobs.delivery_progress import Polling
from videojobs.errors import ApiRefused, ApiUnavailable, LinkExpired, TurnLater
from videojobs.jobs.costs import OTHER_TRANSITIONS, TRANSITIONS_A_POLL, Meter
from videojobs.jobs.ledger import Job
from videojobs.jobs.waiting import WAITS_MAX, Waiting
from videojobs.notices.share_links import ShareLinks
from videojobs.outputs.names import parse_outputs
from videojobs.report_failure import FailureReport
from videojobs.results.bucket import ResultsBucket

RESULTS = (ROOT / "tests" / "contract" / "examples" / "results.json").read_bytes()
DONE = (200, {"status": 0, "output_signed_url": "https://storage.example.com/r?X-Goog-Signature=s1gn3d"})
OUTPUTS = parse_outputs("parquet,csv,coco,webvtt,report")
LINKS = ShareLinks("s1gn1ng-key", "https://share.example.com")
FOLDER = "results/line 3+ü%41 (1).MP4/fec28362-f7d9-4cc0-a805-5e94495d063d"


def build(
    aws: Any,
    *answers: Any,
    turns: Turns | None = None,
    seconds_left: Callable[[], float] | None = None,
    wire: Wire | None = None,
) -> ResultsDelivery:
    session = (wire or Wire(*answers)).session
    api = VideoInferenceApi("https://api.example.com", "rf_s3cr3t", session, turns)
    bucket = ResultsBucket(aws.s3, aws.results_bucket)
    return ResultsDelivery(
        api=api,
        ledger=aws.ledger,
        topic=aws.topic,
        bucket=bucket,
        links=LINKS,
        share_link_days=7,
        outputs=OUTPUTS,
        retention_days=30,
        meter=Meter(1769),
        count_seconds_left=seconds_left or (lambda: 900.0),
    )


def read_object(aws: Any, name: str) -> bytes:
    content: bytes = aws.s3.get_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/{name}")["Body"].read()
    return content


def test_results_arrive_byte_for_byte_beside_their_record(aws: Any, job: Job) -> None:
    assert build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5)) == {"status": "delivered", "reason": None}
    assert read_object(aws, "results.json") == RESULTS
    record = json.loads(read_object(aws, "job.json"))
    assert record["videoinfer_version"] == __version__
    assert record["job_id"] == job.job_id
    assert record["upload"] == job.upload.uri
    assert record["models"] == job.options.to_dict()["models"]
    assert record["polls"] == 3
    assert record["frames"] == len(json.loads(RESULTS)["frame_offset"])
    assert record["results_location"] == f"s3://{aws.results_bucket}/{FOLDER}/results.json"
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["results_location"]) == ("done", record["results_location"])
    [notice] = aws.notices()
    assert notice["Subject"] == "Done: line 3+?%41 (1).MP4"
    assert "s1gn3d" not in json.dumps([record, item, notice], default=str)
    assert "https://share.example.com/s/" in notice["Message"]
    assert "/s/" not in json.dumps([record, item], default=str)


def test_a_second_delivery_publishes_no_second_notice(aws: Any, job: Job) -> None:
    for _ in range(2):
        build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert len(aws.notices()) == 1


def test_a_redelivery_makes_the_same_outputs_of_the_stored_results_and_another_notice(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    names = [entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=aws.results_bucket)["Contents"]]
    before = read_all(aws, names)
    item = aws.ledger.read(job.upload, job.attempt)
    for name in names:
        if name.endswith(".parquet"):
            aws.s3.delete_object(Bucket=aws.results_bucket, Key=name)

    no_answers_of_an_api = build(aws)
    assert no_answers_of_an_api.deliver(job, Polling(3), redelivery="again") == {"status": "delivered", "reason": None}

    assert read_all(aws, names) == before
    again = aws.ledger.read(job.upload, job.attempt)
    changing = {"notice_id", "updated_at"}
    assert {name: again[name] for name in again if name not in changing} == {
        name: item[name] for name in item if name not in changing
    }
    assert len(aws.notices()) == 2


def test_a_redelivery_keeps_what_the_annotated_video_cost(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    bucket = ResultsBucket(aws.s3, aws.results_bucket)
    summary = bucket.read_json(f"{FOLDER}/summary.json") | {"annotation_cost": {"total_usd": 0.25}}
    bucket.save_json(f"{FOLDER}/summary.json", summary)
    build(aws).deliver(job, Polling(3), redelivery="again")
    assert bucket.read_json(f"{FOLDER}/summary.json") == summary
    item = aws.ledger.read(job.upload, job.attempt)
    assert float(item["cost_usd"]) == pytest.approx(0.25 + summary["cost"]["total_usd"])


def test_results_that_could_not_be_delivered_once_can_be_later(aws: Any, job: Job) -> None:
    aws.s3.put_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/results.json", Body=RESULTS)
    aws.ledger.record(job.upload, job.attempt, status="failed", error="A bug.", job_id=job.job_id, notice_id="n1")
    assert build(aws).deliver(job, Polling(3), redelivery="again")["status"] == "delivered"
    item = aws.ledger.read(job.upload, job.attempt)
    assert item["status"] == "done"
    assert "error" not in item


def test_stored_results_that_break_the_contract_fail_again(aws: Any, job: Job) -> None:
    aws.s3.put_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/results.json", Body=b"<html>")
    outcome = build(aws).deliver(job, Polling(3), redelivery="again")
    assert outcome["status"] == "failed"
    assert "JSON" in outcome["reason"]


def test_a_redelivery_fetches_results_that_were_never_stored(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="failed", error="S3 was down.", job_id=job.job_id, notice_id="n1")
    assert build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3), redelivery="again") == {
        "status": "delivered",
        "reason": None,
    }
    assert read_object(aws, "results.json") == RESULTS
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"
    [notice] = aws.notices()
    assert notice["Subject"].startswith("Done: ")


RETRY = "To have it inferred again, as a new job that is billed: videoinfer retry fec28362-f7d9-4cc0-a805-5e94495d063d"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {"error": "Job not found"}), f"The API no longer has the job's results (Job not found). {RETRY}"),
        (
            (200, {"status": 2, "error": "The GPU is on fire."}),
            f"The API no longer has the job's results (The GPU is on fire.). {RETRY}",
        ),
        ((200, {"status": 1}), "The API is still running the job. Redeliver it later."),
    ],
    ids=["forgotten", "failed", "running"],
)
def test_a_redelivery_without_results_says_what_helps(aws: Any, job: Job, answer: Any, reason: str) -> None:
    assert build(aws, answer).deliver(job, Polling(3), redelivery="again") == {"status": "failed", "reason": reason}
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.results_bucket)


def test_a_redelivery_takes_its_turn_at_the_api(aws: Any, job: Job) -> None:
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
def test_a_redelivery_that_can_not_be_made_now_means_later(aws: Any, job: Job, answers: list[Any]) -> None:
    with pytest.raises((ApiUnavailable, ApiRefused, LinkExpired)):
        build(aws, *answers).deliver(job, Polling(3), redelivery="again")
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.results_bucket)


def read_all(aws: Any, names: list[str]) -> list[bytes]:
    return [aws.s3.get_object(Bucket=aws.results_bucket, Key=name)["Body"].read() for name in names]


def test_an_expired_link_is_renewed(aws: Any, job: Job) -> None:
    build(aws, DONE, (403, b"expired"), DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert read_object(aws, "results.json") == RESULTS


def test_a_link_that_stays_expired_means_later(aws: Any, job: Job) -> None:
    with pytest.raises(LinkExpired):
        build(aws, DONE, (403, b""), DONE, (403, b"")).deliver(job, Polling(3, 0.5))


def test_a_download_that_breaks_off_leaves_nothing_behind(aws: Any, job: Job) -> None:
    cut_short = (200, RESULTS[:100], {"Content-Length": str(len(RESULTS))})
    with pytest.raises(ApiUnavailable, match="broke off"):
        build(aws, DONE, cut_short).deliver(job, Polling(3, 0.5))
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.results_bucket)
    assert aws.notices() == []


def test_results_that_break_the_contract_are_kept_and_fail(aws: Any, job: Job) -> None:
    outcome = build(aws, DONE, (200, b"<html>")).deliver(job, Polling(3, 0.5))
    assert outcome["status"] == "failed"
    assert "not JSON" in outcome["reason"]
    assert read_object(aws, "results.json") == b"<html>"
    assert aws.notices() == []


def test_of_results_that_break_late_no_output_stays(aws: Any, job: Job) -> None:
    threads = threading.active_count()
    broken = RESULTS.rstrip().removesuffix(b"}") + b', "rest'
    outcome = build(aws, DONE, (200, broken)).deliver(job, Polling(3))
    assert "end in the middle of the JSON" in outcome["reason"]
    listed = aws.s3.list_objects_v2(Bucket=aws.results_bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == [f"{FOLDER}/results.json"]
    assert threading.active_count() == threads


def test_outputs_lie_beside_the_results_and_tables_together(aws: Any, job: Job) -> None:
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


def test_a_job_that_is_no_longer_done_means_later(aws: Any, job: Job) -> None:
    with pytest.raises(ApiUnavailable, match="now says that it is running"):
        build(aws, (200, {"status": 1})).deliver(job, Polling(3, 0.5))


def test_a_job_that_the_api_has_forgotten_fails(aws: Any, job: Job) -> None:
    outcome = build(aws, (404, {"error": "Job not found"})).deliver(job, Polling(3, 0.5))
    assert outcome == {"status": "failed", "reason": "The API no longer knows the job: Job not found"}


def test_a_key_that_is_refused_means_later(aws: Any, job: Job) -> None:
    with pytest.raises(ApiRefused):
        build(aws, (401, {"error": "Unknown key"})).deliver(job, Polling(3, 0.5))


def test_a_failure_is_told_once(aws: Any, job: Job) -> None:
    report = FailureReport(aws.ledger, aws.topic)
    assert report.report(job, "overdue", "Too late.") == {"status": "overdue", "reason": "Too late."}
    assert report.report(job, "failed", "Aborted.") == {"status": "overdue", "reason": "Too late."}
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["error"]) == ("overdue", "Too late.")
    [notice] = aws.notices()
    assert notice["Subject"] == "Failed: line 3+?%41 (1).MP4"


def test_a_delivery_that_was_given_up_is_told_with_a_remedy_that_bills_nothing(aws: Any, job: Job) -> None:
    FailureReport(aws.ledger, aws.topic).report(job, "failed", "S3 was down.", is_undelivered=True)
    [notice] = aws.notices()
    redeliver, retry = (notice["Message"].find(f"videoinfer {lever} {job.job_id}") for lever in ("redeliver", "retry"))
    assert 0 < redeliver < retry


def test_a_job_whose_results_are_told_does_not_fail_afterwards(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    FailureReport(aws.ledger, aws.topic).report(job, "failed", "Aborted.")
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"
    assert len(aws.notices()) == 1


def test_a_cancelled_job_keeps_its_reason_and_is_told_once(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    for _ in range(2):
        report = FailureReport(aws.ledger, aws.topic).report(job, "failed", "It has aborted.")
        assert report == {"status": "cancelled", "reason": "A person cancelled it."}
    [notice] = aws.notices()
    assert notice["Subject"] == "Cancelled: line 3+?%41 (1).MP4"
    assert notice["MessageAttributes"]["outcome"]["Value"] == "cancelled"
    assert f"videoinfer retry {job.job_id}" in notice["Message"]


def test_a_delivery_waits_for_its_turn_and_goes_on_with_it(aws: Any, job: Job) -> None:
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


def test_a_link_that_has_expired_takes_another_turn(aws: Any, job: Job) -> None:
    turns = ScriptedTurns()
    build(aws, DONE, (403, {}), DONE, (200, RESULTS), turns=turns).deliver(job, Polling(3))
    assert len(turns.taken) == turns.used == 2


def test_a_delivery_comes_back_when_the_api_says_and_not_for_ever(aws: Any, job: Job) -> None:
    waiting = Waiting()
    for waits in range(1, WAITS_MAX + 1):
        answer = build(aws, (429, {}, {"Retry-After": "120"})).deliver(job, Polling(3), waiting)
        assert (answer["status"], answer["wait_seconds"], answer["turn_at"]) == ("waiting", 120, None)
        waiting = Waiting.from_delivery(answer)
        assert waiting.waits == waits
    with pytest.raises(ApiUnavailable, match="429"):
        build(aws, (429, {}, {"Retry-After": "120"})).deliver(job, Polling(3), waiting)


def test_a_delivery_writes_the_job_down_that_create_job_could_not(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="creating")
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["job_id"], item["created_at"]) == ("done", job.job_id, job.created_at)


def test_a_job_that_was_cancelled_is_not_delivered(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    delivery = build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert delivery["status"] == "failed"
    report = FailureReport(aws.ledger, aws.topic).report(job, "failed", delivery["reason"])
    assert report == {"status": "cancelled", "reason": "A person cancelled it."}
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "cancelled"
    [notice] = aws.notices()
    assert notice["Subject"].startswith("Cancelled: ")


def test_a_job_that_was_cancelled_can_be_redelivered(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert build(aws).deliver(job, Polling(3), redelivery="again")["status"] == "delivered"
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "done"


@pytest.mark.parametrize(("status", "subject"), [("done", "Done: "), ("overdue", "Failed: "), ("failed", "Failed: ")])
def test_a_failure_that_comes_late_changes_no_end_and_tells_it(aws: Any, job: Job, status: Any, subject: str) -> None:
    """The function that brought the job to its end died before its notice was out."""
    aws.ledger.record(job.upload, job.attempt, status=status, error="The first reason.")
    report = FailureReport(aws.ledger, aws.topic).report(job, "failed", "It has aborted.")
    assert report["status"] == aws.ledger.read(job.upload, job.attempt)["status"] == status
    [notice] = aws.notices()
    assert notice["Subject"].startswith(subject)
    assert job.job_id in notice["Message"]
