"""The engine from its real template: the contract over HTTP, a step that dies, and the size of its functions."""

import json
import math
import struct
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import requests

from bench.memory import repeat_video
from bench.price import price_deployed_job
from tests.local_aws.pipelines import API_KEY
from tests.stand_ins.videos import VideoSpec, make_video
from tests.templates import find_resources
from videoengine.warming import LOADING_SECONDS, MIN_BYTES, PLANNED_PER_SECOND, START_SECONDS
from videoinfer.function_logs import read_log_lines
from videoinfer.local.builds import ENGINE
from videoinfer.local.deployments import Engine
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.model_packages import LocalModel
from videoinfer.repository import SAMPLE_VIDEO

ALLOWED_BUCKET = "my-cameras"  # as in the fixture engine
UNPACKED_LIMIT_BYTES = 262_144_000  # Lambda's limit for a function with its layers


def call(engine: Engine, method: str, path: str, body: Any = None, **query: str) -> tuple[int, dict[str, Any]]:
    answer = requests.request(
        method, f"{engine.api_url}{path}", params={"api_key": API_KEY, **query}, json=body, timeout=60
    )
    return answer.status_code, answer.json()


def wait_for(engine: Engine, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        _, answer = call(engine, "GET", "/videoinfer/", job_id=job_id)
        if answer.get("status") != 1:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{job_id} still runs")


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_route_is_reached_with_and_without_slash(slash: str, engine: Engine) -> None:
    assert call(engine, "POST", f"/video_upload_signed_url{slash}", {})[0] == 400
    assert call(engine, "POST", f"/videoinfer{slash}", {})[0] == 400
    assert call(engine, "GET", f"/videoinfer{slash}")[0] == 400
    assert call(engine, "GET", f"/videoinfer{slash}", api_key="wrong")[0] == 401


def test_a_job_runs_from_a_signed_url_to_its_results(engine: Engine, model: LocalModel) -> None:
    _, answer = call(engine, "POST", "/video_upload_signed_url/", {"file_name": "a b+%ü.mkv"})
    video = make_video(VideoSpec("matroska", frames=48))
    put = requests.put(answer["signed_url"], video, headers={"Content-Type": "application/octet-stream"}, timeout=60)
    assert put.status_code == 200
    models = [model.as_api_model()]
    job = {"input_url": answer["signed_url"], "infer_fps": 4, "models": models}
    status, created = call(engine, "POST", "/videoinfer", job)
    assert (status, created["message"]) == (200, "This endpoint will create videojob")
    done = wait_for(engine, created["job_id"])
    assert done["status"] == 0
    results = requests.get(done["output_signed_url"], timeout=60).json()
    assert results["frame_offset"] == list(range(0, 48, 6))
    assert [element["image"] for element in results[model.model_id]] == [{"width": 64, "height": 48}] * 8


def test_s3_copies_the_video_of_an_allowed_bucket(engine: Engine, aws: EmbeddedAws, model: LocalModel) -> None:
    s3, video = aws.clients.s3, make_video(VideoSpec("mp4", frames=48))
    s3.create_bucket(Bucket=ALLOWED_BUCKET)
    # Without a version, because MiniStack ignores the range of a request for one.
    location = {"Bucket": ALLOWED_BUCKET, "Key": "cameras/a b+%ü.mp4"}
    s3.put_object(Bucket=ALLOWED_BUCKET, Key=location["Key"], Body=video)
    signed = s3.generate_presigned_url("get_object", Params=location)
    job = {"input_url": signed, "infer_fps": 4, "models": [model.as_api_model()]}
    status, created = call(engine, "POST", "/videoinfer", job)
    assert (status, wait_for(engine, created["job_id"])["status"]) == (200, 0)
    lines = [line.text for line in read_log_lines(aws.clients) if created["job_id"] in line.text]
    assert any("S3 has copied the video" in line for line in lines), lines


def test_a_long_job_s_workers_are_started_while_it_is_planned(
    engine: Engine, aws: EmbeddedAws, model: LocalModel, tmp_path: Path
) -> None:
    short, long, frames = tmp_path / "short.mp4", tmp_path / "long.mp4", 1000
    short.write_bytes(make_video(VideoSpec(frames=frames, rate=Fraction(1000), keyframe_every=frames)))
    repeat_video(short, long, math.ceil((START_SECONDS + LOADING_SECONDS) * PLANNED_PER_SECOND / frames))
    padding = struct.pack(">I4s", MIN_BYTES, b"free") + bytes(MIN_BYTES - 8)
    _, answer = call(engine, "POST", "/video_upload_signed_url/", {"file_name": "a.mp4"})
    requests.put(answer["signed_url"], long.read_bytes() + padding, timeout=60).raise_for_status()
    job = {"input_url": answer["signed_url"], "infer_fps": 1, "models": [model.as_api_model()]}
    _, created = call(engine, "POST", "/videoinfer", job)
    assert wait_for(engine, created["job_id"])["status"] == 0
    lines = [json.loads(line.text) for line in read_log_lines(aws.clients) if created["job_id"] in line.text]
    messages = Counter(line["message"] for line in lines)
    [called] = [line for line in lines if line["message"] == "Functions called"]
    assert messages["Worker is warm"] == called["count"] == 2


def test_a_job_s_record_has_what_lambda_s_log_says_that_it_billed(
    engine: Engine, model: LocalModel, aws: EmbeddedAws
) -> None:
    _, answer = call(engine, "POST", "/video_upload_signed_url/", {"file_name": "a.mp4"})
    requests.put(answer["signed_url"], SAMPLE_VIDEO.read_bytes(), timeout=60).raise_for_status()
    job = {"input_url": answer["signed_url"], "infer_fps": 5, "models": [model.as_api_model()]}
    _, created = call(engine, "POST", "/videoinfer", job)
    told = wait_for(engine, created["job_id"])["cost_usd"]
    billed, recorded = price_deployed_job(aws.clients, "engine", created["job_id"])
    assert told == pytest.approx(recorded, abs=1e-6)
    assert recorded == pytest.approx(billed, rel=0.1)


def test_a_step_that_dies_leaves_a_readable_reason(engine: Engine, aws: EmbeddedAws) -> None:
    [stack] = aws.clients.cloudformation.describe_stacks(StackName="engine")["Stacks"]
    table = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}["JobsTableName"]
    # A record that lacks almost everything, so that fetch_video always raises.
    item = {"job_id": {"S": "half-a-job"}, "status": {"N": "1"}, "created_at": {"N": "4000000000"}}
    aws.clients.dynamodb.put_item(TableName=table, Item=item)
    execution = aws.clients.stepfunctions.start_execution(
        stateMachineArn=engine.state_machine_arn, input=json.dumps({"job_id": "half-a-job"})
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ended = aws.clients.stepfunctions.describe_execution(executionArn=execution["executionArn"])
        if ended["status"] != "RUNNING":
            break
        time.sleep(0.2)
    assert (ended["status"], ended["error"]) == ("FAILED", "JobFailed")
    record = aws.clients.dynamodb.get_item(TableName=table, Key={"job_id": {"S": "half-a-job"}})["Item"]
    assert record["status"] == {"N": "2"}
    assert "fetch_video failed each time it was tried" in record["error"]["S"]
    assert record["cost_usd"] == {"N": "0"}


@pytest.mark.usefixtures("aws")
def test_every_function_with_its_layers_is_small_enough_for_lambda() -> None:
    for name, function in find_resources("engine", "AWS::Serverless::Function").items():
        parts = [name, *(layer["Ref"] for layer in function["Properties"]["Layers"])]
        sizes = {part: unpacked_bytes(ENGINE.folder / "build" / part) for part in parts}
        assert all(sizes.values())
        assert sum(sizes.values()) <= UNPACKED_LIMIT_BYTES, (name, sizes)


def unpacked_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
