"""The demo's output folder. Its files replace those of an earlier run once all of them are complete."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from videoengine.segments import SampledFrame
from videoinfer.display import Display
from videoinfer.ledger_view import Item
from videoinfer.local.preview import draw_preview
from videoinfer.local.system import System
from videoinfer.notices_queue import ReceivedNotice
from videoinfer.output_file import OutputFile, open_output
from videoinfer.report import write_report
from videoinfer.upload_progress import UploadedVideo
from videojobs.result_files import DOWNLOADS, RECORD_FILE, REPORT_FILE, RESULTS_FILE, locate_results

NOTICE_FILE = "notice.txt"
PREVIEW_FILE = "preview.png"
TABLE_FILES = ("detections.csv.gz", "coco.json")
"""The outputs of the job that the report offers beside its results."""

OUTPUT_FILES = (RESULTS_FILE, RECORD_FILE, *TABLE_FILES, NOTICE_FILE, PREVIEW_FILE, REPORT_FILE)

type Outputs = Mapping[str, OutputFile]
"""An open file for each of `OUTPUT_FILES`, by name."""


@contextmanager
def open_outputs(folder: Path, inputs: Sequence[Path]) -> Iterator[Outputs]:
    """Opens all files of the folder with `open_output`. Raises `CommandError` if one can't be written."""
    with ExitStack() as files:
        yield {
            name: files.enter_context(open_output(folder / name, inputs, Path(name).suffix)) for name in OUTPUT_FILES
        }


def save_notice(output: OutputFile, notice: ReceivedNotice) -> None:
    """Writes the notice like a mail, with its subject."""
    with output.writing():
        output.unfinished.write_text(f"Subject: {notice.subject}\n\n{notice.text}\n", encoding="utf-8")


def fetch_results(outputs: Outputs, system: System, upload: UploadedVideo, job: Item) -> None:
    """Downloads `results.json`, `job.json` and the tables. A table that could not be made is left out."""
    for name in (RESULTS_FILE, RECORD_FILE, *(name for name in TABLE_FILES if name in job.get("outputs", {}))):
        key = locate_results(upload.key, job["job_id"], name)
        with outputs[name].writing(), outputs[name].unfinished.open("wb") as file:
            system.aws.clients.s3.download_fileobj(system.pipeline.results_bucket, key, file)


def derive_outputs(
    outputs: Outputs, video: Path, frames: Sequence[SampledFrame], model_id: str, *, display: Display
) -> None:
    """Makes the preview and the report from the files that `fetch_results` downloaded.

    Args:
        frames: The video's sampled frames.
    """
    results, record = outputs[RESULTS_FILE].unfinished, outputs[RECORD_FILE].unfinished
    preview = draw_preview(video, frames, results, model_id)
    with outputs[PREVIEW_FILE].writing():
        preview.save(outputs[PREVIEW_FILE].unfinished, "PNG")
    files = {name: outputs[name].path for name in list_written(outputs) if name in DOWNLOADS}
    write_report(results, record, video, outputs[REPORT_FILE], files=files, display=display)


def list_written(outputs: Outputs) -> list[str]:
    """The names of the files that have a content."""
    return [name for name, output in outputs.items() if output.unfinished.stat().st_size]
