"""Each class of the product has a name of its own, so that a name in a trace or a search means one thing."""

import ast
from collections import defaultdict

from tests.unit.test_imports import LAYER, list_modules
from videoinfer.repository import ROOT

PACKAGES = LAYER, ROOT / "videoinfer", ROOT / "engine" / "layers" / "videoengine" / "videoengine"

OF_BOTH_APPLICATIONS = {"Job", "JobRequest", "VideoFormat"}
"""The pipeline and the engine share no code: each has its own record of these."""


def test_each_class_has_a_name_of_its_own() -> None:
    places = defaultdict(list)
    for package in PACKAGES:
        for module, path in list_modules(package):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(module)
    shared = {name: modules for name, modules in places.items() if len(modules) > 1}
    assert {name: modules for name, modules in shared.items() if name not in OF_BOTH_APPLICATIONS} == {}
    assert set(shared) == OF_BOTH_APPLICATIONS
