"""Each class in the product has a unique name, so that a name in a trace or a search means one thing."""

import ast
from collections import defaultdict

from tests.unit.test_imports import LAYER, list_modules
from videoinfer.repository import ROOT

PACKAGES = LAYER, ROOT / "videoinfer", ROOT / "engine" / "layers" / "videoengine" / "videoengine"

OF_BOTH_APPLICATIONS = {"Job", "JobRequest", "NewerSchema", "Price", "Usage", "VideoFormat"}
"""The pipeline and the engine share no code, so each has its own class of this name."""


def test_each_class_has_a_unique_name() -> None:
    places = defaultdict(list)
    for package in PACKAGES:
        for module, path in list_modules(package):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(module)
    shared = {name: modules for name, modules in places.items() if len(modules) > 1}
    assert {name: modules for name, modules in shared.items() if name not in OF_BOTH_APPLICATIONS} == {}
    assert set(shared) == OF_BOTH_APPLICATIONS
