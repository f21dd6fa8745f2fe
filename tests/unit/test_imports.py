"""The order of the packages: each package imports only from those below it, so that there is no circle.

`python -m tests.unit.test_imports` prints which package imports which.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from videoinfer.repository import ROOT

BASE = "base"
"""The package's modules that are not flows, which every module may import."""

LAYER = ROOT / "layers" / "videojobs" / "videojobs"
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / "app.py").exists())
LAYER_ORDER = [
    "connections",
    "notices",
    "dataset",
    "outputs",
    "report",
    "drawing",
    "results",
    "settings",
    "jobs",
    "api",
    BASE,
]
"""The order below the flows, from top to bottom. A flow is the module of one function."""


def list_modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Yields each module's dotted name and its file."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def read_imports(path: Path, package: str) -> Iterator[str]:
    """Yields the dotted names of the modules of `package` that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(f"{package}."))
        elif isinstance(node, ast.ImportFrom) and node.module == package:
            yield from (f"{package}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            yield node.module or ""


def read_arrows() -> Mapping[tuple[str, str], set[str]]:
    """The imports between rooms in the layer, by (importing room, imported room). Each flow is a room."""
    arrows = defaultdict(set)
    for name, path in list_modules(LAYER):
        for imported in read_imports(path, "videojobs"):
            source, target = find_room(name), find_room(imported)
            if source != target:
                arrows[source, target].add(f"{name} imports {imported}")
    return arrows


def find_room(module: str) -> str:
    """The room of a module in the layer: its wing, or the module itself if it is in no wing."""
    first = module.split(".")[1] if "." in module else ""
    if first in LAYER_ORDER or first in list_flows():
        return first
    return BASE


def list_flows() -> list[str]:
    """The modules above all wings: one per function, and parts of one with the same dependencies."""
    return [*FUNCTIONS, "delivery_end", "delivery_progress"]


def test_each_function_has_a_flow_with_its_name() -> None:
    assert [name for name in FUNCTIONS if not (LAYER / f"{name}.py").exists()] == []


def test_every_wing_has_a_place_in_the_order() -> None:
    wings = {path.name for path in LAYER.iterdir() if (path / "__init__.py").exists()}
    assert wings - {*LAYER_ORDER} == set()


@pytest.mark.slow
def test_the_layer_imports_only_downwards() -> None:
    flows = list_flows()
    height = {room: len(LAYER_ORDER) - number for number, room in enumerate(LAYER_ORDER)}
    upwards = [
        sorted(imports)
        for (source, target), imports in read_arrows().items()
        if (target in flows and source not in flows)
        or (target not in flows and source not in flows and height[source] <= height[target])
    ]
    assert upwards == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "others"),
    [("videojobs", ("videoinfer", "videoengine")), ("videoengine", ("videoinfer", "videojobs"))],
)
def test_a_deployed_package_imports_none_of_the_others(package: str, others: tuple[str, ...]) -> None:
    folder = LAYER if package == "videojobs" else ROOT / "engine" / "layers" / "videoengine" / "videoengine"
    strange = [
        (name, imported)
        for name, path in list_modules(folder)
        for other in others
        for imported in read_imports(path, other)
    ]
    assert strange == []


def test_only_the_command_line_imports_videoinfer_local() -> None:
    """Operators of a stack don't need `videoinfer.local`."""
    importers = {
        name
        for name, path in list_modules(ROOT / "videoinfer")
        if not name.startswith("videoinfer.local")
        and any(imported.startswith("videoinfer.local") for imported in read_imports(path, "videoinfer"))
    }
    assert importers <= {"videoinfer.main"}


if __name__ == "__main__":
    for (source, target), imports in sorted(read_arrows().items()):
        print(f"{source:20} → {target:12} {len(imports):3}")  # noqa: T201
