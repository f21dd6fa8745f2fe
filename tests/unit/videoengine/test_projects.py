"""What the official client reads about models before it sends a video."""

import json
from typing import Any

import pytest

from tests.stand_ins.engine import API_KEY, MODEL_ID, EngineInProcess
from tests.stand_ins.model_files import CLASS_NAMES, make_answer, make_package
from videoengine.families import FAMILIES

KEY = {"api_key": API_KEY}

# The entries that `roboflow.core.project.Project` and `roboflow.core.version.Version` read; a missing one is a KeyError
# there.
PROJECT_KEYS = {
    *("annotation", "classes", "colors", "created", "id", "images"),
    *("name", "public", "splits", "type", "unannotated", "updated"),
}
VERSION_KEYS = {"augmentation", "created", "id", "images", "preprocessing", "splits"}


def show(engine: EngineInProcess, project: str, workspace: str = "my-team") -> tuple[int, dict[str, Any]]:
    return engine.request("GET", f"/{workspace}/{project}", KEY)


def show_workspace(engine: EngineInProcess, workspace: str = "my-team") -> dict[str, Any]:
    _, answer = engine.request("GET", f"/{workspace}", KEY)
    described: dict[str, Any] = answer["workspace"]
    return described


def test_a_key_opens_a_workspace(engine: EngineInProcess) -> None:
    assert engine.request("POST", "/", KEY) == (200, {"workspace": "engine"})
    assert engine.request("POST", "/", {"api_key": "wrong"})[0] == 401


@pytest.mark.parametrize("workspace", ["engine", "my-team"])
def test_a_workspace_has_a_project_for_each_model(workspace: str, engine: EngineInProcess) -> None:
    engine.put_model(make_package(), version="1", model_id="another")
    described = show_workspace(engine, workspace)
    assert (described["name"], described["url"]) == (workspace, workspace)
    assert {project["id"] for project in described["projects"]} == {
        f"{workspace}/{MODEL_ID}",
        f"{workspace}/another",
    }
    assert all(project.keys() >= PROJECT_KEYS for project in described["projects"])


def test_a_project_is_a_model_with_its_newest_version_first(engine: EngineInProcess) -> None:
    for version in ("10", "9", "draft"):
        engine.put_model(make_package(), version=version)
    status, answer = show(engine, MODEL_ID)
    project, versions = answer["project"], answer["versions"]
    assert status == 200
    assert project.keys() >= PROJECT_KEYS
    assert (project["id"], project["type"]) == (f"my-team/{MODEL_ID}", "object-detection")
    assert list(project["classes"]) == list(CLASS_NAMES)
    assert isinstance(project["created"], int)
    assert 0 < project["created"] <= project["updated"]
    assert [version["id"] for version in versions] == [
        f"my-team/{MODEL_ID}/{name}" for name in ("10", "9", "4", "draft")
    ]
    assert all(version.keys() >= VERSION_KEYS and version["model"] for version in versions)


@pytest.mark.parametrize("project", ["unknown", MODEL_ID[:-1], "..", "x" * 5000])
def test_a_missing_project_is_not_found(project: str, engine: EngineInProcess) -> None:
    status, answer = show(engine, project)
    assert (status, list(answer)) == (404, ["error"])
    assert "not found" in answer["error"]
    assert len(answer["error"]) < 200


def ask_trainings(engine: EngineInProcess, version: str, rest: str = "", **query: str) -> tuple[int, dict[str, Any]]:
    return engine.request("GET", f"/my-team/{version}/v2/trainings{rest}", {**KEY, **query})


# As `task_of_model_type` of roboflow 1.7.3 reads model types; `test_official_client.py` asks that client itself.
SUFFIXES = {"instance-segmentation": "-seg", "keypoint-detection": "-pose", "classification": "-cls"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "task_type"),
    [(architecture, task_type) for architecture, family in FAMILIES.items() for task_type in family.task_types],
)
def test_a_version_has_one_training_whose_model_type_names_the_task(
    architecture: str, task_type: str, engine: EngineInProcess
) -> None:
    keypoints = [{"object_class_id": class_id, "keypoints": {"0": "tip"}} for class_id in range(len(CLASS_NAMES))]
    package = make_answer(architecture, task_type) | {"keypoints_metadata.json": json.dumps(keypoints).encode()}
    engine.put_model(package, version="3", model_id="belt")
    _, answer = show(engine, "belt")
    model_type = architecture + SUFFIXES.get(answer["project"]["type"], "")
    training = {"status": "finished", "modelType": model_type, "modelIds": ["belt/3"]}
    assert ask_trainings(engine, "belt/3") == (200, {"trainings": [{"id": "belt/3", **training}]})
    shown = (200, {"trainingId": "belt/3", **training, "models": [{"modelId": "belt/3"}]})
    assert ask_trainings(engine, "belt/3", "/get", trainingId="belt/3") == shown
    assert ask_trainings(engine, "belt/3", "/get") == shown


@pytest.mark.parametrize(
    "version", ["unknown/4", f"{MODEL_ID}/5", f"{MODEL_ID}/..", "../4", f"{MODEL_ID}/{'x' * 5000}"]
)
def test_trainings_of_a_missing_version_are_not_found(version: str, engine: EngineInProcess) -> None:
    for rest in ("", "/get"):
        status, answer = ask_trainings(engine, version, rest)
        assert (status, list(answer)) == (404, ["error"])
        assert "not found" in answer["error"]
        assert len(answer["error"]) < 200


def test_trainings_of_a_version_that_cannot_be_run_say_why(engine: EngineInProcess) -> None:
    engine.put_model({"weights.onnx": b""}, version="5")
    for rest in ("", "/get"):
        status, answer = ask_trainings(engine, f"{MODEL_ID}/5", rest)
        assert (status, list(answer)) == (404, ["error"])
        assert "has no class_names.txt" in answer["error"]


@pytest.mark.parametrize("training_id", ["4", f"{MODEL_ID}/3", "x" * 5000])
def test_another_training_is_not_found(training_id: str, engine: EngineInProcess) -> None:
    status, answer = ask_trainings(engine, f"{MODEL_ID}/4", "/get", trainingId=training_id)
    assert (status, list(answer)) == (404, ["error"])
    assert "not found" in answer["error"]
    assert len(answer["error"]) < 200


@pytest.mark.parametrize("rest", ["", "/get"])
def test_trainings_need_a_key_and_can_only_be_read(rest: str, engine: EngineInProcess) -> None:
    path = f"/my-team/{MODEL_ID}/4/v2/trainings{rest}"
    assert engine.request("GET", path, {})[0] == 401
    assert engine.request("POST", path, KEY, {})[0] == 405
