"""One job that decodes once, with a model of every inference type."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.stand_ins.engine import API_KEY, EngineInProcess
from tests.stand_ins.model_files import SIDE, make_answer
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.jobs import JobStatus
from videoengine.model_packages import TASK_TYPES

SELECTED = [12.0, 10.0, 20.0, 22.0, 0.8, 1.0]
KEYPOINTS = [{"object_class_id": number, "keypoints": {"0": "tip"}, "edges": []} for number in range(2)]
CLIP_INPUT = {"network_input": {"training_input_size": {"width": SIDE, "height": SIDE}}}
PACKAGES = {
    "object-detection": make_answer("yolov10", "object-detection", [SELECTED]),
    "instance-segmentation": make_answer(
        "yolo26", "instance-segmentation", [[*SELECTED, 1.0]], np.ones((1, SIDE // 4, SIDE // 4))
    ),
    "keypoint-detection": make_answer("yolo26", "keypoint-detection", [[*SELECTED, 16.0, 16.0, 0.5]])
    | {"keypoints_metadata.json": json.dumps(KEYPOINTS).encode()},
    "classification": make_answer("vit", "multi-label-classification", [3.0, -3.0]),
    "clip-embed-image": make_answer("clip", "embedding", [1.0, 2.0], **CLIP_INPUT) | {"class_names.txt": b""},
}


def ask_for(model_id: str, inference_type: str) -> dict[str, Any]:
    return {"model_id": model_id, "model_version": 1, "inference_type": inference_type}


def run(engine: EngineInProcess, packages: dict[str, dict[str, bytes]], models: list[dict[str, Any]]) -> dict[str, Any]:
    generous = {"MAX_MODELS": str(len(TASK_TYPES)), "MAX_FAILED_SHARE": "1"}
    engine = replace(engine, environment={**engine.environment, **generous})
    for model_id, package in packages.items():
        engine.put_model(package, "1", model_id)
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())), models=models)
    engine.run_job(job_id)
    assert engine.find_job(job_id).status is JobStatus.DONE
    return engine.read_results(job_id)


@pytest.mark.slow
def test_each_inference_type_has_its_own_format(engine: EngineInProcess) -> None:
    assert set(PACKAGES) == set(TASK_TYPES)
    results = run(engine, PACKAGES, [ask_for(name, name) for name in PACKAGES])
    lengths = {len(elements) for elements in results.values()}
    assert len(lengths) == 1
    first = {name: results[name][0] for name in PACKAGES}
    box = {"x", "y", "width", "height", "confidence", "class", "class_id"}
    assert set(first["object-detection"]["predictions"][0]) == box
    assert set(first["instance-segmentation"]["predictions"][0]) == box | {"points"}
    assert set(first["keypoint-detection"]["predictions"][0]) == box | {"keypoints"}
    assert first["classification"]["predicted_classes"] == ["Paper"]
    assert first["clip-embed-image"] == [1.0, 2.0]


def test_a_number_that_json_cannot_express_is_null(engine: EngineInProcess) -> None:
    broken = make_answer("clip", "embedding", [np.nan, np.inf], **CLIP_INPUT)
    assert set(run(engine, {"clip": broken}, [ask_for("clip", "clip-embed-image")])["clip"]) == {None}


@pytest.mark.parametrize("inference_type", ["object-detection", "clip-embed-image"])
def test_a_model_of_another_type_is_refused_by_name(inference_type: str, engine: EngineInProcess) -> None:
    engine.put_model(PACKAGES["classification"], "1", "labels")
    body = {
        "input_url": "https://videos.example.com/a.mp4",
        "infer_fps": 5,
        "models": [ask_for("labels", inference_type)],
    }
    status, answer = engine.request("POST", "/videoinfer", {"api_key": API_KEY}, body)
    assert (status, answer) == (400, {"error": "models[0].inference_type must be classification for labels/1"})
