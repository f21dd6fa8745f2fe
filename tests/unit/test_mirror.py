"""Each module with logic has a test file: tests/unit/<package>/<wing>/test_<module>.py.

Files that test several modules together are named after what they show.
"""

import ast
from pathlib import Path

import pytest

from tests.unit.test_imports import list_modules
from videoinfer.repository import ROOT

PACKAGES = {
    "videojobs": ROOT / "layers" / "videojobs" / "videojobs",
    "videoengine": ROOT / "engine" / "layers" / "videoengine" / "videoengine",
    "videoinfer": ROOT / "videoinfer",
}

WITHOUT_LOGIC = {
    "videojobs.errors": "what each error says is tested where it arises",
    "videojobs.logs": "Powertools' logger; test_redaction.py and test_handlers.py read its lines",
    "videojobs.metrics": "Powertools' metrics; the functions' tests read them",
    "videoengine.clients": "boto3's clients, made once",
    "videoengine.errors": "what each error says is tested where it arises",
    "videoengine.settings": "the environment by its names; test_inventory.py compares them with the template",
    "videoinfer.aws_clients": "boto3's clients, made once",
}
"""Modules whose functions decide nothing, and why."""

TESTED_BY = {
    "videojobs.api.time_limits": "tests/hostile/test_hostile_api.py",
    "videojobs.dataset.orientation": "tests/unit/videojobs/dataset/test_pictures.py",
    "videojobs.dataset.sink": "tests/unit/videojobs/dataset/test_formats.py",
    "videojobs.dataset.xml_writer": "tests/unit/videojobs/dataset/test_formats.py",
    "videojobs.drawing.look": "tests/browser/test_look.py",
    "videojobs.drawing.source": "tests/unit/videojobs/drawing/test_video.py",
    "videojobs.drawing.scratch": "tests/unit/test_scratch.py",  # the same text as the engine's
    "videojobs.outputs.coco_parts": "tests/unit/videojobs/outputs/test_coco.py",
    "videojobs.schema": "tests/unit/videojobs/test_forms.py",
    "videojobs.video_formats": "tests/unit/test_video_formats.py",
    "videoengine.api": "tests/contract/test_engine_api.py",
    "videoengine.demuxing": "tests/unit/videoengine/test_awkward_videos.py",
    "videoengine.families.layouts": "tests/unit/videoengine/test_detections.py",
    "videoengine.fetch_deadline": "tests/hostile/test_hostile.py",
    "videoengine.fetching": "tests/unit/videoengine/test_whole_job.py",
    "videoengine.inference": "tests/unit/videoengine/test_whole_job.py",
    "videoengine.lead_in": "tests/unit/videoengine/test_timeline.py",
    "videoengine.masks": "tests/unit/videoengine/inference_types/test_instance_segmentation.py",
    "videoengine.merging": "tests/unit/videoengine/test_whole_job.py",
    "videoengine.onnx_file": "tests/unit/videoinfer/test_onnx_packages.py",
    "videoengine.openapi": "tests/contract/test_openapi.py",
    "videoengine.planning": "tests/unit/videoengine/test_whole_job.py",
    "videoengine.request_bodies": "tests/hostile/test_hostile.py",
    "videoengine.schema": "tests/unit/videoengine/test_forms.py",
    "videoengine.video_file": "tests/unit/videoengine/test_frames.py",
    "videoengine.video_server": "tests/unit/videoengine/test_video_fetch.py",
    "videoengine.video_formats": "tests/unit/test_video_formats.py",
    "videoinfer.__main__": "tests/program/test_program.py",
    "videoinfer.browser": "tests/unit/videoinfer/test_job_link.py",
    "videoinfer.deployed_policies": "tests/unit/videoinfer/test_doctor.py",
    "videoinfer.found": "tests/unit/videoinfer/test_inference.py",
    "videoinfer.local.api_proxy": "tests/local_aws/test_official_client.py",
    "videoinfer.local.deployments": "tests/local_aws/test_whole_path.py",
    "videoinfer.local.lambda_sandbox": "tests/local_aws/test_lambda_runtime.py",
    "videoinfer.local.stacks": "tests/local_aws/test_parameters.py",
    "videoinfer.local.system": "tests/local_aws/test_whole_path.py",
    "videoinfer.option_flags": "tests/unit/videoinfer/test_uploading.py",
    "videoinfer.pipeline_stack": "tests/local_aws/test_operator_commands.py",
    "videoinfer.repository": "tests/program/test_installed.py",
    "videoinfer.verbosity": "tests/unit/videoinfer/test_help.py",
    "videoinfer.verification.clip": "tests/local_aws/test_verify.py",
    "videoinfer.verification.run": "tests/unit/videoinfer/verification/test_verify_command.py",
}
"""Modules that are tested together with others, by test file."""


def has_functions(path: Path) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(ast.parse(path.read_text()))
    )


def find_test_file(module: str) -> Path:
    package, *folders, name = module.split(".")
    return ROOT.joinpath("tests", "unit", package, *folders, f"test_{name}.py")


def list_tests(path: Path) -> list[str]:
    """The names of a file's tests."""
    nodes = ast.walk(ast.parse(path.read_text())) if path.exists() else ()
    return [node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


MODULES = {
    name: path
    for folder in PACKAGES.values()
    for name, path in list_modules(folder)
    if path.name != "__init__.py" and has_functions(path)
}


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_with_logic_has_a_test_file(package: str) -> None:
    without = [
        name
        for name in MODULES
        if name.startswith(f"{package}.")
        and name not in WITHOUT_LOGIC
        and not list_tests(ROOT / TESTED_BY.get(name, find_test_file(name)))
    ]
    assert without == []


def test_no_exception_is_outdated() -> None:
    """A module that got its own test file, or was removed, must leave the lists."""
    assert [name for name in WITHOUT_LOGIC | TESTED_BY if name not in MODULES or list_tests(find_test_file(name))] == []
    assert not WITHOUT_LOGIC.keys() & TESTED_BY.keys()
