"""`make_sbom.py NAME BUILD SBOM`: writes what a built application's functions carry into a CycloneDX file.

BUILD is a folder of `sam build`. The application depends on its functions, a function on its layers, and a layer on its
packages, which cyclonedx-py describes by their metadata. Each package has the shared libraries in its wheel, by their
digests, and what the wheel's own SBOMs (PEP 770) say of code that is linked into it. Lambda's runtime is not in it.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import yaml

CYCLONEDX = Path(__file__).resolve().parent.parent / ".venv-sam" / "bin" / "cyclonedx-py"

SPEC_VERSION = "1.7"

LIBRARY = re.compile(r"lib[^/]*\.so[^/]*")
"""The name of a shared library. Python's extension modules have other names."""

KEPT_FIELDS = ("type", "name", "version", "licenses", "hashes", "purl")
"""What is kept of a component in a wheel's own SBOM: its other fields are about the machine that built the wheel."""


def main() -> None:
    name, build, output = sys.argv[1:]
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(make_sbom(name, Path(build)), indent=2))


def make_sbom(name: str, build: Path) -> dict[str, Any]:
    """Returns the CycloneDX document of the application `name` in a folder of `sam build`."""
    template = yaml.safe_load((build / "template.yaml").read_text())
    functions = dict(list_functions(template))
    layers = sorted({layer for some in functions.values() for layer in some})
    packages = {layer: list(distributions(path=[str(build / layer / "python")])) for layer in layers}
    sbom = describe_packages([build / layer / "python" for layer in layers])
    described = {component["bom-ref"]: component for component in sbom["components"]}
    for package in (package for some in packages.values() for package in some):
        # CycloneDX allows no component twice; auditwheel lists one for each file of a system's package.
        parts = [*list_libraries(package, build), *list_linked(package)]
        described[name_package(package)]["components"] = list({json.dumps(part): part for part in parts}.values())
    version = template["Outputs"]["Version"]["Value"]
    sbom["metadata"]["component"] = {"type": "application", "bom-ref": name, "name": name, "version": version}
    own = [("application", it) for it in functions] + [("library", it) for it in layers]
    sbom["components"] += [{"type": kind, "bom-ref": it, "name": it, "version": version} for kind, it in own]
    arrows = {name: list(functions), **functions, **{it: list(map(name_package, packages[it])) for it in layers}}
    sbom["dependencies"] += [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in arrows.items()]
    return sbom


def list_functions(template: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yields each function of a built template with its layers."""
    common = template.get("Globals", {}).get("Function", {}).get("Layers", [])
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield name, [layer["Ref"] for layer in [*common, *resource["Properties"].get("Layers", [])]]


def describe_packages(folders: Sequence[Path]) -> dict[str, Any]:
    """Returns cyclonedx-py's document about the packages in `folders`, the same for the same packages."""
    python = CYCLONEDX.with_name("python")
    options = ["--output-reproducible", "--spec-version", SPEC_VERSION, "--output-format", "JSON"]
    # With -S, Python's path has only these folders and the standard library.
    command = [CYCLONEDX, "environment", "-S", *options, python]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def name_package(package: Distribution) -> str:
    """Returns cyclonedx-py's reference to a package."""
    return f"{package.metadata['Name']}=={package.version}"


def list_libraries(package: Distribution, build: Path) -> Iterator[dict[str, Any]]:
    """Yields the shared libraries of a package that are in the build, which leaves some out."""
    for file in sorted(package.files or ()):
        path = Path(str(package.locate_file(file)))
        if LIBRARY.fullmatch(file.name) and path.exists():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            name = path.relative_to(build).as_posix()
            yield {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


def list_linked(package: Distribution) -> Iterator[dict[str, Any]]:
    """Yields the components that the SBOMs in a package's wheel list, except the package itself."""
    for file in sorted(package.files or ()):
        if re.fullmatch(r"[^/]+\.dist-info/sboms/.*\.json", file.as_posix()):
            for component in json.loads(file.read_text())["components"]:
                if (component["name"], component.get("version")) != (package.metadata["Name"], package.version):
                    yield {field: component[field] for field in KEPT_FIELDS if field in component}


if __name__ == "__main__":
    main()
