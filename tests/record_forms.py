"""Records what the release before writes into `tests/unit/forms_before.json`: `python -m tests.record_forms`.

It runs `write_forms`, for both applications, with the functions, layers and stand-ins of that release.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.forms import FILE
from tests.releases import extract_before
from tests.templates import ROOT

_RECORDER = '''
"""Runs in the tree of the release before."""
import json, os
from pathlib import Path
from tests.unit.{package}.forms import write_forms
{imports}

def test_forms({fixtures}):
    Path(os.environ["FORMS"]).write_text(json.dumps(write_forms({fixtures}), default=str))
'''
_FIXTURES = {"videojobs": "aws, call, monkeypatch", "videoengine": "engine"}
_IMPORTS = {"videojobs": "from tests.unit.videojobs.test_handlers import call", "videoengine": ""}
_APPLICATIONS = {"videojobs": "pipeline", "videoengine": "engine"}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract_before(folder)
        forms = {_APPLICATIONS[package]: record(folder, package) for package in _FIXTURES}
    FILE.write_text(json.dumps(forms, indent=1, sort_keys=False, ensure_ascii=False) + "\n")


def record(folder: Path, package: str) -> object:
    """What `write_forms` of a package's tests returns in the tree at `folder`."""
    tests = Path("tests", "unit", package)
    shutil.copy(ROOT / tests / "forms.py", folder / tests)
    recorder, forms = tests / "test_record_forms.py", folder / "forms.json"
    (folder / recorder).write_text(
        _RECORDER.format(package=package, fixtures=_FIXTURES[package], imports=_IMPORTS[package])
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", str(recorder)]
    layers = [folder, folder / "layers" / "videojobs", folder / "engine" / "layers" / "videoengine"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, layers)), "FORMS": str(forms)}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return json.loads(forms.read_text())


if __name__ == "__main__":
    main()
