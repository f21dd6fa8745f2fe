"""The engine's API answers like the contract's examples: with the same status codes, keys and types."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cfnlint.jsonschema import StandardValidator

from tests.stand_ins.api_gateway import make_event
from tests.stand_ins.engine import API_KEY, MAX_MODELS, MODEL, MODEL_ID, EngineInProcess, load_app, run_engine
from tests.stand_ins.model_files import make_package
from tests.stand_ins.videos import VideoSpec, make_video
from tests.stand_ins.wire import Wire
from videoengine.job_requests import JobRequest
from videoengine.jobs import Job, JobStatus
from videoengine.openapi import describe_api
from videojobs.api.client import CreatedJob, VideoInferenceApi
from videojobs.api.turns import Turn

EXAMPLES = Path(__file__).parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json") if path.stem != "results")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Patterns of values that the server chooses.
PATTERNS = {
    "job_id": UUID,
    "signed_url": re.compile(r"https://.+\?.+&X-Goog-Expires=\d+(&.+)?"),
    "output_signed_url": re.compile(r"https://.+\?.+"),
    "error": re.compile(r".{10,200}"),
}


def read_example(name: str) -> dict[str, Any]:
    example: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return example


def without_slash(path: str) -> str:
    return path.rstrip("/")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineInProcess]:
    """An engine in which the examples' job is running, with both versions of its model."""
    with run_engine(tmp_path) as engine:
        engine.put_model(make_package(), version="3")
        wanted = JobRequest.parse(read_example("create_job")["request"]["body"])
        job_id = read_example("create_job")["answer"]["body"]["job_id"]
        created_at = 4_000_000_000  # far from any deadline
        job = Job(job_id, wanted.infer_fps, wanted.models, f"jobs/{job_id}/video", wanted.input_url, created_at)
        engine.jobs.put(job, retention_days=7)
        yield engine


def check_described(request: Mapping[str, Any], status_code: int, answer: Any) -> None:
    """Checks the answer, and the request unless it was refused, against the API's own OpenAPI description."""
    description = describe_api(MAX_MODELS)
    operation = find_description(description["paths"], request["path"])[request["method"].lower()]
    check_schema(operation["responses"][str(status_code)]["content"], answer)
    if "requestBody" in operation and status_code == 200:
        check_schema(operation["requestBody"]["content"], request["body"])


def find_description(paths: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Returns the description of `path`. A path without variables comes before those that have some."""
    matching = [it for it in paths if re.fullmatch(re.sub(r"{\w+}", "[^/]+", it), path)]
    described: Mapping[str, Any] = paths[min(matching, key=lambda it: it.count("{"))]
    return described


def check_schema(content: Mapping[str, Any], value: Any) -> None:
    schema = {**content["application/json"]["schema"], "components": describe_api(MAX_MODELS)["components"]}
    assert [error.message for error in StandardValidator(schema).iter_errors(value)] == []


def bring_about(engine: EngineInProcess, example: Mapping[str, Any]) -> None:
    status = example["answer"]["body"].get("status")
    job_id = example["request"]["query"].get("job_id")
    if "progress" in example["answer"]["body"]:
        engine.dynamodb.update_item(
            TableName=engine.environment["JOBS_TABLE"],
            Key={"job_id": {"S": job_id}},
            UpdateExpression="SET #segments = :segments, segments_done = :done",
            ExpressionAttributeNames={"#segments": "segments"},
            ExpressionAttributeValues={":segments": {"N": "5"}, ":done": {"NS": ["0", "3"]}},
        )
    if status == JobStatus.DONE:
        engine.finish(job_id)
    if status == JobStatus.FAILED:
        engine.fail(job_id, example["answer"]["body"]["error"])


@pytest.mark.parametrize("change_path", [str, without_slash], ids=["slash", "no slash"])
@pytest.mark.parametrize("name", NAMES)
def test_the_api_answers_like_each_example(name: str, change_path: Any, engine: EngineInProcess) -> None:
    example = read_example(name)
    bring_about(engine, example)
    request = example["request"]
    status_code, answer = engine.request(
        request["method"], change_path(request["path"]), request["query"], request["body"]
    )
    expected = example["answer"]
    assert status_code == expected["status"]
    check_described(request, status_code, answer)
    # The hosted API does not send it.
    assert (answer.pop("cost_usd", None) is not None) == ("output_signed_url" in answer or answer.get("status") == 2)
    assert answer.keys() == expected["body"].keys()
    for key, value in answer.items():
        if key in PATTERNS:
            assert PATTERNS[key].fullmatch(value), value
        else:
            assert value == expected["body"][key]


@pytest.mark.parametrize("name", [name for name in NAMES if read_example(name)["answer"]["status"] == 404])
def test_the_answer_about_a_missing_resource_says_not_found(name: str, engine: EngineInProcess) -> None:
    request = read_example(name)["request"]
    _, answer = engine.request(request["method"], request["path"], request["query"], request["body"])
    assert "not found" in answer["error"]


def test_a_failed_job_s_reason_is_returned(engine: EngineInProcess) -> None:
    example = read_example("status_failed")
    bring_about(engine, example)
    _, answer = engine.request("GET", "/videoinfer/", example["request"]["query"])
    assert answer == example["answer"]["body"] | {"cost_usd": 0.5}


def test_polling_a_running_job_too_often_is_answered_with_retry_after(engine: EngineInProcess) -> None:
    limited = replace(engine, environment={**engine.environment, "POLL_SECONDS_MIN": "60"})
    request = read_example("status_running")["request"]
    event = make_event("GET", "/videoinfer", list(request["query"].items()))
    assert limited.invoke("serve_api", event)["statusCode"] == 200
    refused = limited.invoke("serve_api", event)
    assert refused["statusCode"] == 429
    assert 0 < int(refused["headers"]["Retry-After"]) <= 60
    assert json.loads(refused["body"]) == {"error": "This job may be polled once in 60 seconds"}
    check_described({"method": "GET", "path": "/videoinfer/"}, 429, json.loads(refused["body"]))


@pytest.mark.parametrize("name", ["status_done", "status_failed"])
def test_a_job_that_ended_may_be_polled_at_any_time(name: str, engine: EngineInProcess) -> None:
    limited = replace(engine, environment={**engine.environment, "POLL_SECONDS_MIN": "60"})
    request = read_example("status_running")["request"]
    assert limited.request("GET", "/videoinfer", request["query"])[0] == 200
    bring_about(engine, read_example(name))
    for _ in range(2):
        assert limited.request("GET", "/videoinfer", request["query"])[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        ("POST", "/", {}),
        ("GET", "/{workspace}", {"workspace": "my-team"}),
        ("GET", "/{workspace}/{project}", {"workspace": "my-team", "project": MODEL_ID}),
        ("GET", "/{workspace}/{project}", {"workspace": "my-team", "project": "unknown"}),
    ],
    ids=["key", "workspace", "project", "unknown project"],
)
def test_requests_of_the_official_client_follow_the_description(
    method: str, path: str, names: Mapping[str, str], engine: EngineInProcess
) -> None:
    status_code, answer = engine.request(method, path.format(**names), {"api_key": API_KEY})
    check_described({"method": method, "path": path}, status_code, answer)


def test_the_description_detects_a_wrong_answer() -> None:
    request = {"method": "GET", "path": "/videoinfer/"}
    for wrong in ({"status": 0}, {"status": 3}, {"status": 1, "unheard_of": 1}, {}):
        with pytest.raises(AssertionError):
            check_described(request, 200, wrong)


def test_the_description_needs_no_key_and_has_every_route(engine: EngineInProcess) -> None:
    status_code, description = engine.request("GET", "/openapi.json", {})
    assert (status_code, description["openapi"]) == (200, "3.1.0")
    assert description == describe_api(MAX_MODELS)
    described = {
        f"{method.upper()} {path}" for path, operations in description["paths"].items() for method in operations
    }
    app = load_app("serve_api")
    served = [*app.OPEN_ROUTES, *app.ROUTES]
    assert sorted(served) == sorted(route.rstrip("/") if route != "POST /" else route for route in described)


def shape(value: Any) -> Any:
    """Reduces a value to its types and its objects' keys."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    return type(value)


def test_results_have_the_example_s_format(engine: EngineInProcess) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())), infer_fps=4)
    engine.run_job(job_id)
    results, example = engine.read_results(job_id), read_example("results")
    assert list(results) == list(example)
    assert results["frame_offset"][:3] == example["frame_offset"]
    assert results["time_offset"][:3] == example["time_offset"]
    assert len({len(column) for column in results.values()}) == 1
    [model_id] = results.keys() - {"frame_offset", "time_offset"}
    expected = {json.dumps(str(shape(prediction))) for prediction in example[model_id][0]["predictions"]}
    found = [element for element in results[model_id] if element["predictions"]]
    assert found
    for element in found:
        assert shape(element | {"predictions": 0}) == shape(example[model_id][0] | {"predictions": 0})
        assert {json.dumps(str(shape(prediction))) for prediction in element["predictions"]} == expected


def relay(engine: EngineInProcess, call: Callable[[VideoInferenceApi], Any]) -> Any:
    """Returns what the pipeline's client makes of the engine's answer to a call."""
    wire = Wire((200, {"job_id": "any", "signed_url": "https://example.com/"}))
    call(VideoInferenceApi("https://api.example.com", API_KEY, wire.session))
    request, headers = wire.describe(), dict(wire.requests[0].headers)
    answer = engine.request(request["method"], request["path"], request["query"], request["body"], headers)
    return call(VideoInferenceApi("https://api.example.com", API_KEY, Wire(answer).session))


def test_the_pipeline_s_calls_with_one_idempotency_key_create_one_job(engine: EngineInProcess) -> None:
    def create_job(api: VideoInferenceApi) -> CreatedJob:
        url = f"https://bucket.s3.amazonaws.com/v.mp4?X-Amz-Signature={next(signatures)}"
        return api.create_job(Turn(), url, [MODEL], 5, idempotency_key="k")

    signatures = count()
    first, second = relay(engine, create_job), relay(engine, create_job)
    assert first == second
    assert first.is_repeatable
    sent = [relay(engine, lambda api: api.create_upload_url(Turn(), "v.mp4", "k")).partition("?")[0] for _ in range(2)]
    assert sent[0] == sent[1]
