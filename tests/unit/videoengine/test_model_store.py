"""Model packages in the bucket."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stand_ins.engine import MODELS_BUCKET, EngineInProcess
from tests.stand_ins.model_files import make_external_data, make_package, make_weights
from tests.templates import ROOT
from videoengine.detector import Detector
from videoengine.errors import ModelPackageInvalid
from videoengine.model_store import ModelStore, describe_package

NAME = "rock-paper-scissors-presentation/4"


def fetch(engine: EngineInProcess, folder: Path, *names: str) -> list[Path]:
    """The folders of one job's packages."""
    return list(ModelStore(engine.s3, MODELS_BUCKET, folder).fetch(names or [NAME]).values())


def test_a_package_is_described_without_its_weights(engine: EngineInProcess) -> None:
    engine.put_model({"weights.onnx": b"never read"})
    package = describe_package(engine.s3, MODELS_BUCKET, NAME)
    assert package
    assert package.architecture == "yolov8"


def test_a_folder_without_files_is_not_a_package(engine: EngineInProcess) -> None:
    assert describe_package(engine.s3, MODELS_BUCKET, "rock-paper-scissors-presentation/44") is None


def test_an_incomplete_package_says_what_is_missing(engine: EngineInProcess, tmp_path: Path) -> None:
    engine.put_model({"model_config.json": b"{}", "weights.onnx": b""}, version="5")
    for look in (
        lambda: describe_package(engine.s3, MODELS_BUCKET, "rock-paper-scissors-presentation/5"),
        lambda: fetch(engine, tmp_path, "rock-paper-scissors-presentation/5"),
    ):
        with pytest.raises(ModelPackageInvalid, match=r"has no class_names\.txt and no inference_config\.json"):
            look()


def test_a_package_is_downloaded_once(engine: EngineInProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = fetch(engine, tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == make_package()
    monkeypatch.setattr(engine.s3, "download_file", None)
    assert fetch(engine, tmp_path) == [folder]


def test_a_changed_package_gets_a_new_folder(engine: EngineInProcess, tmp_path: Path) -> None:
    [before] = fetch(engine, tmp_path)
    engine.put_model({"class_names.txt": b"Plane\nRocket"})
    [after] = fetch(engine, tmp_path)
    assert after != before
    assert (after / "class_names.txt").read_text() == "Plane\nRocket"


def test_a_model_s_files_are_freed_when_they_are_removed(tmp_path: Path) -> None:
    files = make_package() | {"weights.onnx": make_weights("w.data"), "w.data": make_external_data()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    detector = Detector(tmp_path)
    assert detector.concurrency
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_workers_on_one_disk_may_download_the_same_package(
    engine: EngineInProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = engine.s3.download_file

    def be_late(bucket: str, key: str, path: str) -> None:
        download(bucket, key, path)
        if key.endswith("weights.onnx"):
            monkeypatch.setattr(engine.s3, "download_file", download)
            fetch(engine, tmp_path)

    monkeypatch.setattr(engine.s3, "download_file", be_late)
    [folder] = fetch(engine, tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == make_package()


def test_a_partly_downloaded_package_is_not_used(
    engine: EngineInProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = engine.s3.download_file

    def break_off(bucket: str, key: str, path: str) -> None:
        download(bucket, key, path)
        if key.endswith("weights.onnx"):
            raise ConnectionError

    monkeypatch.setattr(engine.s3, "download_file", break_off)
    with pytest.raises(ConnectionError):
        fetch(engine, tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    monkeypatch.undo()
    [folder] = fetch(engine, tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == make_package()


# On a disk of its own in a mount namespace, for which `unshare` needs no privileges. Besides the 8 MiB that are kept
# free, two models of 2 MB fit, but not three.
ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from tests.stand_ins.engine import MODELS_BUCKET, run_engine
from tests.stand_ins.model_files import make_package
from tests.templates import ROOT
from videoengine.errors import ModelPackageInvalid
from videoengine.model_store import ModelStore

disk = Path(sys.argv[1])
with run_engine(disk) as engine:
    for version in "abc":
        engine.put_model(make_package() | {"weights.onnx": bytes(2_000_000)}, version=version, model_id="m")
    for job in sys.argv[2:]:
        try:
            ModelStore(engine.s3, MODELS_BUCKET, disk).fetch(f"m/{version}" for version in job)
        except ModelPackageInvalid as error:
            print(error)
        else:
            print(*sorted(folder.parent.name for folder in disk.glob("packages/*/*/*")), sep="")
"""


def run_on_a_small_disk(folder: Path, *jobs: str) -> list[str]:
    """The versions on the disk after each job, or why the job can't run."""
    mount = 'mount -t tmpfs -o size=13300k none "$1" && exec "$2" -c "$3" "$1" "${@:4}"'
    command = ["unshare", "--map-root-user", "--mount", "bash", "-c", mount, "-"]
    run = subprocess.run(
        [*command, str(folder), sys.executable, ON_A_SMALL_DISK, *jobs],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ":".join(map(str, (ROOT, ROOT / "engine/layers/videoengine")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [line for line in run.stdout.splitlines() if not line.startswith("{")]


@pytest.mark.slow
def test_a_full_disk_removes_the_least_recently_used_package_but_none_of_the_same_job(tmp_path: Path) -> None:
    jobs = ("a", "b", "a", "c", "b", "ab", "bc", "abc", "ca")
    *shown, refused, after = run_on_a_small_disk(tmp_path, *jobs)
    assert shown == ["a", "ab", "ab", "ac", "bc", "ab", "bc"]
    assert "don't fit on the disk beside the job's other models: only" in refused
    assert after == "ac"
