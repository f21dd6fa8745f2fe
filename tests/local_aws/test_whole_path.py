"""From an upload to its notice, with the real templates, the real engine and the shipped clip."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, DeployPipeline, list_executions
from tests.templates import read_template
from videoinfer.function_logs import read_log_lines
from videoinfer.local.deployments import Engine, pipeline_parameters
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.model_packages import LocalModel
from videoinfer.repository import SAMPLE_VIDEO
from videoinfer.upload_progress import read_history

ODD_KEY = "line 3+ü%41 (1).MP4"

OUTPUTS = {"detections.parquet", "frames.parquet", "detections.csv.gz", "coco.json", "detections.vtt", "report.html"}

# Ten seconds of video, at five frames a second.
SAMPLED_FRAMES = 50


def fetch_results(engine: Engine, job_id: str) -> bytes:
    """The results as the engine returns them."""
    query = {"api_key": engine.api_key, "job_id": job_id}
    status = requests.get(f"{engine.api_url}/videoinfer/", params=query, timeout=30).json()
    return requests.get(status["output_signed_url"], timeout=30).content


@pytest.mark.parametrize("input_mode", ["presigned", "upload"])
def test_an_upload_becomes_results_and_a_notice(
    deploy_pipeline: DeployPipeline, engine: Engine, model: LocalModel, input_mode: str
) -> None:
    pipeline = deploy_pipeline(**pipeline_parameters(engine, [model], infer_fps=5), InputMode=input_mode)

    upload = pipeline.upload(ODD_KEY, SAMPLE_VIDEO.read_bytes())
    job = pipeline.wait_for_job(upload)

    assert job["status"] == "done", job
    results = pipeline.read_results(upload, job["job_id"], "results.json")
    assert results == fetch_results(engine, job["job_id"])
    elements = json.loads(results)[model.model_id]
    classes = Counter(prediction["class"] for element in elements for prediction in element["predictions"])
    assert len(elements) == SAMPLED_FRAMES
    assert set(classes) == {"Rock", "Paper", "Scissors"}

    record = json.loads(pipeline.read_results(upload, job["job_id"], "job.json"))
    assert record["counts"] == {model.model_id: dict(classes)}
    assert record["frames"] == SAMPLED_FRAMES
    assert record["videoinfer_version"] == read_template("pipeline")["Outputs"]["Version"]["Value"]
    assert record["input_mode"] == input_mode
    assert record["start_offset"] == 0.0  # None if the API does not return it

    assert {*record["outputs"]} == OUTPUTS
    for uri in record["outputs"].values():
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        assert pipeline.clients.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
    summary = json.loads(pipeline.read_results(upload, job["job_id"], "summary.json"))
    assert {name: entry["count"] for name, entry in summary["models"][model.model_id]["classes"].items()} == classes
    assert summary["cost"]["used"]["lambda_gigabyte_seconds"] > 0
    inference = summary["cost"]["usd"]["video_inference_api"]
    assert summary["cost"]["total_usd"] > inference > 0
    assert inference == pytest.approx(float(job["api_cost_usd"]))

    [notice] = pipeline.take_notices(upload)
    assert notice.subject.startswith("line 3+u%41 (1).MP4: ")
    assert f"s3://{pipeline.pipeline.results_bucket}/results/{ODD_KEY}/{job['job_id']}/results.json" in notice.text
    assert all(f"{count:,}" in notice.text for count in classes.values())


@pytest.mark.parametrize(
    ("key", "body", "metadata", "reason"),
    [
        ("empty.mp4", b"", {}, "The file is empty"),
        ("clip.wmv", b"video", {}, ".wmv"),
        ("too-slow.mp4", b"video", {"infer-fps": "0"}, "infer_fps: 0"),
        ("unknown.mp4", b"video", {"model-id": "no-such-model", "model-version": "1"}, "no-such-model/1 not found"),
    ],
)
def test_an_upload_that_cannot_become_a_job_is_rejected_with_a_reason(
    pipeline: DeployedPipeline, key: str, body: bytes, metadata: dict[str, str], reason: str
) -> None:
    upload = pipeline.upload(key, body, metadata)

    job = pipeline.wait_for_job(upload)

    assert job["status"] == "rejected"
    assert "execution_arn" not in job
    [notice] = pipeline.take_notices(upload)
    assert notice.subject.startswith(f"{key}: rejected: ")
    assert reason in notice.text


def test_a_wrong_api_key_is_given_as_the_reason_of_a_rejection(
    deploy_pipeline: DeployPipeline, engine: Engine, model: LocalModel
) -> None:
    parameters = {**pipeline_parameters(engine, [model], infer_fps=5), "ApiKey": "wrong"}
    pipeline = deploy_pipeline(**parameters)

    upload = pipeline.upload("clip.mp4", b"video")

    assert pipeline.wait_for_job(upload)["status"] == "rejected"
    [notice] = pipeline.take_notices(upload)
    assert "The API key is not accepted" in notice.text


@pytest.mark.parametrize(
    ("key", "body", "metadata", "reason"),
    [
        ("notes.mp4", b"This is text.", {}, "The file is not an MP4"),
        ("too-fast.mp4", SAMPLE_VIDEO, {"infer-fps": "60"}, "infer_fps 60 is above the video's frame rate"),
    ],
)
def test_a_failed_job_has_a_reason_and_leaves_no_results(
    pipeline: DeployedPipeline, key: str, body: bytes | Path, metadata: dict[str, str], reason: str
) -> None:
    upload = pipeline.upload(key, body if isinstance(body, bytes) else body.read_bytes(), metadata)

    job = pipeline.wait_for_job(upload)

    assert job["status"] == "failed"
    assert pipeline.list_results(upload) == []
    [notice] = pipeline.take_notices(upload)
    assert notice.subject.startswith(f"{key}: failed: ")
    assert reason in notice.text


def test_a_repeated_event_is_one_job_and_one_notice(
    aws: EmbeddedAws, pipeline: DeployedPipeline, engine: Engine
) -> None:
    engine_jobs = list_executions(aws.clients, engine.state_machine_arn)
    executions = pipeline.list_executions()
    upload = pipeline.upload("twice.mp4", b"This is text.")
    first = pipeline.wait_for_job(upload)

    pipeline.announce_again(upload)

    assert pipeline.wait_for_job(upload) == first
    assert len(pipeline.list_executions()) == len(executions) + 1
    assert len(list_executions(aws.clients, engine.state_machine_arn)) == len(engine_jobs) + 1
    assert len(pipeline.take_notices(upload)) == 1


def test_no_record_contains_a_secret(aws: EmbeddedAws, pipeline: DeployedPipeline) -> None:
    done = pipeline.upload("marked.mp4", SAMPLE_VIDEO.read_bytes())
    failed = pipeline.upload("secret.mp4", b"This is text.")
    jobs = [pipeline.wait_for_job(upload) for upload in (done, failed)]
    for upload in (done, failed):
        pipeline.take_notices(upload)

    logs = "\n".join(line.text for line in read_log_lines(aws.clients))
    records = pipeline.read_records()
    everywhere = read_tables_and_histories(aws, [job["job_id"] for job in jobs])

    assert [job["status"] for job in jobs] == ["done", "failed"]
    for text in (logs, records, everywhere):
        assert all(job["job_id"] in text for job in jobs)
        assert API_KEY not in text
        assert "X-Amz-Signature" not in text
        assert "X-Goog-Signature" not in text


def read_tables_and_histories(aws: EmbeddedAws, job_ids: Sequence[str]) -> str:
    """The items of every table, and the histories of every state machine, that mention the jobs, including the
    engine's.
    """
    clients = aws.clients
    tables = clients.dynamodb.list_tables()["TableNames"]
    items = [item for name in tables for item in clients.dynamodb.scan(TableName=name)["Items"]]
    machines = clients.stepfunctions.list_state_machines()["stateMachines"]
    executions = [arn for machine in machines for arn in list_executions(clients, machine["stateMachineArn"])]
    texts = [json.dumps(it, default=str) for it in (*items, *(read_history(clients, arn) for arn in executions))]
    return "\n".join(text for text in texts if any(job_id in text for job_id in job_ids))
