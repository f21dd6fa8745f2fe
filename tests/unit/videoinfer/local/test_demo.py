"""`videoinfer demo` from its options to its output folder, on a system that answers at once."""

import base64
import gzip
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from typer.testing import CliRunner

from videoinfer.local import demo
from videoinfer.local.outputs import OUTPUT_FILES, TABLE_FILES
from videoinfer.main import app
from videoinfer.notices_queue import ReceivedNotice
from videojobs.result_files import RECORD_FILE, RESULTS_FILE

NOTICE = ReceivedNotice("gray.mp4: nothing found", "Look: http://127.0.0.1:4566/s/token", "done")


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The outcome of the upload: done, unless a test sets another."""
    item = {"status": "done", "job_id": "job-1", "outputs": {name: f"s3://results/{name}" for name in TABLE_FILES}}
    system = SimpleNamespace(
        aws=SimpleNamespace(clients=None, guard=None),
        pipeline=SimpleNamespace(uploads_bucket="uploads", results_bucket="results"),
    )
    system.engine = SimpleNamespace(api_url="http://127.0.0.1:4566")

    results = {"frame_offset": [0], "time_offset": [0], "hands": [{"predictions": []}]}
    contents = {RESULTS_FILE: json.dumps(results), RECORD_FILE: "{}"}

    def download(bucket: str, key: str, file: IO[bytes]) -> None:
        folder, _, name = key.rpartition("/")
        assert (bucket, folder) == ("results", "results/gray.mp4/job-1")
        file.write(contents.get(name, name).encode())

    system.aws.clients = SimpleNamespace(s3=SimpleNamespace(download_fileobj=download))
    monkeypatch.setattr(demo, "start_system", lambda *_, **__: system)
    monkeypatch.setattr(demo, "upload_video", lambda *_: SimpleNamespace(bucket="uploads", key="gray.mp4"))
    monkeypatch.setattr(demo, "follow_upload", lambda *_: item)
    monkeypatch.setattr(demo, "receive_notice", lambda _: NOTICE)
    monkeypatch.setattr(demo, "start_api_proxy", lambda *_: SimpleNamespace(process=None))
    monkeypatch.setattr(demo, "dismiss_guard", lambda _: None)
    monkeypatch.setattr(demo, "kill_group", lambda _: pytest.fail("what was to be kept is stopped"))
    monkeypatch.setattr(demo, "compose_instructions", lambda *_, **__: "how to go on")
    return item


def find_downloads(folder: Path) -> set[str]:
    """The files in the folder that its report offers."""
    match = re.search(rb'data-name="index"[^>]*>([^<]+)<', (folder / "report.html").read_bytes())
    assert match
    files = json.loads(gzip.decompress(base64.b64decode(match[1])))["files"]
    return {name for name, url in files.items() if (folder / url).is_file()}


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
    assert find_downloads(tmp_path / "out") == {*TABLE_FILES, RESULTS_FILE}


def test_a_table_that_could_not_be_made_is_left_out(
    job: dict[str, Any], video: Path, model_folder: Path, tmp_path: Path
) -> None:
    del job["outputs"]["coco.json"]

    status, text = run_demo(video, model_folder, tmp_path / "out")

    assert status == 0, text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*OUTPUT_FILES} - {"coco.json"}
    assert "coco.json" not in text
    assert find_downloads(tmp_path / "out") == {"detections.csv.gz", RESULTS_FILE}


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
