"""What the official client reads about models before it sends a video."""

from typing import Any

import pytest

from tests.stand_ins.engine import API_KEY, MODEL_ID, EngineInProcess
from tests.stand_ins.model_files import CLASS_NAMES, make_package

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
