"""`videoinfer demo` from its options to its output folder, on a system that answers at once."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from videoinfer.local import demo
from videoinfer.local.outputs import OUTPUT_FILES, Outputs
from videoinfer.main import app
from videoinfer.notices_queue import ReceivedNotice
from videojobs.result_files import RECORD_FILE, RESULTS_FILE

NOTICE = ReceivedNotice("gray.mp4: nothing found", "Look: http://127.0.0.1:4566/s/token", "done")


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The outcome of the upload: done, unless a test sets another."""
    item = {"status": "done", "job_id": "job-1"}
    system = SimpleNamespace(
        aws=SimpleNamespace(clients=None, guard=None), pipeline=SimpleNamespace(uploads_bucket="uploads")
    )
    system.engine = SimpleNamespace(api_url="http://127.0.0.1:4566")

    def fetch(outputs: Outputs, *_: Any) -> None:
        results = {"frame_offset": [0], "time_offset": [0], "hands": [{"predictions": []}]}
        outputs[RESULTS_FILE].unfinished.write_text(json.dumps(results))
        outputs[RECORD_FILE].unfinished.write_text("{}")

    monkeypatch.setattr(demo, "start_system", lambda *_, **__: system)
    monkeypatch.setattr(demo, "upload_video", lambda *_: SimpleNamespace(bucket="uploads", key="gray.mp4"))
    monkeypatch.setattr(demo, "follow_upload", lambda *_: item)
    monkeypatch.setattr(demo, "receive_notice", lambda _: NOTICE)
    monkeypatch.setattr(demo, "fetch_results", fetch)
    monkeypatch.setattr(demo, "start_api_proxy", lambda *_: SimpleNamespace(process=None))
    monkeypatch.setattr(demo, "dismiss_guard", lambda _: None)
    monkeypatch.setattr(demo, "kill_group", lambda _: pytest.fail("what was to be kept is stopped"))
    monkeypatch.setattr(demo, "compose_instructions", lambda *_, **__: "how to go on")
    return item


def run_demo(video: Path, model: Path, output: Path, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, ["demo", "--video", str(video), "--model", str(model), "--output", str(output), *more]
    )
    return result.exit_code, result.output


def test_all_files_exist_once_the_job_is_done(
    job: dict[str, Any], video: Path, model_folder: Path, tmp_path: Path
) -> None:
    status, text = run_demo(video, model_folder, tmp_path / "out")

    assert status == 0, text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*OUTPUT_FILES}
    assert all(path.stat().st_size > 0 for path in (tmp_path / "out").iterdir())
    assert (tmp_path / "out" / "report.html").as_uri() in text.splitlines()


@pytest.mark.parametrize("is_there_a_browser", [True, False])
def test_the_report_is_opened_if_wanted(
    job: dict[str, Any],
    video: Path,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_there_a_browser: bool,
) -> None:
    opened: list[str] = []

    def open_browser(url: str) -> bool:
        opened.append(url)
        return is_there_a_browser

    monkeypatch.setattr("webbrowser.open", open_browser)

    status, text = run_demo(video, model_folder, tmp_path / "out", "--open")

    assert (status, opened) == (0, [(tmp_path / "out" / "report.html").as_uri()])
    assert ("No browser can be opened here" in text) != is_there_a_browser
    run_demo(video, model_folder, tmp_path / "out")
    assert len(opened) == 1


def test_the_files_of_an_earlier_run_stay_if_the_job_fails(
    job: dict[str, Any], video: Path, model_folder: Path, tmp_path: Path
) -> None:
    job["status"] = "failed"
    (tmp_path / "results.json").write_text("earlier")
    before = {*tmp_path.iterdir()}

    status, text = run_demo(video, model_folder, tmp_path)

    assert status == 1
    assert "gray.mp4 has no results: the job's status is failed (see the notice)." in text
    assert {*tmp_path.iterdir()} == before
    assert (tmp_path / "results.json").read_text() == "earlier"


def test_the_output_says_when_the_link_stops_working(
    job: dict[str, Any], video: Path, model_folder: Path, tmp_path: Path
) -> None:
    said = "The link works only until this demo ends; report.html is the same page."
    _, text = run_demo(video, model_folder, tmp_path / "out")
    assert text.index(NOTICE.text) < text.index(said)

    _, text = run_demo(video, model_folder, tmp_path / "out", "--keep")
    assert said not in text
    assert "how to go on" in text
