import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from videoinfer import __main__ as program
from videoinfer.local import demo, system
from videoinfer.main import app
from videoinfer.repository import ROOT


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start() -> None:
        pytest.fail("something was started")

    monkeypatch.setattr(system, "start_embedded_aws", start)


def run_demo(*options: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["demo", *map(str, options)])
    return result.exit_code, result.output


def test_an_interrupt_has_its_own_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run_demo", interrupt)

    assert run_demo() == (130, "Interrupted. Nothing is left running.\n")


def test_a_missing_video_is_refused_before_anything_starts() -> None:
    assert run_demo("--video", "nothing.mp4") == (1, "Error: The file nothing.mp4 does not exist.\n")


def test_a_bad_sampling_rate_is_refused_before_anything_starts(video: Path) -> None:
    exit_code, output = run_demo("--video", video, "--infer-fps", "0")

    assert exit_code == 1
    assert "--infer-fps is 0: it must be at least 1, and at most the video's frame rate." in output


def test_a_folder_that_is_no_package_is_refused_before_anything_starts(video: Path, tmp_path: Path) -> None:
    exit_code, output = run_demo("--video", video, "--model", tmp_path)

    assert exit_code == 1
    assert "is not a model package: it lacks weights.onnx" in output


def test_an_output_that_cannot_be_written_is_refused_before_anything_starts(
    video: Path, model_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()

    exit_code, output = run_demo("--video", video, "--model", model_folder, "--output", file / "out")

    assert exit_code == 1
    assert f"{file / 'out' / 'results.json'} can't be written: Not a directory." in output


def test_too_little_disk_space_is_reported_before_anything_starts(
    video: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=20_000_000))

    exit_code, output = run_demo("--video", video, "--model", model_folder, "--output", tmp_path / "out")

    assert exit_code == 1
    assert f"The demo needs 1,000 MB for temporary files, and {tempfile.gettempdir()} has 20 MB" in output
    assert "TMPDIR" in output


def test_too_little_disk_space_for_the_first_build_is_reported_before_anything_starts(
    video: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "BUILD_FOLDER", tmp_path / "not built")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: SimpleNamespace(free=20_000_000 if folder == ROOT else 10**12)
    )

    exit_code, output = run_demo("--video", video, "--model", model_folder, "--output", tmp_path / "out")

    assert exit_code == 1
    assert f"The demo needs 1,100 MB for what it builds, and {ROOT} has 20 MB: free space there." in output


def test_signs_that_an_encoding_lacks_have_a_likeness() -> None:
    replaced = program._replace(UnicodeEncodeError("ascii", "a…␣é", 1, 4, "ordinal not in range"))
    assert replaced == ("..._\\xe9", 4)
