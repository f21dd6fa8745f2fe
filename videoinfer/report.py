"""Makes the report of a results file and a video on this machine: a page that plays the video with its predictions."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
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
from videojobs.errors import InvalidOption
from videojobs.jobs.options import Model
from videojobs.jobs.times import format_clock
from videojobs.outputs.answers import answer
from videojobs.outputs.summary import Summary
from videojobs.report.facts import list_facts
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
    models, created_at = _read_record(record)
    frame_count = len(results.frame_offsets)
    types = {name: model.inference_type for name, model in models.items()}
    asked = [models.get(name) or Model(name, "", "") for name in results.model_ids]
    summary, start_offset = Summary(asked), measure_start_offset(video)
    with ReportWriter(start_offset) as writer:
        for model_id in results.model_ids:
            writer.add_model(model_id, types.get(model_id))
        batches, analysis = results.read_frames(types), Analysis(track=True)
        total = len(results.model_ids) * frame_count
        with display.track(
            batches, "Reading results", total=total, count=lambda frames: len(frames.entries)
        ) as tracked:
            for frames in analyze(tracked, analysis):
                summary.add(frames)
                writer.add(frames)
        facts = ReportFacts(
            title=video.name,
            video_url=locate_file(video, output.path),
            files={name: locate_file(file, output.path) for name, file in files.items()},
            answer=answer(summary, lambda seconds: format_clock(max(0.0, seconds + (start_offset or 0.0)))),
            facts=list_facts(
                {model.model_id: model.model_version for model in asked}, frame_count, inferred_at=created_at
            ),
        )
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


def _read_record(path: Path) -> tuple[dict[str, Model], datetime | None]:
    """The models by their IDs, and when the job was created; without a record, none and None."""
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        models = {model["model_id"]: Model.parse(model) for model in record["models"]}
        created_at = record.get("created_at")
        return models, datetime.fromisoformat(created_at) if created_at else None
    except (OSError, ValueError, KeyError, TypeError, InvalidOption):
        return {}, None
