"""The functions' entry points with the events that AWS sends, which are in `events/`."""

import importlib.util
import io
import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest

from tests.digest_story import make_notice
from tests.lambda_runtime import invoke
from tests.permissions import only_what_is_granted
from tests.stand_ins.wire import Wire
from videoinfer.repository import ROOT
from videojobs import connections
from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.errors import ApiRefused
from videojobs.jobs.ledger import Job
from videojobs.logs import logger

BUCKET = "videoinfer-uploadsbucket-1a2b3c4d5e6f"
DONE = (200, {"status": 0, "output_signed_url": "https://storage.example.com/r?X-Goog-Signature=s1gn3d"})
DELIVERED = {"status": "delivered", "reason": None, "wait_seconds": 0, "turn_at": None, "waits": 0}
RESULTS = {"frame_offset": [0], "time_offset": [0.0], "rock-paper-scissors-presentation": [None]}


def load_app(function: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{function}_app", ROOT / "functions" / function / "app.py")
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app


def read_event(function: str, name: str) -> Any:
    return json.loads((ROOT / "events" / function / f"{name}.json").read_text())


@pytest.fixture
def call(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls a function with an event and an API with chosen answers; returns the function's answer and the wire."""
    aws.s3.create_bucket(Bucket=BUCKET)
    boto3.client("secretsmanager").create_secret(Name="api-key", SecretString="key")
    boto3.client("secretsmanager").create_secret(Name="share-key", SecretString="s1gn1ng-key")
    boto3.client("ssm").put_parameter(Name="/videoinfer/pipeline/prefix-routes", Value="{}", Type="String")
    environment = {
        "API_URL": "https://api.example.com",
        "API_KEY_SECRET": "api-key",
        "API_REQUESTS_PER_MINUTE": "6000",
        "API_MINUTE_SECONDS": "60",
        "BUDGET_TABLE": "budget",
        "DEFAULT_MODELS": '[{"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}]',
        "DEFAULT_INFER_FPS": "5",
        "PREFIX_ROUTES": "/videoinfer/pipeline/prefix-routes",
        "INPUT_MODE": "presigned",
        "ANNOTATE": "false",
        "TRACK": "true",
        "POLL_SECONDS": "60",
        "DEADLINE_HOURS": "24",
        "MAX_INFER_FPS": "120",
        "ALLOWED_MODELS": "*",
        "ALLOWED_METADATA": "infer-fps",
        "JOBS_TABLE": "jobs",
        "IDEMPOTENCY_TABLE": "idempotency",
        "NOTICES": "each",
        "NOTICES_TOPIC_ARN": aws.sender.topic._topic_arn,
        "PENDING_NOTICES_TABLE": "pending-notices",
        "STATE_MACHINE_ARN": aws.state_machine_arn,
        "UPLOAD_EXTENSIONS": "*",
        "EXISTING_BUCKET": "false",
        "UPLOADS_PREFIX": "",
        "UPLOADS_QUEUE_URL": aws.sqs.create_queue(QueueName="uploads")["QueueUrl"],
        "RESULTS_BUCKET": aws.results_bucket,
        "OUTPUTS": "parquet,csv,coco,webvtt,report",
        "RETENTION_DAYS": "30",
        "SHARE_KEY_SECRET": "share-key",
        "SHARE_LINK_DAYS": "7",
        "SHARE_URL": "https://share.example.com",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call_function(function: str, event: Any, *answers: Any) -> tuple[Any, Wire]:
        wire = Wire(*answers)
        app = load_app(function)
        monkeypatch.setattr(connections, "open_session", lambda _: wire.session())
        with only_what_is_granted("pipeline", function):
            return invoke(app.handler, event), wire

    return call_function


def put_upload(aws: Any, event: Any, key: str) -> None:
    """Puts the object that an event concerns, and sets the event's version to S3's."""
    version_id = aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"video")["VersionId"]
    for record in event["Records"]:
        body = json.loads(record["body"]) if "body" in record else {"Records": [record]}
        for s3_record in body["Records"]:
            s3_record["s3"]["object"]["versionId"] = version_id
        record |= {"body": json.dumps(body)} if "body" in record else {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "key"),
    [("queue", "cameras/belt.mp4"), ("queue-odd-key", "line 3+ü%41 (1).MP4"), ("s3", "cameras/belt.mp4")],
)
def test_an_upload_becomes_a_job_once(aws: Any, call: Any, name: str, key: str) -> None:
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    event = read_event("create_job", name)
    put_upload(aws, event, key)
    answers = []
    for wire_answers in ([(200, {"job_id": "j1"})], []):
        answer, wire = call("create_job", event, *wire_answers)
        answers.append(answer)
        assert len(wire.requests) == len(wire_answers)
    expected = [{"status": "running", "job_id": "j1"}] if name == "s3" else {"batchItemFailures": []}
    assert answers == [expected, expected]
    [execution] = aws.executions()
    assert json.loads(execution["input"])["upload"]["key"] == key


@pytest.mark.slow
def test_events_from_eventbridge_become_one_job_for_each_write_in_any_order(aws: Any, call: Any) -> None:
    """The bucket has no versioning. The same bytes are written, replaced, and written again."""
    aws.s3.create_bucket(Bucket="footage")

    def write(body: bytes, sequencer: str, second: int) -> Any:
        put = aws.s3.put_object(Bucket="footage", Key="line 3+ü%41 (1).MP4", Body=body)
        event = read_event("create_job", "eventbridge")
        event["time"] = f"2026-11-02T08:15:{second}Z"
        about = {"etag": put["ETag"].strip('"'), "size": len(body), "sequencer": sequencer}
        event["detail"]["object"] = {"key": "line 3+ü%41 (1).MP4", **about}
        return event

    first = write(b"video", "617f08299329d1", 30)
    assert call("create_job", first, (200, {"job_id": "j1"}))[0][0]["job_id"] == "j1"
    late, newest = write(b"another video", "617F08299329D2", 31), write(b"video", "1617f08299329d2", 32)
    for event, answers in ((newest, [(200, {"job_id": "j2"})]), (late, []), (first, []), (newest, []), (late, [])):
        returned, wire = call("create_job", event, *answers)
        assert len(returned) == 1
        assert len(wire.requests) == len(answers)
    assert len(aws.executions()) == 2
    assert aws.notices() == []


def test_an_operator_s_request_becomes_a_further_attempt_once(aws: Any, call: Any) -> None:
    put = aws.s3.put_object(Bucket=BUCKET, Key="cameras/belt.mp4", Body=b"video")
    event = read_event("create_job", "queue-retry")
    [request] = json.loads(event["Records"][0]["body"])["job_requests"]
    request["upload"] |= {"version_id": None, "etag": put["ETag"].strip('"')}
    event["Records"][0]["body"] = json.dumps({"job_requests": [request]})
    for answers in ([(200, {"job_id": "j2"})], []):
        assert call("create_job", event, *answers)[0] == {"batchItemFailures": []}
    [execution] = aws.executions()
    assert json.loads(execution["input"])["attempt"] == request["attempt"] == 2


def test_a_message_that_fails_does_not_fail_the_others(aws: Any, call: Any) -> None:
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    bad, good = read_event("create_job", "queue"), read_event("create_job", "queue-odd-key")
    put_upload(aws, bad, "cameras/belt.mp4")
    put_upload(aws, good, "line 3+ü%41 (1).MP4")
    url = aws.sqs.get_queue_url(QueueName="uploads")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    receipt = aws.sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    bad["Records"][0] |= {"receiptHandle": receipt, "messageId": "bad"}
    good["Records"][0]["messageId"] = "good"
    event = {"Records": bad["Records"] + good["Records"]}
    answer, _ = call("create_job", event, (503, {}), (200, {"job_id": "j1"}))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert len(aws.executions()) == 1


@pytest.mark.parametrize(
    ("name", "answer"), [("queue-test-event", {"batchItemFailures": []}), ("s3-folder-marker", [])]
)
def test_an_event_that_is_not_an_upload_costs_nothing(aws: Any, call: Any, name: str, answer: Any) -> None:
    returned, wire = call("create_job", read_event("create_job", name))
    assert returned == answer
    assert wire.requests == []
    assert aws.executions() == []


@pytest.mark.parametrize("name", ["s3-empty", "s3-unsupported"])
def test_an_upload_that_cannot_be_a_video_is_rejected_once(
    aws: Any, call: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", HOSTED_API_URL)
    for _ in range(2):
        [answer], _ = call("create_job", read_event("create_job", name))
        assert answer["status"] == "rejected"
    assert len(aws.notices()) == 1


@pytest.mark.parametrize(("name", "status"), [("first", "running"), ("past-deadline", "overdue")])
def test_a_poll_is_counted(aws: Any, call: Any, capsys: pytest.CaptureFixture[str], name: str, status: str) -> None:
    event = read_event("check_job", name)
    answer, _ = call("check_job", event, (200, {"status": 1}))
    assert answer["status"] == status
    assert answer["polls"] == event["check"]["polls"] + 1
    assert '"Polls":[1.0]' in capsys.readouterr().out


def test_results_are_delivered(aws: Any, call: Any) -> None:
    answer, _ = call("deliver_results", read_event("deliver_results", "done"), DONE, (200, RESULTS))
    assert answer == DELIVERED
    assert len(aws.notices()) == 1


def test_results_are_redelivered_without_the_api(aws: Any, call: Any) -> None:
    event = read_event("deliver_results", "done")
    call("deliver_results", event, DONE, (200, RESULTS))
    answer, wire = call("deliver_results", read_event("deliver_results", "redelivery"))
    assert answer == DELIVERED
    assert wire.requests == []
    assert len(aws.notices()) == 2


REFUSED = (401, {"error": "Not for you"})


def test_a_poll_passes_on_how_often_the_api_did_not_know_the_job(aws: Any, call: Any) -> None:
    event = read_event("check_job", "first")
    statuses = []
    for _ in range(3):
        event["check"], _ = call("check_job", event, (404, {"error": "Job not found"}))
        statuses.append(event["check"]["status"])
    assert statuses == ["running", "running", "unknown"]
    assert event["check"]["polls"] == 3


@pytest.mark.parametrize("name", ["done", "redelivery"])
def test_a_delivery_is_tried_until_two_hours_after_the_deadline(aws: Any, call: Any, name: str) -> None:
    event = read_event("deliver_results", name)
    event["deadline_at"] = (datetime.now(UTC) - timedelta(hours=1, minutes=59)).isoformat()
    with pytest.raises(ApiRefused):
        call("deliver_results", event, REFUSED)
    event["deadline_at"] = (datetime.now(UTC) - timedelta(hours=2, seconds=1)).isoformat()
    answer, _ = call("deliver_results", event, REFUSED)
    reason = (
        "The results are ready but could not be delivered in time: The Video Inference API answered 401: Not for you"
    )
    assert answer == {**DELIVERED, "status": "given_up", "reason": reason}


def test_every_error_that_prevents_a_delivery_is_reported_in_the_end(aws: Any, call: Any) -> None:
    """This includes errors before it begins, such as a secret that can't be read."""
    boto3.client("secretsmanager").delete_secret(SecretId="share-key", ForceDeleteWithoutRecovery=True)
    event = {**read_event("deliver_results", "done"), "deadline_at": "2026-11-03T08:15:33+00:00"}
    answer, _ = call("deliver_results", event)
    assert answer["status"] == "given_up"
    answer, _ = call("report_failure", {**event, "delivery": answer})
    assert answer["status"] == "failed"
    [notice] = aws.notices()
    assert "could not be delivered in time: An error occurred (ResourceNotFoundException)" in notice["Message"]
    assert f"videoinfer redeliver {event['job_id']}" in notice["Message"]


def test_a_failed_redelivery_reports_its_own_reason(aws: Any, call: Any) -> None:
    event = read_event("deliver_results", "redelivery")
    call("report_failure", {**event, "delivery": {"status": "failed", "reason": "S3 was down."}})
    again = {**event, "delivery": {"status": "failed", "reason": "The API no longer knows the job."}}
    answer, _ = call("report_failure", again)
    assert answer["reason"] == "The API no longer knows the job."
    assert len(aws.notices()) == 1


def test_a_video_that_cannot_be_annotated_is_an_answer_not_an_error(aws: Any, call: Any) -> None:
    event = read_event("annotate_video", "delivered")
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    put = aws.s3.put_object(Bucket=BUCKET, Key=event["upload"]["key"], Body=b"video")
    event["upload"]["version_id"] = put["VersionId"]
    answer, _ = call("annotate_video", event)
    assert (answer["status"], answer["reason"]) == ("failed", "There are no results.")
    assert answer["gigabyte_seconds"] >= 0


def test_an_annotated_video_is_recorded_if_it_exists(aws: Any, call: Any) -> None:
    event = read_event("record_media", "annotated")
    answer, _ = call("record_media", event)
    assert answer == {"status": "failed", "reason": "The annotated video is not in the results bucket."}
    state = event["state"]
    key = f"results/{state['upload']['key']}/{state['job_id']}/annotated.mp4"
    aws.s3.put_object(Bucket=aws.results_bucket, Key=key, Body=b"video")
    answer, _ = call("record_media", event)
    assert answer == {"status": "recorded", "reason": None}
    [notice] = aws.notices()
    assert notice["Subject"].endswith(": annotated video")


def test_a_dataset_without_results_is_an_answer_not_an_error(aws: Any, call: Any) -> None:
    event = read_event("make_dataset", "delivered")
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    put = aws.s3.put_object(Bucket=BUCKET, Key=event["upload"]["key"], Body=b"video")
    event["upload"]["version_id"] = put["VersionId"]
    answer, _ = call("make_dataset", event)
    assert (answer["status"], answer["reason"], answer["left_out"]) == ("failed", "There are no results.", 0)
    assert answer["gigabyte_seconds"] >= 0


def test_a_dataset_is_recorded_if_it_exists(aws: Any, call: Any) -> None:
    event = read_event("record_media", "dataset")
    answer, _ = call("record_media", event)
    assert answer == {"status": "failed", "reason": "The dataset is not in the results bucket."}
    folder = f"results/{event['state']['upload']['key']}/{event['state']['job_id']}"
    for name in ("dataset.zip", "dataset/images/train/1.jpg", "dataset/data.yaml"):
        aws.s3.put_object(Bucket=aws.results_bucket, Key=f"{folder}/{name}", Body=b"file")
    answer, _ = call("record_media", event)
    assert answer == {"status": "recorded", "reason": None}
    [notice] = aws.notices()
    assert notice["Subject"].endswith(": dataset of 1 picture")
    assert "Pictures: 1 (uncertain 200)" in notice["Message"]


@pytest.mark.parametrize("name", ["link", "output"])
def test_a_token_that_no_stack_signed_opens_nothing(aws: Any, call: Any, name: str) -> None:
    answer, _ = call("open_share_link", read_event("open_share_link", name))
    assert answer["statusCode"] == 403


def test_a_missing_dataset_is_reported_with_its_own_reason(aws: Any, call: Any) -> None:
    event = read_event("report_failure", "no-dataset")
    job = Job.from_input(event["state"])
    aws.ledger.record(job.upload, job.attempt, status="done", job_id=job.job_id, notice_id="n1", event_id="e1")
    state = {**event["state"], "annotation_error": {"Cause": "Another reason."}}
    answer, _ = call("report_failure", {**event, "state": state})
    assert answer == {"status": "done", "reason": "The video has been deleted, or access to it is denied."}
    failed = {**state, "dataset_error": {"Error": "KeyError", "Cause": "It crashed."}}
    answer, _ = call("report_failure", {**event, "state": failed})
    assert answer["reason"] == "The dataset could not be made: It crashed."
    [notice] = aws.notices()
    assert ": no dataset: " in notice["Subject"]


@pytest.mark.parametrize(("more", "is_offered"), [({}, False), ({"dataset_error": {"Cause": "It crashed."}}, True)])
def test_another_attempt_is_offered_only_if_it_may_succeed(
    aws: Any, call: Any, more: dict[str, Any], *, is_offered: bool
) -> None:
    event = read_event("report_failure", "no-dataset")
    job = Job.from_input(event["state"])
    aws.ledger.record(job.upload, job.attempt, status="done", job_id=job.job_id, notice_id="n1", event_id="e1")
    call("report_failure", {**event, "state": {**event["state"], **more}})
    [notice] = aws.notices()
    assert ("videoinfer redeliver" in notice["Message"]) == is_offered


@pytest.mark.slow
@pytest.mark.parametrize("name", ["failed", "could-not-find-out", "aborted", "queue"])
def test_a_failure_is_reported(aws: Any, call: Any, name: str) -> None:
    answer, _ = call("report_failure", read_event("report_failure", name))
    assert answer["status"] == "failed"
    [notice] = aws.notices()
    assert answer["reason"] in notice["Message"]


def test_every_log_line_names_its_job(aws: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", output)
    call("deliver_results", read_event("deliver_results", "done"), DONE, (200, RESULTS))
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert lines
    for line in lines:
        assert line["upload"] == f"s3://{BUCKET}/line 3+ü%41 (1).MP4"
        assert line["job_id"] == "fec28362-f7d9-4cc0-a805-5e94495d063d"
        assert line["execution"].endswith("-1")


def test_a_digest_is_collected_and_concluded(aws: Any, call: Any) -> None:
    for number in range(2):
        aws.sender.pending.add(*make_notice(number), 1)
    collected, _ = call("send_digest", read_event("send_digest", "collect"))
    assert collected["status"] == "collected"
    assert collected["subject"] == "Digest: 1 failed, 1 done"
    assert call("send_digest", read_event("send_digest", "conclude"))[0] == {"status": "concluded"}
    assert list(aws.sender.pending.read()) == []


def test_functions_add_their_notices_to_the_next_digest(aws: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTICES", "digest")
    monkeypatch.setenv("API_URL", HOSTED_API_URL)
    call("create_job", read_event("create_job", "s3-unsupported"))
    call("report_failure", read_event("report_failure", "failed"))
    assert aws.notices() == []
    assert {notice.outcome for notice in aws.sender.pending.read()} == {"rejected", "failed"}
