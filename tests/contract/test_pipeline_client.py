"""The pipeline's client sends the requests of the contract's examples, and reads their answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.wire import Wire
from videojobs.api.client import ReportedStatus, VideoInferenceApi
from videojobs.api.turns import Turn
from videojobs.errors import ApiRefused
from videojobs.jobs.options import Model
from videojobs.outputs.summary import Summary
from videojobs.results.analysis import Analysis
from videojobs.results.derivation import derive

EXAMPLES = Path(__file__).parent / "examples"


def read_example(name: str) -> dict[str, Any]:
    example: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return example


REFUSALS = [
    name
    for name in sorted(path.stem for path in EXAMPLES.glob("error_*.json"))
    if read_example(name)["request"]["path"]
    == "/videoinfer/"  # the pipeline asks for nothing else that is refused here
]


def connect(example: dict[str, Any]) -> tuple[VideoInferenceApi, Wire]:
    wire = Wire((example["answer"]["status"], example["answer"]["body"]))
    return VideoInferenceApi("https://api.example.com/", example["request"]["query"]["api_key"], wire.session), wire


def test_the_client_requests_a_signed_url() -> None:
    example = read_example("signed_url")
    api, wire = connect(example)
    assert (
        api.create_upload_url(Turn(), example["request"]["body"]["file_name"], "key")
        == example["answer"]["body"]["signed_url"]
    )
    assert wire.describe() == example["request"]


@pytest.mark.parametrize("name", ["create_job", "create_job_still_frames"])
def test_the_client_creates_a_job(name: str) -> None:
    example = read_example(name)
    api, wire = connect(example)
    body = example["request"]["body"]
    models = [Model.parse(model).to_request() for model in body["models"]]
    assert (
        api.create_job(Turn(), body["input_url"], models, body["infer_fps"], idempotency_key="key").job_id
        == example["answer"]["body"]["job_id"]
    )
    assert wire.describe() == example["request"]


@pytest.mark.parametrize(
    ("name", "state"), [("running", "running"), ("progress", "running"), ("done", "done"), ("failed", "failed")]
)
def test_the_client_reads_each_status(name: str, state: str) -> None:
    example = read_example(f"status_{name}")
    api, wire = connect(example)
    status = api.check_job(Turn(), example["request"]["query"]["job_id"])
    answer = example["answer"]["body"]
    assert status == ReportedStatus(
        state=state,  # type: ignore[arg-type]
        output_signed_url=answer.get("output_signed_url"),
        reason=answer.get("error"),
        progress=answer.get("progress"),
    )
    assert wire.describe() == example["request"]


@pytest.mark.parametrize("name", REFUSALS)
def test_the_client_reads_each_refusal(name: str) -> None:
    example = read_example(name)
    api, _ = connect(example)
    call = (
        (lambda: api.check_job(Turn(), example["request"]["query"]["job_id"]))
        if example["request"]["method"] == "GET"
        else (lambda: api.create_job(Turn(), "https://videos.example.com/video.mp4", [], 5, idempotency_key="key"))
    )
    with pytest.raises(ApiRefused) as refused:
        call()
    assert refused.value.status_code == example["answer"]["status"]
    assert refused.value.reason == example["answer"]["body"]["error"]


def test_the_pipeline_counts_the_example_s_results() -> None:
    content = (EXAMPLES / "results.json").read_bytes()
    results = json.loads(content)
    [model_id] = results.keys() - {"frame_offset", "time_offset"}
    models = [Model(model_id, "4", "object-detection")]
    summary = Summary(models)
    derive([content], models, [summary], lambda: [content], analysis=Analysis(track=True))
    found = [prediction["class"] for element in results[model_id] if element for prediction in element["predictions"]]
    assert summary.frames == len(results["frame_offset"])
    assert summary.counts == {model_id: {name: found.count(name) for name in set(found)}}
    assert summary.failed_frames == {model_id: results[model_id].count(None)}
