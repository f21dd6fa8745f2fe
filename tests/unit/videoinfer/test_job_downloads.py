"""`videoinfer download`: all of a job's files or none, in a folder that had no others."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.pipeline_stacks import make_stack
from tests.unit.videoinfer.test_ledger_view import CLIP
from videoinfer import stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.exit_codes import ExitCode
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videojobs.jobs.ledger import Ledger

FOLDER = f"results/{CLIP.key}/j1"
FILES = {
    f"{FOLDER}/results.json": b"{}",
    f"{FOLDER}/summary.json": b"[1]",
    f"{FOLDER}/job.json": b"[2]",
    f"{FOLDER}/detections.csv.gz": b"table",
    f"{FOLDER}/annotated.mp4": b"video",
    "tables/detections/day=2026-01-02/j1.parquet": b"parquet",
}
OUTPUTS = {
    "detections.csv.gz": f"s3://results/{FOLDER}/detections.csv.gz",
    "detections.parquet": "s3://results/tables/detections/day=2026-01-02/j1.parquet",
    "report.html": f"s3://results/{FOLDER}/report.html",
    "report-data/0-0.json.gz": f"s3://results/{FOLDER}/report-data/0-0.json.gz",
}
NAMES = {"results.json", "summary.json", "job.json", "detections.csv.gz", "detections.parquet", "annotated.mp4"}


@pytest.fixture
def bucket(jobs: LedgerView, ledger: Ledger, clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> AwsClients:
    clients.s3.create_bucket(Bucket="results")
    for key, body in FILES.items():
        clients.s3.put_object(Bucket="results", Key=key, Body=body)
    locations = {
        "results_location": f"s3://results/{FOLDER}/results.json",
        "annotated_location": f"s3://results/{FOLDER}/annotated.mp4",
    }
    ledger.record(CLIP, 1, status="done", job_id="j1", outputs=OUTPUTS, **locations)
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients))
    return clients


def download(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["download", "j1", *arguments])


def list_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_all_files_but_the_report_are_downloaded(bucket: AwsClients, tmp_path: Path) -> None:
    result = download("-o", str(tmp_path / "belt"))

    assert result.exit_code == 0, result.output
    assert list_names(tmp_path) == {"belt"}
    assert list_names(tmp_path / "belt") == NAMES
    assert (tmp_path / "belt" / "detections.parquet").read_bytes() == b"parquet"
    assert "annotated.mp4" in result.output


def test_the_folder_is_named_like_the_video(
    bucket: AwsClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    written = json.loads(download("--json").output)

    assert written == {
        "folder": str(tmp_path / "belt"),
        "files": sorted(NAMES, key=written["files"].index),
        "missing": [],
    }


def test_files_are_never_overwritten(bucket: AwsClients, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    result = download("-o", str(tmp_path))

    assert result.exit_code == ExitCode.ERROR
    assert "is not empty: give another --output." in result.output
    assert list_names(tmp_path) == {"mine.txt"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit(143)])
@pytest.mark.parametrize("is_there", [True, False])
def test_an_interrupted_download_continues(
    bucket: AwsClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Any, is_there: bool
) -> None:
    """Before the last file it is interrupted; then only that one is requested. A killed run's half file is removed."""
    place = tmp_path / "belt"
    if is_there:
        place.mkdir()
    asked: list[str] = []
    really_download = bucket.s3.download_file

    def interrupt(bucket: str, key: str, path: str, **callback: Any) -> None:
        if key.endswith("annotated.mp4") and not asked.count(key):
            asked.append(key)
            raise failure
        asked.append(key)
        really_download(bucket, key, path, **callback)

    monkeypatch.setattr(bucket.s3, "download_file", interrupt)
    result = download("-o", str(place))
    assert result.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
    [unfinished] = (place if is_there else tmp_path).glob(".videoinfer-*.part")
    (unfinished / "results.json.A1b2C3d4").write_text("half")
    del asked[:-1]

    assert download("-o", str(place)).exit_code == 0
    assert asked == 2 * [f"{FOLDER}/annotated.mp4"]
    assert list_names(place) == NAMES


def test_a_file_that_was_made_again_meanwhile_is_downloaded_again(
    bucket: AwsClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("videoinfer.output_folder.OutputFolder.finish", lambda _: 1 / 0)
        download("-o", str(tmp_path / "belt"))
    bucket.s3.put_object(Bucket="results", Key=f"{FOLDER}/job.json", Body=b"[3 ]")

    assert download("-o", str(tmp_path / "belt")).exit_code == 0
    assert (tmp_path / "belt" / "job.json").read_bytes() == b"[3 ]"


def test_a_file_that_is_gone_is_named(bucket: AwsClients, tmp_path: Path) -> None:
    bucket.s3.delete_object(Bucket="results", Key=f"{FOLDER}/annotated.mp4")

    result = download("-o", str(tmp_path / "belt"))

    assert result.exit_code == ExitCode.PROBLEMS
    assert "annotated.mp4 is no longer in the bucket." in result.output
    assert list_names(tmp_path / "belt") == NAMES - {"annotated.mp4"}


def test_outputs_that_are_all_gone_make_no_folder(bucket: AwsClients, tmp_path: Path) -> None:
    for key in FILES:
        bucket.s3.delete_object(Bucket="results", Key=key)

    result = download("-o", str(tmp_path / "belt"))

    assert result.exit_code == ExitCode.ERROR
    assert "no longer in the bucket (RetentionDays)" in result.output
    assert list_names(tmp_path) == set()


def test_a_running_job_has_no_outputs(bucket: AwsClients, ledger: Ledger) -> None:
    ledger.record(CLIP, 2, status="running", job_id="j2")

    result = CliRunner().invoke(app, ["download", "j2"])

    assert result.exit_code == ExitCode.ERROR
    assert re.search(r"has no outputs: its status is running. See `.*wait j2`", result.output)


def test_a_disk_without_room_is_named_before_the_download(
    bucket: AwsClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3))

    result = download("-o", str(tmp_path / "belt"))

    assert result.exit_code == ExitCode.ERROR
    assert "can't be written: the files have 0 MB, and 0 MB are free there." in result.output
    assert list_names(tmp_path) == set()
