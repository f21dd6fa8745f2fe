"""The compiled models in a function's memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stand_ins.model_files import make_large_network, make_package
from tests.templates import ROOT
from videoengine import compiled_models
from videoengine.compiled_models import CompiledModels
from videoengine.errors import ModelPackageInvalid
from videoengine.precision import Precision

PLENTY = 2**40
MODEL_BYTES = 24 * 2**20


def make_folders(folder: Path, names: str, **files: bytes) -> dict[str, Path]:
    """Creates a package folder for each name, in the model store's layout."""
    folders = {name: folder / name / "1" / "revision" for name in names}
    for made in folders.values():
        made.mkdir(parents=True, exist_ok=True)
        for file, content in (make_package() | files).items():
            (made / file).write_bytes(content)
    return folders


def test_a_model_is_compiled_once(tmp_path: Path) -> None:
    models, folders = CompiledModels(), make_folders(tmp_path, "ab")
    first = models.load(folders, Precision.F32, PLENTY)
    assert models.load(folders, Precision.F32, PLENTY) == first
    assert models.load({"b": folders["b"]}, Precision.F32, PLENTY)["b"] is first["b"]
    assert models.load(folders, Precision.HARDWARE, PLENTY)["a"] is not first["a"]


def test_only_the_job_s_models_are_kept_when_memory_is_short(tmp_path: Path) -> None:
    models, folders = CompiledModels(), make_folders(tmp_path, "abc")
    first = models.load({name: folders[name] for name in "ab"}, Precision.F32, PLENTY)
    short = 2**29
    second = models.load({name: folders[name] for name in "bc"}, Precision.F32, short)
    assert second["b"] is first["b"]
    assert models.load({"a": folders["a"]}, Precision.F32, PLENTY)["a"] is not first["a"]


def test_the_least_recently_used_model_is_removed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, folders = CompiledModels(), make_folders(tmp_path, "abcd")
    first = models.load({name: folders[name] for name in "abc"}, Precision.F32, PLENTY)
    models.load({"a": folders["a"]}, Precision.F32, PLENTY)
    # Each removed model shrinks the process by a gigabyte, so the fourth model needs one removal.
    resident = iter([4 * 2**30, 3 * 2**30])
    monkeypatch.setattr(compiled_models, "read_resident_bytes", lambda: next(resident))
    models.load({"d": folders["d"]}, Precision.F32, 4 * 2**30 + 2**20)
    monkeypatch.undo()
    again = models.load(folders, Precision.F32, PLENTY)
    assert {name for name in "abc" if again[name] is first[name]} == {"a", "c"}


def test_models_that_cannot_fit_are_refused_before_they_are_compiled(tmp_path: Path) -> None:
    folders = make_folders(tmp_path, "ab", **{"weights.onnx": bytes(2_000_000)})
    reason = "The job's models take at least 8 MB of memory together, and the function has 7 MB"
    with pytest.raises(ModelPackageInvalid, match=reason):
        CompiledModels().load(folders, Precision.F32, 7_000_000)


def test_a_model_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    folders = make_folders(tmp_path, "a") | make_folders(tmp_path, "b", **{"weights.onnx": b"none"})
    with pytest.raises(ModelPackageInvalid, match=r"^Model b can't be run: weights\.onnx can't be compiled"):
        CompiledModels().load(folders, Precision.F32, PLENTY)


# The kernel refuses the process more memory than its first model and room for a few more. It also counts free heap,
# which Lambda does not, so the limit leaves twice the room.
IN_LITTLE_MEMORY = """
import json, resource, sys
from pathlib import Path
from videoengine import compiled_models
from videoengine.compiled_models import CompiledModels, read_resident_bytes
from videoengine.precision import Precision

def read_data_bytes():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData:")]
    return int(line.split()[1]) * 1024

room_bytes, *folders = json.loads(sys.argv[1])
folders = [Path(folder) for folder in folders]
compiled_models._WORKING_BYTES = 0
models = CompiledModels()
models.load({"0": folders[0]}, Precision.F32, 2**40)
memory_bytes = read_resident_bytes() + room_bytes
resource.setrlimit(resource.RLIMIT_DATA, (read_data_bytes() + 2 * room_bytes,) * 2)
for name, folder in enumerate(folders * 2):
    models.load({str(name): folder}, Precision.F32, memory_bytes if sys.argv[2] == "limited" else 2**40)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("bound", "error"), [("limited", ""), ("unlimited", "ModelPackageInvalid")])
def test_many_jobs_fit_in_a_function_s_memory(tmp_path: Path, bound: str, error: str) -> None:
    """Without a bound the same jobs fail, so the limit is real."""
    folders = make_folders(tmp_path, "abcdefgh", **{"weights.onnx": make_large_network(MODEL_BYTES)})
    # Compiling a model takes up to five times its size.
    arguments = json.dumps([6 * MODEL_BYTES, *map(str, folders.values())])
    run = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY, arguments, bound],
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine/layers/videoengine")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode == 0) == (not error), run.stderr
    assert error in run.stderr
