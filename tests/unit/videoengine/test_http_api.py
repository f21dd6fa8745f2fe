"""HTTP: how requests are read, and that every answer is short JSON."""

import io
import json

import pytest
import urllib3

from tests.stand_ins.api_gateway import make_event
from tests.stand_ins.engine import API_KEY, EngineInProcess
from tests.stand_ins.internet import Internet
from videoengine.logs import logger

SIGN = ("POST", "/video_upload_signed_url")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The log from here on."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def test_the_key_is_checked_first(engine: EngineInProcess) -> None:
    assert engine.request(*SIGN, {}, "no JSON")[0] == 401
    assert engine.request("GET", "/videoinfer", {"job_id": "a-job"})[0] == 401


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream"])
def test_a_body_may_be_text_or_base64(content_type: str, engine: EngineInProcess) -> None:
    headers = [("Content-Type", content_type)]
    event = make_event(*SIGN, [("api_key", API_KEY)], headers, b'{"file_name": "a.mp4"}')
    assert event["isBase64Encoded"] == (content_type != "application/json")
    assert engine.invoke("serve_api", event)["statusCode"] == 200


@pytest.mark.parametrize("path", ["/video_upload_signed_url", "/video_upload_signed_url/", "//video_upload_signed_url"])
def test_a_path_is_served_with_and_without_a_slash(path: str, engine: EngineInProcess) -> None:
    assert engine.request("POST", path, {"api_key": API_KEY}, {"file_name": "a.mp4"})[0] == 200


@pytest.mark.parametrize("path", ["/a/b/c", "/videoinfer/a/b", "/a//b", "/video//infer/", "/" + "x/" * 3000])
def test_an_unknown_path_is_not_found(path: str, engine: EngineInProcess) -> None:
    status, answer = engine.request("GET", path, {"api_key": API_KEY})
    assert (status, list(answer)) == (404, ["error"])
    assert len(answer["error"]) < 100


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/videoinfer", "POST, GET"),
        ("HEAD", "/openapi.json/", "GET"),
        ("GET", "/", "POST"),
        ("GET", "/video_upload_signed_url/", "POST"),
        ("OPTIONS", "/my-team/my-model", "GET"),
    ],
)
def test_an_unknown_method_is_answered_with_the_allowed_ones(
    method: str, path: str, allowed: str, engine: EngineInProcess
) -> None:
    answer = engine.invoke("serve_api", make_event(method, path))
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, allowed)
    assert list(json.loads(answer["body"])) == ["error"]


def test_an_unexpected_error_is_500_in_the_same_format(engine: EngineInProcess, log: io.StringIO) -> None:
    broken = EngineInProcess({**engine.environment, "JOBS_TABLE": "gone"}, engine.s3, None, None, engine.jobs)
    status, answer = broken.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": "a-job"})
    assert (status, list(answer)) == (500, ["error"])
    [line] = [json.loads(line) for line in log.getvalue().splitlines() if "ResourceNotFoundException" in line]
    assert line["function_request_id"] in answer["error"]


def test_no_log_line_holds_a_key_or_a_query(engine: EngineInProcess, log: io.StringIO, internet: Internet) -> None:
    secret = "X-Amz-Signature=very-secret"
    url = f"https://e.com/?{secret}"
    pool = urllib3.HTTPConnectionPool("e.com")
    internet.answers.append(urllib3.exceptions.MaxRetryError(pool, url, OSError(f"no way to {url}")))
    for key in (API_KEY, "wrong-key"):
        engine.request(*SIGN, {"api_key": key}, {"file_name": "a.mp4"})
        engine.request("POST", "/videoinfer", {"api_key": key}, {"input_url": url})
    job_id = engine.create_job(f"https://e.com/a.mp4?{secret}")
    engine.run_job(job_id)
    logged = log.getvalue()
    lines = [json.loads(line) for line in logged.splitlines()]
    assert {"Job created", "Refused", "Job failed"} <= {line["message"] for line in lines}
    assert all(line["job_id"] == job_id for line in lines if line["message"].startswith("Job"))
    for hidden in (API_KEY, "wrong-key", "very-secret", "X-Amz-Signature"):
        assert hidden not in logged
    error = engine.find_job(job_id).error
    assert error
    assert "secret" not in error


def test_a_very_long_job_id_is_not_found(engine: EngineInProcess) -> None:
    status, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": "x" * 5000})
    assert status == 404
    assert len(answer["error"]) < 200
