"""What `sam build` installs into functions: only wheels for Lambda's platform with pinned hashes.

SAM's Python builder does not ensure this: if this machine's platform is not Lambda's, it downloads wheels again by name
and version, without hashes.
Source: `DependencyBuilder` in https://github.com/aws/aws-lambda-builders
"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.templates import TEMPLATES, find_resources

INSTALL_OPTIONS = {
    "--require-hashes",
    "--no-deps",
    "--only-binary=:all:",
    "--implementation cp",
    "--python-version 3.13",
    "--platform manylinux_2_28_x86_64",
    "--platform manylinux_2_17_x86_64",
    "--platform manylinux2014_x86_64",
}
MANIFESTS = ("requirements.txt", "pyproject.toml")
"""The files from which SAM's Python builder installs."""

LAYERS = [
    (application, layer)
    for application in TEMPLATES
    for layer in find_resources(application, "AWS::Serverless::LayerVersion")
]


@pytest.mark.parametrize("application", TEMPLATES)
def test_sams_python_builder_installs_nothing(application: str) -> None:
    layers = find_resources(application, "AWS::Serverless::LayerVersion")
    assert {name: layer["Metadata"]["BuildMethod"] for name, layer in layers.items()} == dict.fromkeys(
        layers, "makefile"
    )
    for name, function in find_resources(application, "AWS::Serverless::Function").items():
        folder = TEMPLATES[application].parent / function["Properties"]["CodeUri"]
        assert "BuildMethod" not in function.get("Metadata", {}), name
        assert [manifest for manifest in MANIFESTS if (folder / manifest).exists()] == [], name


@pytest.mark.parametrize(("application", "layer"), LAYERS)
def test_a_layer_holds_only_wheels_for_lambda_with_pinned_hashes(application: str, layer: str, tmp_path: Path) -> None:
    properties = find_resources(application, "AWS::Serverless::LayerVersion")[layer]["Properties"]
    folder = TEMPLATES[application].parent / properties["ContentUri"]
    installs = [
        command for command in read_recipe(folder, layer, tmp_path) if " pip " in command and "--version" not in command
    ]

    assert installs
    for command in installs:
        assert " pip install " in command
        assert {option for option in INSTALL_OPTIONS if f" {option} " in command} == INSTALL_OPTIONS
        assert f'--target "{tmp_path}/python"' in command
        words = shlex.split(command)
        requirements = (folder / words[words.index("--requirement") + 1]).read_text()
        pinned = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", requirements, flags=re.MULTILINE)
        assert pinned
        assert len(pinned) == len(re.findall(r"^[^\s#]", requirements, flags=re.MULTILINE))
        assert len(pinned) == len(re.findall(r"^[^\s#].*\\\n +--hash=sha256:", requirements, flags=re.MULTILINE))


def read_recipe(folder: Path, layer: str, artifacts: Path) -> list[str]:
    """The commands of a layer's recipe, as make would run them."""
    make = [
        "make",
        "--dry-run",
        "--no-print-directory",
        f"--directory={folder}",
        f"build-{layer}",
        f"ARTIFACTS_DIR={artifacts}",
    ]
    printed = subprocess.run(make, capture_output=True, text=True, check=True).stdout
    return printed.replace("\\\n", " ").splitlines()
