"""A request that is repeated with the same Idempotency-Key gets the same job."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.stand_ins.engine import API_KEY, MODEL, EngineInProcess, digest
from videoengine import clients
from videoengine.idempotency import digest_request
from videoengine.jobs import JobStatus

URL = "https://bucket.s3.amazonaws.com/v.mp4?versionId=7&X-Amz-Date=%s&X-Amz-Signature=%s"
BODY = {"input_url": URL % ("1", "a"), "infer_fps": 5, "models": [MODEL]}


def send(
    engine: EngineInProcess, body: Mapping[str, Any] = BODY, idempotency_key: str = "k1", api_key: str = API_KEY
) -> tuple[int, dict[str, Any]]:
    headers = {"Idempotency-Key": idempotency_key}
    return engine.request("POST", "/videoinfer/", {"api_key": api_key}, body, headers)


def count_executions(engine: EngineInProcess) -> int:
    arn = engine.environment["STATE_MACHINE_ARN"]
    return len(engine.stepfunctions.list_executions(stateMachineArn=arn)["executions"])


def test_the_same_key_and_body_get_the_same_job(engine: EngineInProcess) -> None:
    status, first = send(engine)
    assert (status, first["idempotency_key"]) == (200, "k1")
    assert send(engine) == (200, first)
    assert send(engine, {**BODY, "input_url": URL % ("2", "b")}) == (200, first)
    assert count_executions(engine) == 1
    assert engine.dynamodb.scan(TableName="jobs")["Count"] == 1


def test_another_key_or_another_caller_gets_another_job(engine: EngineInProcess) -> None:
    jobs = [send(engine), send(engine, idempotency_key="k2"), send(engine, api_key="another")]
    assert [status for status, _ in jobs] == [200, 200, 200]
    assert len({answer["job_id"] for _, answer in jobs}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"infer_fps": 4},
        {"input_url": URL.replace("7", "8") % ("1", "a")},
        {"models": [MODEL | {"inference_params": {"confidence": 0.1}}]},
    ],
)
def test_the_same_key_with_another_body_is_refused(change: dict[str, Any], engine: EngineInProcess) -> None:
    send(engine)
    status, answer = send(engine, {**BODY, **change})
    assert (status, answer) == (409, {"error": 'The Idempotency-Key "k1" was sent before, with another body'})
    assert count_executions(engine) == 1


def test_without_a_key_each_request_gets_a_job_of_its_own(engine: EngineInProcess) -> None:
    jobs = [engine.request("POST", "/videoinfer/", {"api_key": API_KEY}, BODY)[1] for _ in range(2)]
    assert jobs[0]["job_id"] != jobs[1]["job_id"]
    assert not any("idempotency_key" in job for job in jobs)


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "\u00fc"])
def test_an_invalid_key_is_refused(key: str, engine: EngineInProcess) -> None:
    expected = "The header Idempotency-Key must be 1 to 255 visible ASCII characters"
    assert send(engine, idempotency_key=key) == (400, {"error": expected})
    refused = engine.request(
        "POST", "/video_upload_signed_url", {"api_key": API_KEY}, {"file_name": "a.mp4"}, {"Idempotency-Key": key}
    )
    assert refused == (400, {"error": expected})


def test_a_refused_request_does_not_use_the_key_up(engine: EngineInProcess) -> None:
    assert send(engine, {**BODY, "infer_fps": 0})[0] == 400
    assert send(engine)[0] == 200


def test_a_job_whose_start_failed_is_started_by_the_next_request(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "StartExecution")

    with monkeypatch.context() as patch:
        patch.setattr(clients.stepfunctions(), "start_execution", refuse)
        assert send(engine)[0] == 500
    assert count_executions(engine) == 0
    assert send(engine)[0] == 200
    assert count_executions(engine) == 1


def test_of_two_requests_at_the_same_time_one_creates_the_job(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = send(engine)
    monkeypatch.setattr("videoengine.jobs.JobsTable.get", lambda *_: None)  # as if both had looked before either wrote
    assert send(engine) == (200, first)
    assert send(engine, {**BODY, "infer_fps": 4})[0] == 409


def test_a_job_that_has_ended_is_not_started_again(engine: EngineInProcess) -> None:
    _, first = send(engine)
    engine.finish(first["job_id"])
    arn = engine.environment["STATE_MACHINE_ARN"]
    [execution] = engine.stepfunctions.list_executions(stateMachineArn=arn)["executions"]
    engine.stepfunctions.stop_execution(executionArn=execution["executionArn"])
    assert send(engine) == (200, first)
    assert count_executions(engine) == 1


@pytest.mark.parametrize("status", [JobStatus.DONE, JobStatus.FAILED])
def test_a_job_that_has_ended_is_not_started_again_when_its_name_is_free(
    status: JobStatus, engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is free again after 90 days, and records may be kept for years: that would be a second bill."""
    _, first = send(engine)
    if status is JobStatus.DONE:
        engine.finish(first["job_id"])
    else:
        engine.fail(first["job_id"], "The video is an empty file")
    monkeypatch.setattr(clients.stepfunctions(), "start_execution", lambda **_: pytest.fail("started again"))
    assert send(engine) == (200, first)


@pytest.mark.parametrize("share", [0.95, 1.01])
def test_a_job_that_was_never_started_and_counts_as_failed_soon_is_not_started(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """It would cost, and then fail while it runs, as in the engine's simulated life 20307."""
    _, first = send(engine)
    deadline = int(engine.environment["DEADLINE_SECONDS"])
    created = time.time()
    later = created + share * deadline
    monkeypatch.setattr("videoengine.api.time", SimpleNamespace(time=lambda: later))
    monkeypatch.setattr(clients.stepfunctions(), "start_execution", lambda **_: pytest.fail("started"))
    assert send(engine) == (200, first)
    later = created + deadline + 1
    _, state = engine.request("GET", "/videoinfer/", {"api_key": API_KEY, "job_id": first["job_id"]})
    assert "did not finish" in state["error"]


def test_a_changed_api_key_gets_the_same_job(engine: EngineInProcess) -> None:
    """The answer to the old key may have been lost."""
    _, first = send(engine)
    engine.change_api_keys(f"{digest(API_KEY)}+{digest('new')}")
    assert send(engine, api_key="new") == (200, first)
    assert send(engine) == (200, first)


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_job_whose_record_has_expired_is_created_again(
    is_deleted: bool, engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB deletes a record up to days after it has expired. Step Functions keeps an execution's name longer."""
    _, first = send(engine)
    engine.finish(first["job_id"])
    arn = engine.environment["STATE_MACHINE_ARN"]
    [execution] = engine.stepfunctions.list_executions(stateMachineArn=arn)["executions"]
    engine.stepfunctions.stop_execution(executionArn=execution["executionArn"])
    if is_deleted:
        engine.dynamodb.delete_item(TableName="jobs", Key={"job_id": {"S": first["job_id"]}})
    later = time.time() + 8 * 86_400
    monkeypatch.setattr("videoengine.api.time", SimpleNamespace(time=lambda: later))
    assert send(engine) == (200, first)
    assert count_executions(engine) == 2
    assert engine.find_job(first["job_id"]).status is JobStatus.RUNNING


def test_the_same_key_gets_a_url_of_the_same_object(engine: EngineInProcess) -> None:
    def sign(api_key: str, idempotency_key: str) -> str:
        _, answer = engine.request(
            "POST",
            "/video_upload_signed_url",
            {"api_key": api_key},
            {"file_name": "a.mp4"},
            {"Idempotency-Key": idempotency_key},
        )
        address: str = answer["signed_url"].partition("?")[0]
        return address

    addresses = [sign(API_KEY, "k1"), sign(API_KEY, "k2"), sign("another", "k1")]
    assert len(set(addresses)) == 3
    assert sign(API_KEY, "k1") == addresses[0]


@given(st.text(), st.text())
def test_any_url_can_be_compared(one: str, other: str) -> None:
    assert (digest_request({"input_url": one}) == digest_request({"input_url": one})) is True
    if "?" not in one + other:
        same = digest_request({"input_url": one}) == digest_request({"input_url": other})
        assert same == (one == other)
