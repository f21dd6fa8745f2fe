"""Makes the report of a results file and a video on this machine: a page that plays the video with its predictions."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videoinfer.output_file import OutputFile, open_output
from videoinfer.result_fit import check_fit
from videoinfer.results_file import read_results_file
from videoinfer.videos import measure_start_offset
from videojobs.report.writer import ReportFacts, ReportWriter
from videojobs.result_files import DOWNLOADS, RECORD_FILE, RESULTS_FILE
from videojobs.results.analysis import Analysis, analyze


def make_report(results: Path, video: Path, page: Path, display: Display) -> None:
    """Writes the page, and prints where it is.

    Raises:
        CommandError: The results or the video can't be used, or the page can't be written; the message says why.
    """
    check_file(video)
    record = results.parent / RECORD_FILE
    with open_output(page, [results, video, record], ".html") as output:
        names = {RESULTS_FILE: results.name, **{name: name for name in DOWNLOADS if name != RESULTS_FILE}}
        files = {name: results.parent / file for name, file in names.items() if (results.parent / file).is_file()}
        frames = write_report(results, record, video, output, files=files, display=display)
        output.finish()
    display.done(f"{frames:,} frames in the report")
    display.outputs(page.parent, [page.name])


def write_report(
    results_file: Path,
    record: Path,
    video: Path,
    output: OutputFile,
    *,
    files: Mapping[str, Path],
    display: Display,
) -> int:
    """Writes the page. It contains everything except the video, which it finds by the path relative to the page.

    Args:
        record: The job's `job.json`, which has the models' inference types; it may be missing.
        files: The files that the page offers, by their names in `DOWNLOADS`.

    Returns:
        The number of sampled frames in the report.

    Raises:
        CommandError: The results or the video can't be used, or the page can't be written; the message says why.
    """
    results = read_results_file(results_file)
    check_fit(results, video)
    types, frame_count = _read_inference_types(record), len(results.frame_offsets)
    facts = ReportFacts(
        title=video.name,
        video_url=locate_file(video, output.path),
        files={name: locate_file(file, output.path) for name, file in files.items()},
        facts=[("Sampled frames", f"{frame_count:,}"), ("Models", ", ".join(results.model_ids))],
    )
    with ReportWriter(measure_start_offset(video)) as writer:
        for model_id in results.model_ids:
            writer.add_model(model_id, types.get(model_id))
        batches, analysis = results.read_frames(types), Analysis(track=True)
        total = len(results.model_ids) * frame_count
        with display.track(
            batches, "Reading results", total=total, count=lambda frames: len(frames.entries)
        ) as tracked:
            for frames in analyze(tracked, analysis):
                writer.add(frames)
        # A page that is opened from a disk may not fetch other files, so it contains everything.
        report = writer.finish(facts, inline_max_bytes=None)
        with output.writing(), output.unfinished.open("wb") as file:
            report.write_page(file)
    return frame_count


def locate_file(file: Path, page: Path) -> str:
    """A file's URL relative to the page, so that both can be moved together."""
    try:
        path = os.path.relpath(file.resolve(), page.resolve().parent)
    except ValueError:  # on another drive of Windows
        raise CommandError(
            f"{page} can't refer to a file on another drive: copy {file} to the page's folder."
        ) from None
    # As bytes, because a file name need not be UTF-8.
    return "./" + quote(os.fsencode(path.replace(os.sep, "/")))


def _read_inference_types(record: Path) -> dict[str, str]:
    """The models' inference types by model id; empty if there is no record."""
    try:
        models: list[dict[str, Any]] = json.loads(record.read_bytes())["models"]
        return {model["model_id"]: model["inference_type"] for model in models}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
