"""The report of a results file and a video on this machine: one page that plays the video with what was found."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videoinfer.output_file import OutputFile, open_output
from videoinfer.result_fit import check_fit
from videoinfer.results_file import ResultsFile, read_results_file
from videoinfer.videos import measure_start_offset
from videojobs.report.writer import ReportFacts, ReportWriter


@dataclass(frozen=True)
class ReportOptions:
    """What the page is made of.

    Attributes:
        output: The page.
    """

    results: Path
    video: Path
    output: Path


def make_report(options: ReportOptions, display: Display) -> None:
    """Writes the page, and says so.

    Raises:
        CommandError: The results or the video can't be used, or the page can't be written; says why.
    """
    check_file(options.video)
    record = options.results.parent / "job.json"
    with open_output(options.output, [options.results, options.video, record]) as output:
        frames = write_report(options.results, record, options.video, output, display=display)
        output.finish()
    display.done(f"{frames:,} frames in the report")
    display.outputs(options.output.parent, [options.output.name])


def write_report(results_file: Path, record: Path, video: Path, output: OutputFile, *, display: Display) -> int:
    """Writes the page, with all that it needs but the video in it; it finds the video by its path from the page.

    Args:
        record: The job's `job.json`, which tells the models' inference types; it may be missing.

    Returns how many sampled frames it shows.

    Raises:
        CommandError: The results or the video can't be used, or the page can't be written; says why.
    """
    results = read_results_file(results_file)
    check_fit(results, video)
    types = _read_inference_types(record)
    total = len(results.model_ids) * len(results.frame_offsets)
    with ReportWriter(measure_start_offset(video)) as writer:
        for model_id in results.model_ids:
            writer.add_model(model_id, types.get(model_id))
        with display.track(results.read_elements(), "Reading results", total=total) as elements:
            for element in elements:
                writer.add(*element)
        # A page from a disk may not fetch what lies beside it, so everything is in it.
        report = writer.finish(_compose_facts(video, output.path, results), inline_max_bytes=None)
        with output.writing(), output.unfinished.open("wb") as file:
            report.write_page(file)
    return len(results.frame_offsets)


def locate_video(video: Path, page: Path) -> str:
    """The URL by which a page finds a video: relative, so that both can be moved together."""
    try:
        path = os.path.relpath(video.resolve(), page.resolve().parent)
    except ValueError:  # on another drive of Windows
        raise CommandError(f"A page at {page} can't find a video on another drive: copy {video} beside it.") from None
    # As bytes: a name need not be UTF-8.
    return "./" + quote(os.fsencode(path.replace(os.sep, "/")))


def _compose_facts(video: Path, page: Path, results: ResultsFile) -> ReportFacts:
    frames = f"{len(results.frame_offsets):,}"
    return ReportFacts(
        title=video.name,
        video_url=locate_video(video, page),
        facts=[("Frames looked at", frames), ("Models", ", ".join(results.model_ids))],
    )


def _read_inference_types(record: Path) -> dict[str, str]:
    """The models' inference types; none where there is no record."""
    try:
        models: list[dict[str, Any]] = json.loads(record.read_bytes())["models"]
        return {model["model_id"]: model["inference_type"] for model in models}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
