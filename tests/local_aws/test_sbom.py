"""What `make sbom` says of the functions is what their built layers hold."""

import hashlib
import importlib.util
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.templates import ROOT, find_resources
from videoinfer.local.builds import ENGINE, PIPELINE, Application
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.repository import SAM, require_tool


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sbom", ROOT / ".ci" / "make_sbom.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[PIPELINE, ENGINE], ids=lambda application: application.name)
def application(request: pytest.FixtureRequest, aws: EmbeddedAws) -> Application:
    """An application that the fixture `aws` has built."""
    assert isinstance(request.param, Application)
    return request.param


@pytest.fixture(scope="module")
def sbom(maker: ModuleType, application: Application) -> dict[str, Any]:
    document: dict[str, Any] = maker.make_sbom(f"videoinfer-{application.name}", application.folder / "build")
    return document


def list_layers(application: Application) -> dict[str, Path]:
    names = find_resources(application.name, "AWS::Serverless::LayerVersion")
    return {name: application.folder / "build" / name / "python" for name in names}


def read_arrows(sbom: Mapping[str, Any]) -> dict[str, list[str]]:
    return {it["ref"]: it.get("dependsOn", []) for it in sbom["dependencies"]}


def test_it_is_valid_by_the_strict_schema_and_nothing_else_is(sbom: dict[str, Any]) -> None:
    def validate(document: dict[str, Any]) -> int:
        python = require_tool(SAM).with_name("python")
        command = [python, ROOT / "tests" / "validate_sbom.py"]
        return subprocess.run(command, input=json.dumps(document), text=True, capture_output=True).returncode

    assert validate(sbom) == 0
    assert validate({**sbom, "maker": "us"}) == 1


def test_every_function_has_the_layers_of_the_template(application: Application, sbom: dict[str, Any]) -> None:
    functions = find_resources(application.name, "AWS::Serverless::Function")
    arrows = read_arrows(sbom)
    assert set(arrows[f"videoinfer-{application.name}"]) == functions.keys()
    reached = {layer for name in functions for layer in arrows[name]}
    assert reached == list_layers(application).keys()
    for name, function in functions.items():
        own = {layer["Ref"] for layer in function["Properties"].get("Layers", [])}
        shared = {"pipeline": "VideoJobsLayer", "engine": "VideoEngineLayer"}[application.name]
        assert set(arrows[name]) == {shared} | own


def test_every_layer_has_the_packages_in_its_folder(application: Application, sbom: dict[str, Any]) -> None:
    arrows = read_arrows(sbom)
    named = {component["bom-ref"]: component for component in sbom["components"]}
    for layer, folder in list_layers(application).items():
        installed = {path.name.removesuffix(".dist-info") for path in folder.glob("*.dist-info")}
        told = {f"{named[ref]['name'].replace('-', '_')}-{named[ref]['version']}" for ref in arrows[layer]}
        assert told == installed
        for ref in arrows[layer]:
            assert named[ref]["purl"].startswith("pkg:pypi/")
            assert named[ref]["licenses"]


def test_every_shared_library_in_a_layer_is_listed_by_its_digest(
    application: Application, sbom: dict[str, Any]
) -> None:
    build = application.folder / "build"
    files = [path for folder in list_layers(application).values() for path in folder.rglob("lib*.so*")]
    assert files
    digests = {str(path.relative_to(build)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    parts = [part for component in sbom["components"] for part in component.get("components", [])]
    assert {it["name"]: it["hashes"][0]["content"] for it in parts if it["type"] == "file"} == digests


def test_what_wheels_say_of_code_that_is_linked_into_them_is_listed(
    application: Application, sbom: dict[str, Any]
) -> None:
    parts = {component["name"]: component.get("components", []) for component in sbom["components"]}
    assert "libXau" in [it["name"] for it in parts["av"]]  # by auditwheel
    if application is PIPELINE:
        assert "arrow-array" in [it["name"] for it in parts["arro3-core"]]  # by cargo-cyclonedx
        assert "OpenJPEG" in [it["name"] for it in parts["pillow"]]


def test_it_tells_nothing_of_the_time_and_the_machine_so_that_it_is_the_same_each_time(sbom: dict[str, Any]) -> None:
    assert "serialNumber" not in sbom
    assert "timestamp" not in sbom["metadata"]
    assert str(ROOT) not in json.dumps(sbom)
