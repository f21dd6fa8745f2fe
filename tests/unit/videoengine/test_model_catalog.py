"""The models in the bucket, and which of them are listed."""

from tests.stand_ins.engine import MODEL_ID, EngineInProcess
from tests.unit.videoengine.test_projects import show, show_workspace


def test_a_version_that_cannot_be_run_is_not_listed(engine: EngineInProcess) -> None:
    engine.put_model({"weights.onnx": b""}, version="5")
    _, answer = show(engine, MODEL_ID)
    assert [version["name"] for version in answer["versions"]] == ["4"]
    assert show_workspace(engine)["projects"] == []


def test_a_model_that_cannot_be_run_at_all_says_why(engine: EngineInProcess) -> None:
    engine.put_model({"weights.onnx": b""}, version="1", model_id="half")
    status, answer = show(engine, "half")
    assert status == 404
    assert answer["error"].startswith("Project half not found: version 1 can't be run: half/1 has no class_names.txt")


def test_other_objects_in_the_bucket_are_not_models(engine: EngineInProcess) -> None:
    for key in ("README.md", "folder/", "folder/file", "a/1/", "a/1/b/c"):
        engine.s3.put_object(Bucket="engine-models", Key=key, Body=b"")
    assert [project["name"] for project in show_workspace(engine)["projects"]] == [MODEL_ID]
