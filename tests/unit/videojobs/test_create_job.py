"""create_job: one upload, one job, one bill, whatever happens in between."""

import io
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, cast

import pytest
import requests
from botocore.exceptions import ClientError

from tests.stand_ins.turns import ScriptedTurns
from tests.stand_ins.wire import Wire
from tests.unit.videojobs.jobs.test_commands import read_metadata
from videojobs.api.accepted_videos import HOSTED_API_URL, AcceptedVideos
from videojobs.api.budget import Lane
from videojobs.api.client import VideoInferenceApi
from videojobs.api.turns import Turn, Turns
from videojobs.create_job import JobCreator
from videojobs.errors import ApiUnavailable, BrokenAnswer, TurnLater
from videojobs.jobs.costs import Meter
from videojobs.jobs.idempotency_key import make_idempotency_key
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.sending import LAST_SECONDS, SENDS_MAX
from videojobs.jobs.upload_metadata import METADATA_OPTIONS
from videojobs.jobs.uploads import JobRequest, Upload, read_requests
from videojobs.logs import logger
from videojobs.report_failure import FailureReport
from videojobs.settings import CreateJobSettings

KEY = "rf_s3cr3t"
POISON = (
    '[{"model_id": "a", "model_version": "4", "inference_type": "classification", "inference_params": {"iou": %s}}]'
)
SIGNED_URL = "https://storage.example.com/u?X-Goog-Algorithm=a&X-Goog-Expires=60&X-Goog-Signature=s1gn3d"
SETTINGS = CreateJobSettings(
    api_url="https://api.example.com",
    api_key_secret="videoinfer/api-key",
    api_requests_per_minute=0,
    api_minute_seconds=60,
    budget_table="budget",
    default_models='[{"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}]',
    default_infer_fps=5,
    prefix_routes="{}",
    input_mode="presigned",
    annotate="false",
    track="true",
    poll_seconds=60,
    deadline_hours=24,
    max_infer_fps=120,
    allowed_models="*",
    allowed_metadata=",".join(METADATA_OPTIONS),
    jobs_table="jobs",
    idempotency_table="idempotency",
    notices="each",
    notices_topic_arn="arn",
    pending_notices_table="pending-notices",
    results_bucket="results",
    state_machine_arn="arn",
    upload_extensions="*",
    uploads_prefix="",
    uploads_queue_url="url",
)


def build(
    aws: Any,
    *answers: Any,
    settings: CreateJobSettings = SETTINGS,
    turns: Turns | None = None,
    seconds_left: float = 880,
) -> tuple[JobCreator, Wire]:
    wire = Wire(*answers)
    api = VideoInferenceApi(settings.api_url, KEY, wire.session, turns)
    settings = replace(settings, state_machine_arn=aws.state_machine_arn)
    meter = Meter(256, time.monotonic() - 10)
    return JobCreator(
        settings=settings,
        api=api,
        videos=AcceptedVideos(api, settings.api_url, aws.budget_table),
        ledger=aws.ledger,
        sender=aws.sender,
        s3=aws.s3,
        sfn=aws.sfn,
        meter=meter,
        count_seconds_left=lambda: seconds_left,
    ), wire


def upload(aws: Any, key: str = "line 3+ü.mp4", body: bytes = b"video", **metadata: str) -> Upload:
    event = aws.upload(key, body, {name.replace("_", "-"): value for name, value in metadata.items()})
    [request] = read_requests(event)
    return replace(request.upload, key=key)


@pytest.mark.slow
def test_the_api_gets_a_presigned_url(aws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    creator, wire = build(aws, (200, {"job_id": "j1"}))
    landed = upload(aws, infer_fps="2")
    assert creator.create_job(JobRequest(landed, 1)) == {"status": "running", "job_id": "j1"}
    body = wire.describe()["body"]
    assert body["input_url"].startswith("https://")
    assert landed.version_id
    assert landed.version_id in body["input_url"]
    assert body["infer_fps"] == 2
    item = aws.ledger.read(landed, 1)
    assert (item["status"], item["job_id"], item["options"]["infer_fps"]) == ("running", "j1", 2)
    [execution] = aws.executions()
    assert execution["name"] == f"{landed.upload_id}-1"
    assert json.loads(execution["input"])["check"]["gigabyte_seconds"] == pytest.approx(2.5, rel=0.9)
    assert item["execution_arn"] == execution["executionArn"]
    assert aws.notices() == []
    assert '"JobsCreated":[1.0]' in capsys.readouterr().out


@pytest.mark.slow
def test_a_retry_runs_with_the_options_that_a_person_set(aws: Any) -> None:
    creator, wire = build(aws, (200, {"job_id": "j2"}))
    landed = upload(aws, infer_fps="7", classes="truck")
    [request] = read_requests({"job_requests": [JobRequest(landed, 2, options={"infer-fps": "2"}).to_dict()]})

    creator.create_job(request)

    assert wire.describe()["body"]["infer_fps"] == 2
    options = aws.ledger.read(landed, 2)["options"]
    assert (options["infer_fps"], options["classes"]) == (2, ["truck"])


@pytest.mark.slow
def test_an_upload_is_streamed_to_the_signed_url(aws: Any) -> None:
    creator, wire = build(aws, (200, {"signed_url": SIGNED_URL}), (200, b""), (200, {"job_id": "j1"}))
    creator.create_job(JobRequest(upload(aws, body=b"v" * 100_000, input_mode="upload"), 1))
    sent = wire.requests[1]
    assert (sent.method, sent.url) == ("PUT", SIGNED_URL)
    assert sent.headers["Content-Length"] == "100000"
    assert wire.bodies[1] == b"v" * 100_000
    assert wire.describe(0)["body"] == {"file_name": "line 3+ü.mp4"}
    assert wire.describe(2)["body"]["input_url"] == SIGNED_URL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "body", "metadata", "words"),
    [
        ("a.mov", b"video", {}, "files that end in .mov"),
        ("a.mp4", b"", {}, "empty (0 bytes)"),
        ("a.mp4", b"video", {"infer_fps": "0"}, "infer_fps: 0 is not between 1 and 120."),
        ("a.mp4", b"video", {"infer_fsp": "2"}, "infer-fsp: there is no such option; did you mean infer-fps?"),
        (
            "a.mp4",
            b"video",
            {"models": POISON % "NaN"},
            "models: not valid JSON (NaN is not a JSON number).",
        ),
        ("a.mp4", b"video", {"models": POISON % "1e400"}, "not valid JSON (a number is too large)."),
        ("a.mp4", b"video", {"models": POISON % "1e200"}, "a number is not 0 and not between 1e-130 and 9.9e125"),
        ("a.mp4", b"video", {"models": POISON % ("1" * 50)}, "a number has more than 38 digits"),
        ("a.mp4", b"video", {"models": POISON % r'"\ud800"'}, "a string contains half of a surrogate pair"),
    ],
)
def test_a_rejection_costs_nothing_and_has_a_reason(
    aws: Any, key: str, body: bytes, metadata: dict[str, str], words: str
) -> None:
    creator, wire = build(aws, settings=replace(SETTINGS, api_url=HOSTED_API_URL))
    landed = upload(aws, key, body, **metadata)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    assert wire.requests == []
    assert aws.executions() == []
    item = aws.ledger.read(landed, 1)
    assert item["status"] == "rejected"
    assert words in item["error"]
    [notice] = aws.notices()
    assert notice["Subject"].startswith(f"{PurePosixPath(key).name}: rejected: ")
    assert words in notice["Message"]
    assert notice["MessageAttributes"]["outcome"]["Value"] == "rejected"


TAKES_MOV = (200, {"x-video-extensions": [".mp4", ".MOV", ".ts", 7, "x y"]})


def test_an_api_of_the_owner_s_is_asked_once_whether_it_takes_an_extension(aws: Any) -> None:
    creator, wire = build(aws, TAKES_MOV, (200, {"job_id": "j1"}), (200, {"job_id": "j2"}))
    assert creator.create_job(JobRequest(upload(aws, "a.mov"), 1))["status"] == "running"
    assert wire.requests[0].url == "https://api.example.com/openapi.json"
    assert creator.create_job(JobRequest(upload(aws, "b.TS"), 1))["status"] == "running"
    assert creator.create_job(JobRequest(upload(aws, "c.gif"), 1)) == {
        "status": "rejected",
        "reason": "The Video Inference API does not take files that end in .gif, only .mp4, .mov, .ts.",
    }
    assert len(wire.requests) == 3


def test_a_retry_asks_again_about_an_extension_that_was_refused(aws: Any) -> None:
    """`videoinfer retry` has asked the API too, so both have a fresh answer."""
    landed = upload(aws, "a.mov")
    creator, wire = build(aws, (403, {"message": "Missing Authentication Token"}), TAKES_MOV, (200, {"job_id": "j1"}))
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    assert creator.create_job(JobRequest(landed, 2))["status"] == "running"
    assert len(wire.requests) == 3


def test_nobody_is_asked_about_a_documented_extension(aws: Any) -> None:
    creator, wire = build(aws, (200, {"job_id": "j1"}))
    assert creator.create_job(JobRequest(upload(aws, "a.mkv"), 1))["status"] == "running"
    assert len(wire.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("answer", [(200, {"openapi": "3.1.0"}), (404, {}), (200, b"<html>"), (403, {}), (302, b"")])
def test_an_api_that_does_not_say_takes_the_documented_extensions(aws: Any, answer: Any) -> None:
    creator, wire = build(aws, answer)
    for key in ("a.mov", "b.mov"):
        outcome = creator.create_job(JobRequest(upload(aws, key), 1))
        assert outcome["status"] == "rejected"
        assert "only .mp4, .avi, .mkv, .webm." in outcome["reason"]
    assert len(wire.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("answer", [(503, {}), (429, {}), requests.ConnectionError(), requests.ReadTimeout()])
def test_an_upload_waits_for_an_api_that_can_not_be_asked(aws: Any, answer: Any) -> None:
    landed = upload(aws, "a.mov")
    creator, _ = build(aws, answer)
    with pytest.raises(ApiUnavailable):
        creator.create_job(JobRequest(landed, 1))
    assert aws.ledger.read(landed, 1)["status"] == "waiting"
    assert aws.notices() == []
    again, _ = build(aws, TAKES_MOV, (200, {"job_id": "j1"}))
    assert again.create_job(JobRequest(landed, 1))["status"] == "running"
    assert aws.ledger.read(landed, 1).get("unanswered", 0) == 0


def test_asking_takes_a_turn_of_its_own(aws: Any) -> None:
    landed, turns = upload(aws, "a.mov"), ScriptedTurns([TurnLater(60, 1_800_000_100.5, 100.5)])
    creator, _ = build(aws, turns=turns)
    with pytest.raises(TurnLater):
        creator.create_job(JobRequest(landed, 1))
    again, wire = build(aws, TAKES_MOV, (200, {"job_id": "j1"}), turns=turns)
    assert again.create_job(JobRequest(landed, 1))["status"] == "running"
    assert turns.taken == [("creates", None), ("creates", 1_800_000_100.5), ("creates", None)]
    assert (turns.used, len(wire.requests)) == (2, 2)


@pytest.mark.parametrize(
    ("parameters", "reason", "parameter"),
    [
        ({"prefix_routes": "{shop/:1}"}, "PrefixRoutes: not valid JSON", "PrefixRoutes"),
        ({"prefix_routes": '{"a": {"infer_fps": "x"}}'}, "PrefixRoutes: 'a': infer_fps: 'x' is not", "PrefixRoutes"),
        ({"default_models": "[]"}, "DefaultModels: models: a list of at least", "DefaultModels"),
    ],
)
def test_the_remedy_for_a_fault_of_the_stack_is_to_correct_its_parameter(
    aws: Any, parameters: dict[str, Any], reason: str, parameter: str
) -> None:
    creator, _ = build(aws, settings=replace(SETTINGS, **parameters))
    landed = upload(aws, "a.mp4", confidence="0.5")
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    [notice] = aws.notices()
    why, correct, command, _ = notice["Message"].split("\n\n")
    assert why.startswith(f"Reason: {reason}")
    assert f"Correct the stack's parameter {parameter} (sam deploy --guided), then run:" in correct
    assert command == f"  videoinfer retry {landed.upload_id}"


NIGHT = '[{"class": "person", "between": ["22:00", "06:00"], "time_zone": "Europe/Berlin"}]'
TWO_MODELS = [{"model_id": f"m{n}", "model_version": "1", "inference_type": "object-detection"} for n in (1, 2)]
DOOR = '[{"name": "door", "line": [[0, 0], [1, 1]]}]'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("route", "metadata", "placeholders"),
    [
        ({}, {"notify-when": NIGHT, "infer-fps": "2"}, {"recorded-at"}),
        ({"notify_when": json.loads(NIGHT)}, {"infer-fps": "2"}, {"recorded-at"}),
        ({"notify_when": json.loads(NIGHT)}, {}, {"recorded-at"}),
        ({"regions": json.loads(DOOR)}, {"track": "false", "classes": "person,truck"}, set()),
        ({}, {"regions": DOOR, "track": "false"}, set()),
        ({"track": False}, {"regions": DOOR}, set()),
        ({}, {"notify-when": '[{"min_tracks": 2}]', "track": "false"}, set()),
        ({"notify_when": [{"min_tracks": 2}]}, {"track": "false"}, set()),
        ({}, {"notify-when": '[{"clas": "person"}]', "classes": "person,truck"}, {"notify-when"}),
        ({}, {"models": '[{"model_id": "a"}]', "confidence": "0.5"}, {"models"}),
        ({"track": False}, {"region": DOOR}, {"region"}),
        ({"models": TWO_MODELS}, {"confidence": "0.9"}, {"model-id", "model-version"}),
        ({"models": TWO_MODELS}, {"inference-type": "detection", "infer-fps": "2"}, {"inference-type"}),
    ],
)
def test_an_upload_that_follows_the_remedy_is_accepted(
    aws: Any, route: dict[str, Any], metadata: dict[str, str], placeholders: set[str]
) -> None:
    settings = replace(SETTINGS, prefix_routes=json.dumps({"": route}))
    creator, _ = build(aws, (200, {"job_id": "j1"}), settings=settings)
    assert creator.create_job(JobRequest(upload(aws, "a.mp4", b"video", **metadata), 1))["status"] == "rejected"
    [notice] = aws.notices()
    remedy = read_metadata(notice["Message"].rpartition(" --metadata ")[2].partition("\n")[0])
    values = {"recorded-at": "2026-11-28T22:00:00+01:00"}
    corrected = {**remedy, **{name: values[name] for name in placeholders & values.keys()}}
    kept = metadata.keys() - placeholders - {"track"} - ({"confidence"} if "models" in metadata else set())
    assert {name: compact(corrected[name]) for name in kept} == {name: compact(metadata[name]) for name in kept}
    for placeholder, value in (("INFERENCE_TYPE", "classification"), ("CLASS", "person")):
        corrected = {name: given.replace(placeholder, value) for name, given in corrected.items()}
    assert creator.create_job(JobRequest(upload(aws, "a.mp4", b"video", **corrected), 1))["status"] == "running"


def test_a_remedy_that_uploads_may_not_set_begins_with_the_stack_s_parameter(aws: Any) -> None:
    creator, _ = build(aws, settings=replace(SETTINGS, allowed_metadata="notify-when"))
    assert creator.create_job(JobRequest(upload(aws, notify_when=NIGHT), 1))["status"] == "rejected"
    [notice] = aws.notices()
    assert "Correct the stack's parameter AllowedMetadata (sam deploy --guided), then run:" in notice["Message"]
    assert '"recorded-at": "RECORDED_AT"' in notice["Message"]


def compact(value: str) -> str:
    return value.replace(" ", "")


@pytest.mark.parametrize(
    ("status_code", "words", "command"),
    [
        (401, "The API key is not accepted", "aws secretsmanager put-secret-value --secret-id videoinfer/api-key"),
        (404, "model hands/4 was not found", "--metadata model-id=MODEL_ID,model-version=MODEL_VERSION"),
    ],
)
def test_a_refusal_is_a_rejection(aws: Any, status_code: int, words: str, command: str) -> None:
    creator, _ = build(aws, (status_code, {"error": f"model hands/4 was not found for {KEY}"}))
    landed = upload(aws)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    [notice] = aws.notices()
    assert words in notice["Message"]
    assert command in notice["Message"]
    assert KEY not in json.dumps([notice, aws.ledger.read(landed, 1)], default=str)


@pytest.mark.parametrize(
    ("kind", "words", "remedy"),
    [
        ("object-detections", "did you mean object-detection?", "object-detection"),
        ("depth-estimation", "type depth-estimation is not a documented one.", "INFERENCE_TYPE"),
    ],
)
def test_an_unknown_type_is_passed_on_and_its_refusal_has_a_hint(aws: Any, kind: str, words: str, remedy: str) -> None:
    landed = upload(aws, model_id="a", model_version="4", inference_type=kind)
    creator, wire = build(aws, (400, {"error": "no such type"}))
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    assert wire.describe()["body"]["models"][0]["inference_type"] == kind
    [notice] = aws.notices()
    assert "refused it (400): no such type. The inference type" in notice["Message"]
    assert words in notice["Message"]
    assert read_metadata(notice["Message"].rpartition(" --metadata ")[2].partition("\n")[0])["inference-type"] == remedy


def test_the_remedy_for_a_refusal_of_models_is_to_choose_others(aws: Any) -> None:
    creator, _ = build(aws, (404, {"error": "model a/4 was not found"}))
    landed = upload(
        aws, models=json.dumps([{"model_id": "a", "model_version": "4", "inference_type": "classification"}])
    )
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    [notice] = aws.notices()
    assert list(read_metadata(notice["Message"].rpartition(" --metadata ")[2].partition("\n")[0])) == ["models"]


def test_a_refusal_with_half_a_surrogate_pair_is_a_rejection(aws: Any) -> None:
    creator, _ = build(aws, (400, rb'{"error": "\ud800 bad"}'))
    landed = upload(aws)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    reason = "The Video Inference API refused it (400): \ufffd bad"
    assert aws.ledger.read(landed, 1)["error"] == reason
    [notice] = aws.notices()
    assert reason in notice["Message"]


def test_an_outage_leaves_no_job_and_no_notice(aws: Any) -> None:
    creator, _ = build(aws, (503, {}))
    landed = upload(aws)
    with pytest.raises(ApiUnavailable):
        creator.create_job(JobRequest(landed, 1))
    assert aws.executions() == []
    assert aws.notices() == []
    item = aws.ledger.read(landed, 1)
    assert (item["status"], item["error"]) == ("waiting", "The Video Inference API answered 503.")
    again, _ = build(aws, (200, {"job_id": "j1"}))
    assert again.create_job(JobRequest(landed, 1))["status"] == "running"
    assert "error" not in aws.ledger.read(landed, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        (502, b"<html>Bad gateway</html>"),
        (200, {"message": "created"}),
        requests.ReadTimeout(),
        requests.ConnectionError(),
        KeyboardInterrupt(),  # stands for the end of the process
    ],
)
def test_a_lost_answer_stays_in_the_ledger_and_is_reported(aws: Any, answer: Any) -> None:
    creator, _ = build(aws, answer)
    landed = upload(aws)
    with pytest.raises((ApiUnavailable, KeyboardInterrupt)):
        creator.create_job(JobRequest(landed, 1))
    assert aws.ledger.read(landed, 1)["unanswered"] == 1
    again, _ = build(aws, (429, {}))
    with pytest.raises(ApiUnavailable):
        again.create_job(JobRequest(landed, 1))
    at_last, _ = build(aws, (200, {"job_id": "j2"}))
    at_last.create_job(JobRequest(landed, 1))

    item = aws.ledger.read(landed, 1)
    assert (item["status"], item["job_id"], item["unanswered"]) == ("running", "j2", 1)
    job = Job.from_item(item)
    FailureReport(aws.ledger, aws.sender).report(job, "failed", "It failed.")
    [notice] = aws.notices()
    assert f"1 call to create this job, at {item['unanswered_at'][:10]}" in notice["Message"]


@pytest.mark.parametrize("input_mode", ["presigned", "upload"])
def test_an_api_that_knows_the_idempotency_key_creates_one_job(aws: Any, input_mode: str) -> None:
    landed = upload(aws, input_mode=input_mode)
    sending: list[Any] = [(200, {"signed_url": SIGNED_URL}), (200, b"")] if input_mode == "upload" else []
    creator, wire = build(aws, *sending, requests.ReadTimeout())
    with pytest.raises(ApiUnavailable):
        creator.create_job(JobRequest(landed, 1))
    keys = {request.headers["Idempotency-Key"] for request in wire.requests if request.method == "POST"}
    [key] = keys
    again, wire = build(aws, *sending, (200, {"job_id": "j1", "idempotency_key": key}))
    again.create_job(JobRequest(landed, 1))
    assert {request.headers["Idempotency-Key"] for request in wire.requests if request.method == "POST"} == keys
    item = aws.ledger.read(landed, 1)
    assert (item["job_id"], item.get("unanswered"), item.get("idempotency_key")) == ("j1", None, None)


def test_a_lost_answer_stays_counted_if_the_video_is_written_again_with_other_options(aws: Any) -> None:
    """In a bucket without versioning, the attempt reads the new metadata, so the API creates a second job."""
    landed = replace(upload(aws, infer_fps="2"), version_id=None)
    creator, _ = build(aws, requests.ReadTimeout())
    with pytest.raises(ApiUnavailable):
        creator.create_job(JobRequest(landed, 1))
    upload(aws, infer_fps="5")
    options = SETTINGS.resolve(landed.key, {"infer-fps": "5"})
    key = make_idempotency_key(aws.state_machine_arn, JobRequest(landed, 1), options)
    creator, _ = build(aws, (200, {"job_id": "j2", "idempotency_key": key}))
    creator.create_job(JobRequest(landed, 1))
    item = aws.ledger.read(landed, 1)
    assert (item["job_id"], item["options"]["infer_fps"], item["unanswered"]) == ("j2", 5, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [(200, {"message": "created"}), (200, {"job_id": 7}), (201, b"<html>"), (200, []), (200, b" " * 1_100_000)],
)
def test_an_api_that_never_returns_a_job_id_is_called_three_times(aws: Any, answer: Any) -> None:
    """Each call may have created, and billed, a job."""
    landed = upload(aws)
    for _ in range(3):
        creator, _ = build(aws, answer)
        with pytest.raises(BrokenAnswer):
            creator.create_job(JobRequest(landed, 1))
    creator, wire = build(aws)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"

    item = aws.ledger.read(landed, 1)
    assert (item["status"], item["unanswered"]) == ("rejected", 3)
    [notice] = aws.notices()
    assert "After 3 such answers it is not asked again" in item["error"]
    assert "3 calls to create this job" in notice["Message"]
    assert "bills" in notice["Message"]
    assert wire.requests == []


def test_an_outage_between_broken_answers_is_no_rejection(aws: Any) -> None:
    landed = upload(aws)
    for answer in [(200, {}), (502, {}), requests.ReadTimeout(), (429, {}), (200, b"<html>"), (502, {})]:
        creator, _ = build(aws, answer)
        with pytest.raises(ApiUnavailable):
            creator.create_job(JobRequest(landed, 1))
    creator, _ = build(aws, (200, {"job_id": "j1"}))
    assert creator.create_job(JobRequest(landed, 1))["status"] == "running"
    assert aws.ledger.read(landed, 1)["unanswered"] == 5


@pytest.mark.parametrize("answer", [(429, {}), (503, {}, {"Retry-After": "7"}), requests.ConnectTimeout(), (404, {})])
def test_a_call_that_created_nothing_is_not_counted_as_unanswered(
    aws: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", output)
    creator, _ = build(aws, answer)
    landed = upload(aws)
    with suppress(ApiUnavailable):
        creator.create_job(JobRequest(landed, 1))
    item = aws.ledger.read(landed, 1)
    assert item["status"] in ("waiting", "rejected")
    assert "unanswered" not in item
    assert "unanswered_at" not in item
    assert "may have" not in output.getvalue()


def test_a_refusal_is_not_counted_as_unanswered_even_if_its_notice_must_wait(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    creator, _ = build(aws, (404, {}))
    landed = upload(aws)
    with monkeypatch.context() as refusing:
        refusing.setattr(creator.sender.topic, "publish", lambda _notice: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            creator.create_job(JobRequest(landed, 1))
    item = aws.ledger.read(landed, 1)
    assert (item["status"], item.get("unanswered")) == ("waiting", None)


def test_a_rejection_after_a_lost_answer_does_not_say_that_nothing_is_billed(aws: Any) -> None:
    creator, _ = build(aws, (502, {}))
    landed = upload(aws)
    with pytest.raises(ApiUnavailable):
        creator.create_job(JobRequest(landed, 1))
    again, _ = build(aws, (401, {"error": "no such key"}))
    again.create_job(JobRequest(landed, 1))
    assert aws.ledger.read(landed, 1)["unanswered"] == 1
    [notice] = aws.notices()
    assert "nothing was billed" not in notice["Message"]
    assert "1 call to create this job" in notice["Message"]


def test_a_recorded_job_is_not_created_again(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    creator, _ = build(aws, (200, {"job_id": "j1"}))
    landed = upload(aws)
    with monkeypatch.context() as crash:
        crash.setattr("videojobs.create_job.start_execution", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            creator.create_job(JobRequest(landed, 1))
    again, wire = build(aws)
    assert again.create_job(JobRequest(landed, 1)) == {"status": "running", "job_id": "j1"}
    assert wire.requests == []
    assert len(aws.executions()) == 1


def test_a_recorded_job_is_waited_for_even_if_its_video_is_gone(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    creator, _ = build(aws, (200, {"job_id": "j1"}))
    landed = upload(aws, infer_fps="2")
    with monkeypatch.context() as crash:
        crash.setattr("videojobs.create_job.start_execution", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            creator.create_job(JobRequest(landed, 1))
    aws.s3.delete_object(Bucket=landed.bucket, Key=landed.key, VersionId=landed.version_id)
    again, _ = build(aws)
    assert again.create_job(JobRequest(landed, 1)) == {"status": "running", "job_id": "j1"}
    [execution] = aws.executions()
    assert json.loads(execution["input"])["options"]["infer_fps"] == 2
    assert aws.notices() == []


@pytest.mark.parametrize("for_good", [True, False])
def test_an_upload_that_was_deleted_is_rejected(aws: Any, for_good: bool) -> None:
    creator, wire = build(aws)
    landed = upload(aws)
    version = {"VersionId": landed.version_id} if for_good else {}
    aws.s3.delete_object(Bucket=landed.bucket, Key=landed.key, **version)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    assert wire.requests == []
    [notice] = aws.notices()
    assert "It was deleted before its job could be created." in notice["Message"]


def test_a_further_attempt_is_a_new_job(aws: Any) -> None:
    landed = upload(aws)
    for attempt, job_id in ((1, "j1"), (2, "j2")):
        creator, _ = build(aws, (200, {"job_id": job_id}))
        assert creator.create_job(JobRequest(landed, attempt)) == {"status": "running", "job_id": job_id}
    assert [aws.ledger.read(landed, attempt)["job_id"] for attempt in (1, 2)] == ["j1", "j2"]
    assert {execution["name"] for execution in aws.executions()} == {f"{landed.upload_id}-{n}" for n in (1, 2)}


@pytest.mark.parametrize("status", ["done", "failed", "overdue", "rejected"])
def test_a_job_that_ended_is_not_created_again(aws: Any, status: str) -> None:
    creator, wire = build(aws)
    landed = upload(aws)
    aws.ledger.record(landed, 1, status=status, job_id="j1")
    assert creator.create_job(JobRequest(landed, 1)) == {"status": status}
    assert wire.requests == []
    assert aws.executions() == []
    assert aws.notices() == []


def test_an_upload_waits_for_its_turn_and_then_uses_it(aws: Any) -> None:
    turns, landed = ScriptedTurns([TurnLater(60, 1_800_000_100.5, 100.5)]), upload(aws)
    creator, wire = build(aws, turns=turns)
    with pytest.raises(TurnLater):
        creator.create_job(JobRequest(landed, 1))
    item = aws.ledger.read(landed, 1)
    assert item["status"] == "waiting"
    assert "60 requests a minute" in item["error"]
    assert "unanswered" not in item  # because the API was not called
    creator, wire = build(aws, (200, {"job_id": "j1"}), turns=turns)
    creator.create_job(JobRequest(landed, 1))
    assert turns.taken == [("creates", None), ("creates", 1_800_000_100.5)]
    assert len(wire.requests) == turns.used == 1
    item = aws.ledger.read(landed, 1)
    assert (item["status"], item.get("turn_at"), item.get("error")) == ("running", None, None)


def test_sending_a_video_takes_a_turn_for_each_request_to_the_api(aws: Any) -> None:
    turns, landed = ScriptedTurns(), upload(aws, input_mode="upload")
    creator, wire = build(aws, (200, {"signed_url": SIGNED_URL}), (200, {}), (200, {"job_id": "j1"}), turns=turns)
    creator.create_job(JobRequest(landed, 1))
    assert [lane for lane, _ in turns.taken] == ["creates", "completions"]
    assert (turns.used, len(wire.requests)) == (2, 3)  # the video itself goes to storage


@pytest.mark.parametrize(("key", "answers"), [("a.mp4", [(200, {"signed_url": SIGNED_URL})]), ("a.mov", [TAKES_MOV])])
def test_a_booked_turn_is_used_once_although_dynamodb_refuses_the_next_call(
    aws: Any, key: str, answers: list[Any]
) -> None:
    """The next delivery of the upload asked the API in the same turn, so a minute had a request too many."""

    class Turns(ScriptedTurns):
        def take(self, lane: Lane, booked_at: float | None = None, patience_seconds: float = 0.0) -> Turn:
            if self.used:
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Not now."}}, "GetItem")
            return super().take(lane, booked_at, patience_seconds)

    landed = upload(aws, key, input_mode="upload")
    turns = Turns([TurnLater(60, 1_800_000_100.5, 100.5)])
    with pytest.raises(TurnLater):
        build(aws, turns=turns)[0].create_job(JobRequest(landed, 1))
    with pytest.raises(ClientError, match="ThrottlingException"):
        build(aws, *answers, (200, {}), turns=turns)[0].create_job(JobRequest(landed, 1))
    assert turns.used == 1
    assert "turn_at" not in aws.ledger.read(landed, 1)


def test_a_video_that_is_too_large_to_be_sent_is_rejected_before_it_is_sent(aws: Any) -> None:
    creator, wire = build(aws)
    landed = replace(upload(aws, input_mode="upload"), size_bytes=20_000_000_000)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    assert wire.requests == []
    [notice] = aws.notices()
    assert "The video has 20.0 GB, and input mode upload sends at most 5.0 GB." in notice["Message"]
    assert "--metadata input-mode=presigned" in notice["Message"]


def test_a_large_video_is_downloaded_by_the_api(aws: Any) -> None:
    creator, _ = build(aws, (200, {"job_id": "j1"}))
    landed = replace(upload(aws), size_bytes=20_000_000_000)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "running"


def test_sending_ends_before_the_function_s_timeout(aws: Any) -> None:
    creator, wire = build(aws, (200, {"signed_url": SIGNED_URL}), seconds_left=LAST_SECONDS - 1)
    landed = upload(aws, input_mode="upload")
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    assert [request.method for request in wire.requests] == ["POST", "PUT"]
    [notice] = aws.notices()
    assert "Only 0.0 MB of 0.0 MB reached the API within the function's time limit." in notice["Message"]


def test_interrupted_sending_is_not_repeated_endlessly(aws: Any) -> None:
    landed = upload(aws, input_mode="upload")
    for number in range(1, SENDS_MAX + 1):
        creator, wire = build(aws, (200, {"signed_url": SIGNED_URL}), KeyboardInterrupt())  # the end of the process
        with pytest.raises(KeyboardInterrupt):
            creator.create_job(JobRequest(landed, 1))
        item = aws.ledger.read(landed, 1)
        assert (item["status"], item["sends"]) == ("sending", number)
    creator, wire = build(aws)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "rejected"
    assert wire.requests == []
    [notice] = aws.notices()
    assert "Sending the video to the API was cut off 3 times." in notice["Message"]


@pytest.mark.parametrize("status_code", [403, 503])
def test_a_video_that_storage_does_not_take_is_sent_again_to_a_new_link(aws: Any, status_code: int) -> None:
    landed = upload(aws, input_mode="upload")
    for _ in range(SENDS_MAX + 1):
        creator, _ = build(aws, (200, {"signed_url": SIGNED_URL}), (status_code, b""))
        with pytest.raises(ApiUnavailable):
            creator.create_job(JobRequest(landed, 1))
        item = aws.ledger.read(landed, 1)
        assert (item["status"], item.get("sends")) == ("waiting", None)
    creator, _ = build(aws, (200, {"signed_url": SIGNED_URL}), (200, b""), (200, {"job_id": "j1"}))
    assert creator.create_job(JobRequest(landed, 1))["status"] == "running"


class Meddler(Wire):
    """A wire that changes something elsewhere while a request is on its way."""

    def __init__(self, *answers: Any, during: int, meddle: Callable[[], None]) -> None:
        super().__init__(*answers)
        self._during = during
        self._meddle = meddle

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if len(self.requests) == self._during:
            self._meddle()
        return super().send(request, *args, **kwargs)


def cancel(aws: Any, landed: Upload) -> None:
    aws.ledger.record(landed, 1, status="cancelled", error="A person cancelled it.")


SENDING = [(200, {"signed_url": SIGNED_URL}), (200, b"")]


@pytest.mark.parametrize("during", [0, 1])
def test_a_job_that_is_cancelled_while_its_video_is_sent_is_not_created(aws: Any, during: int) -> None:
    landed = upload(aws, input_mode="upload")
    wire = Meddler(*SENDING, during=during, meddle=lambda: cancel(aws, landed))
    creator, _ = build(aws)
    creator = replace(creator, api=VideoInferenceApi("https://api.example.com", KEY, wire.session))
    assert creator.create_job(JobRequest(landed, 1)) == {"status": "cancelled"}
    assert all("/videoinfer/" not in str(request.url) for request in wire.requests)
    assert aws.ledger.read(landed, 1)["status"] == "cancelled"
    [notice] = aws.notices()
    assert notice["Subject"].endswith(": cancelled")
    assert aws.executions() == []


def test_a_job_that_is_cancelled_while_it_waits_for_its_turn_is_not_created(aws: Any) -> None:
    landed = upload(aws)

    class Turns(ScriptedTurns):
        def take(self, *args: Any, **kwargs: Any) -> Turn:
            cancel(aws, landed)
            return super().take(*args, **kwargs)

    creator, wire = build(aws, turns=Turns())
    assert creator.create_job(JobRequest(landed, 1)) == {"status": "cancelled"}
    assert wire.requests == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ((200, {"job_id": "j1"}), ("j1", None)),
        ((404, {}), (None, None)),
        ((429, {}), (None, None)),
        ((502, {}), (None, 1)),
    ],
)
def test_the_api_s_answer_about_a_job_that_was_cancelled_in_the_meantime_is_recorded(
    aws: Any, answer: Any, values: tuple[str | None, int | None]
) -> None:
    landed = upload(aws)
    wire = Meddler(answer, during=0, meddle=lambda: cancel(aws, landed))
    creator, _ = build(aws)
    creator = replace(creator, api=VideoInferenceApi("https://api.example.com", KEY, wire.session))
    assert creator.create_job(JobRequest(landed, 1)) == {"status": "cancelled"}
    item = aws.ledger.read(landed, 1)
    assert (item["status"], item.get("job_id"), item.get("unanswered")) == ("cancelled", *values)
    assert aws.executions() == []
    assert len(aws.notices()) == 1


def test_a_job_that_was_cancelled_while_it_waited_is_reported_once(aws: Any) -> None:
    landed = upload(aws)
    aws.ledger.record(landed, 1, status="waiting", error="503.")
    cancel(aws, landed)
    for _ in range(2):
        creator, wire = build(aws)
        assert creator.create_job(JobRequest(landed, 1)) == {"status": "cancelled"}
        assert wire.requests == []
    [notice] = aws.notices()
    assert f"videoinfer retry {landed.upload_id}" in notice["Message"]


class RefusingTable:
    """A table that refuses a number of writes after the API was called."""

    def __init__(self, table: Any, wire: Wire, times: int) -> None:
        self._table = table
        self._wire = wire
        self._times = times

    def get_item(self, **arguments: Any) -> Any:
        return self._table.get_item(**arguments)

    def update_item(self, **arguments: Any) -> Any:
        if self._wire.requests and self._times:
            self._times -= 1
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "Not now."}}, "UpdateItem")
        return self._table.update_item(**arguments)


def refuse_writes(aws: Any, creator: JobCreator, wire: Wire, times: int) -> JobCreator:
    return replace(creator, ledger=Ledger(cast(Any, RefusingTable(aws.ledger._table, wire, times))))


def test_a_job_s_id_is_logged_at_once_and_recorded_when_dynamodb_accepts_it(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, slept = io.StringIO(), list[float]()
    monkeypatch.setattr(logger.registered_handler, "stream", output)
    monkeypatch.setattr("videojobs.create_job.time.sleep", slept.append)
    landed = upload(aws)
    creator, wire = build(aws, (200, {"job_id": "j1"}))
    creator = refuse_writes(aws, creator, wire, times=7)
    assert creator.create_job(JobRequest(landed, 1)) == {"status": "running", "job_id": "j1"}
    assert slept == [1, 2, 4, 8, 16, 30, 30]
    assert aws.ledger.read(landed, 1)["job_id"] == "j1"
    first = json.loads(output.getvalue().splitlines()[0])
    assert (first["message"], first["job_id"]) == ("The API has created the job.", "j1")


def test_a_job_whose_id_cannot_be_recorded_is_waited_for_and_not_created_again(aws: Any) -> None:
    landed = upload(aws)
    creator, wire = build(aws, (200, {"job_id": "j1"}), seconds_left=0)
    with pytest.raises(ClientError):  # the execution's ARN can't be recorded either
        refuse_writes(aws, creator, wire, times=99).create_job(JobRequest(landed, 1))
    item = aws.ledger.read(landed, 1)
    assert (item["status"], item.get("job_id"), item["unanswered"]) == ("creating", None, 1)
    [execution] = aws.executions()
    assert json.loads(execution["input"])["job_id"] == "j1"

    again, wire = build(aws)
    assert again.create_job(JobRequest(landed, 1)) == {"status": "running", "job_id": "j1"}
    assert wire.requests == []
    item = aws.ledger.read(landed, 1)
    assert (item["status"], item["job_id"], item.get("unanswered")) == ("running", "j1", None)
    assert item["execution_arn"] == execution["executionArn"]
    assert len(aws.executions()) == 1
