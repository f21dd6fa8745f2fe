"""The files in the demo's folder, for every type of model."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.stand_ins.model_files import write_package
from tests.stand_ins.random_models import make_packages_of_every_type
from videoinfer.display import Display
from videoinfer.local.outputs import OUTPUT_FILES, derive_outputs, open_outputs, save_notice
from videoinfer.main import app
from videoinfer.model_packages import read_model_package
from videoinfer.notices_queue import ReceivedNotice
from videoinfer.terminal import Console
from videoinfer.videos import sample_video
from videojobs.result_files import RECORD_FILE, RESULTS_FILE


def test_other_files_stay_until_all_outputs_are_finished(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    (tmp_path / "report.html").write_text("earlier")

    with open_outputs(tmp_path, []):
        pass
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"mine.txt": "", "report.html": "earlier"}

    with open_outputs(tmp_path, []) as outputs:
        for output in outputs.values():
            output.finish()
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", *OUTPUT_FILES}


def test_a_notice_is_written_with_its_subject(tmp_path: Path) -> None:
    with open_outputs(tmp_path, []) as outputs:
        save_notice(outputs["notice.txt"], ReceivedNotice("clip.mp4: Rock", "Video: ü", "done"))
        outputs["notice.txt"].finish()

    assert (tmp_path / "notice.txt").read_text(encoding="utf-8") == "Subject: clip.mp4: Rock\n\nVideo: ü\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", make_packages_of_every_type())
def test_every_type_of_model_gives_a_preview_a_report_and_an_annotated_video(
    tmp_path: Path, video: Path, kind: str
) -> None:
    folder = write_package(tmp_path / "model" / "1", make_packages_of_every_type()[kind])
    model = read_model_package(folder)
    results, record, annotated = tmp_path / "results.json", tmp_path / "job.json", tmp_path / "annotated.mp4"
    run("infer", video, "--model", folder, "--infer-fps", "4", "--output", results)
    record.write_text(json.dumps({"models": [model.as_api_model()]}))

    with open_outputs(tmp_path / "out", [video, folder]) as outputs:
        outputs[RESULTS_FILE].unfinished.write_bytes(results.read_bytes())
        outputs[RECORD_FILE].unfinished.write_bytes(record.read_bytes())
        derive_outputs(
            outputs, video, sample_video(video, 4), model.model_id, display=Display(Console(file=io.StringIO()))
        )
        for output in outputs.values():
            output.finish()
    run("report", results, video, "--output", tmp_path / "report.html")
    run("annotate", results, video, "--output", annotated)

    with Image.open(tmp_path / "out" / "preview.png") as preview:
        drawn = len(preview.getcolors(1 << 20) or [])
    assert drawn == 1 if kind == "embedding" else drawn > 1
    assert (tmp_path / "out" / "report.html").stat().st_size == pytest.approx(
        (tmp_path / "report.html").stat().st_size, rel=0.01
    )
    assert annotated.stat().st_size > 0


def run(*arguments: str | Path) -> None:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
