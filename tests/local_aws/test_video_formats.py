"""Formats of videos: the engine takes more than Roboflow's API, and the pipeline follows the API at hand.

Roboflow's documentation lists mp4, avi, mkv and webm, in either case:
https://docs.roboflow.com/deployment/legacy/legacy-serverless/video-inference
"""

import json
from typing import Any

import pytest

from tests.local_aws.pipelines import DeployedPipeline, DeployPipeline
from tests.stand_ins.video_inference_api import stand_in_api
from tests.stand_ins.videos import copy_packets
from tests.waiting import wait_until
from videoinfer.model_packages import LocalModel
from videoinfer.repository import SAMPLE_VIDEO
from videoinfer.upload_progress import UploadedVideo
from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.result_files import ANNOTATED_VIDEO, REPORT_FILE, RESULTS_FILE

COPIES = {"belt.mov": "mov", "belt.ts": "mpegts", "BELT.MTS": "mpegts"}


def test_copies_in_formats_of_the_engine_have_the_results_of_the_mp4(
    pipeline: DeployedPipeline, model: LocalModel
) -> None:
    original = SAMPLE_VIDEO.read_bytes()
    expected = read_results(pipeline, "belt.mp4", original, model)
    assert any(predictions for _, _, predictions in expected)
    for key, container_format in COPIES.items():
        assert read_results(pipeline, key, copy_packets(original, container_format), model) == expected, key


def read_results(pipeline: DeployedPipeline, key: str, video: bytes, model: LocalModel) -> list[tuple[int, float, Any]]:
    """Returns offset, time and predictions of each sampled frame of an annotated job."""
    upload = pipeline.upload(f"formats/{key}", video, {"annotate": "true"})
    job = pipeline.wait_for_job(upload)
    assert job["status"] == "done", job
    wait_until(lambda: {ANNOTATED_VIDEO, REPORT_FILE} <= list_names(pipeline, upload), timeout_seconds=60)
    results = json.loads(pipeline.read_results(upload, job["job_id"], RESULTS_FILE))
    predictions = [element["predictions"] for element in results[model.model_id]]
    return list(zip(results["frame_offset"], results["time_offset"], predictions, strict=True))


def list_names(pipeline: DeployedPipeline, upload: UploadedVideo) -> set[str]:
    return {name.rpartition("/")[2] for name in pipeline.list_results(upload)}


@pytest.mark.parametrize("key", ["belt.mov", "belt.ts"])
def test_the_hosted_api_s_documented_formats_are_the_limit(deploy_pipeline: DeployPipeline, key: str) -> None:
    """No request is sent: the address is that of the real API, which this machine can't reach."""
    pipeline = deploy_pipeline(ApiUrl=HOSTED_API_URL, ApiKey="no-key")
    upload = pipeline.upload(key, b"video")
    job = pipeline.wait_for_job(upload)
    ending = key.removeprefix("belt")
    reason = f"The Video Inference API does not take files that end in {ending}, only .mp4, .avi, .mkv, .webm."
    assert (job["status"], job["error"]) == ("rejected", reason)
    [notice] = pipeline.take_notices(upload)
    assert reason in notice.text
    kept = " -c:v copy" if key == "belt.ts" else ""
    assert f"ffmpeg -i ./{key}{kept} ./{key}.mp4 &&" in notice.text


def test_another_api_without_a_list_is_asked_once(deploy_pipeline: DeployPipeline) -> None:
    with stand_in_api() as api:
        api.statuses = [api.done()]
        pipeline = deploy_pipeline(ApiUrl=api.url, ApiKey="a-key")
        for key in ("a.mov", "b.ts"):
            assert pipeline.wait_for_job(pipeline.upload(key, b"video"))["status"] == "rejected"
        asked = [path for _, path, _, _ in api.requests]
    assert asked == ["/openapi.json"]


def test_results_of_an_unknown_type_are_delivered_as_they_are(deploy_pipeline: DeployPipeline) -> None:
    elements = [{"depth": [[1, 2], [3, 4]]}, {"depth": None}, None]
    with stand_in_api() as api:
        api.statuses = [api.done()]
        api.results = json.dumps(
            {"frame_offset": [0, 6, 12], "time_offset": [0, 0.2, 0.4], "depths": elements}
        ).encode()
        models = [{"model_id": "depths", "model_version": "1", "inference_type": "depth-estimation"}]
        pipeline = deploy_pipeline(ApiUrl=api.url, ApiKey="a-key", DefaultModels=json.dumps(models))
        upload = pipeline.upload("a.mp4", b"video")
        job = pipeline.wait_for_job(upload)
    assert job["status"] == "done", job
    assert "failed_outputs" not in job
    assert pipeline.read_results(upload, job["job_id"], RESULTS_FILE) == api.results
    [notice] = pipeline.take_notices(upload)
    assert "2 frames have results of an unknown type" in notice.text
    assert "depth-estimation, not a documented type" in notice.text
