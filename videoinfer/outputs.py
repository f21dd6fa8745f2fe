"""The output folder: what came out, as files."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from videoinfer.errors import CommandError
from videoinfer.notices import Notice
from videoinfer.preview import draw_detections, find_clearest, read_samples
from videoinfer.system import System
from videoinfer.uploads import Upload
from videoinfer.videos import decode_frame

_RESULT_FILES = ("results.json", "job.json")
_NOTICE_FILE = "notice.txt"
_PREVIEW_FILE = "preview.png"
REPORT_FILE = "report.html"
OUTPUT_FILES = (*_RESULT_FILES, _NOTICE_FILE, _PREVIEW_FILE, REPORT_FILE)


def prepare_folder(folder: Path) -> None:
    """Makes the folder and removes the files of an earlier run. Raises `CommandError` if it can't be written to."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in OUTPUT_FILES:
            (folder / name).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def save_notice(folder: Path, notice: Notice) -> None:
    """Writes the notice as a mail would show it."""
    with _writing(folder):
        (folder / _NOTICE_FILE).write_text(f"Subject: {notice.subject}\n\n{notice.text}\n", encoding="utf-8")


def fetch_results(folder: Path, system: System, upload: Upload, job_id: str) -> dict[str, Any]:
    """Fetches the results as they were delivered, and returns the job's record."""
    for name in _RESULT_FILES:
        key = f"results/{upload.key}/{job_id}/{name}"
        with _writing(folder):
            system.aws.clients.s3.download_file(system.pipeline.results_bucket, key, str(folder / name))
    record: dict[str, Any] = json.loads((folder / "job.json").read_bytes())
    return record


def save_preview(folder: Path, video: Path, model_id: str) -> None:
    """Draws the detections on the frame that shows them best."""
    results = json.loads((folder / "results.json").read_bytes())
    sample = find_clearest(read_samples(results, model_id))
    preview = draw_detections(decode_frame(video, sample.frame_offset), sample.detections)
    with _writing(folder):
        preview.save(folder / _PREVIEW_FILE)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"The output folder {folder} can't be written to: {error.strerror}.") from error
