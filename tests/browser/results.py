"""Results for tests, and their report, made by the command that people use."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from videoinfer.main import app
from videoinfer.repository import SAMPLE_VIDEO
from videojobs.jobs.options import Model, Options
from videojobs.jobs.regions import parse_regions
from videojobs.report.writer import ReportFacts, ReportWriter
from videojobs.results.analysis import Analysis
from videojobs.results.derivation import derive

BLUE, ORANGE, GREEN = "#5b9bff", "#ff9248", "#3ecf8e"
"""The colors of a report's first classes."""

WIDTH, HEIGHT = 640, 360
"""The size of the shipped video, which has 10 seconds at 30 frames a second."""


def make_box(
    name: str, x: float, y: float, width: float = 60, height: float = 40, confidence: float = 0.9, **more: Any
) -> dict[str, Any]:
    """Makes a prediction: center and size in pixels."""
    box = {"x": x, "y": y, "width": width, "height": height, "confidence": confidence, "class": name, "class_id": 0}
    return {**box, **more}


def make_element(predictions: Iterable[dict[str, Any]], width: int = WIDTH, height: int = HEIGHT) -> dict[str, Any]:
    return {"time": 0.01, "image": {"width": width, "height": height}, "predictions": list(predictions)}


def make_results(
    elements: list[Any], fps: float = 5, model_id: str = "parts", frame_rate: float = 30
) -> dict[str, Any]:
    """Makes a results file of one model, evenly sampled."""
    times = [round(number / fps, 4) for number in range(len(elements))]
    return {"frame_offset": [round(time * frame_rate) for time in times], "time_offset": times, model_id: elements}


def write_report(folder: Path, results: dict[str, Any], video: Path | None = None) -> Path:
    """Writes the page with `videoinfer report`, beside a copy of the video."""
    results_file = folder / "results.json"
    results_file.write_text(json.dumps(results))
    beside = folder / (video or SAMPLE_VIDEO).name
    if not beside.exists():
        shutil.copy(video or SAMPLE_VIDEO, beside)
    page = folder / "report.html"
    result = CliRunner().invoke(app, ["report", str(results_file), str(beside), "-o", str(page)])
    assert result.exit_code == 0, result.output
    return page


def write_region_report(folder: Path, results: dict[str, Any], regions: list[dict[str, Any]]) -> Path:
    """Writes the page with regions and the events in them, as a delivery does, beside a copy of the video."""
    [model_id] = results.keys() - {"frame_offset", "time_offset"}
    model = Model(model_id, "1", "object-detection")
    options = Options((model,), 5, "presigned", regions=parse_regions(regions))
    shutil.copy(SAMPLE_VIDEO, folder)
    content, page = json.dumps(results).encode(), folder / "report.html"
    with ReportWriter(0.0, options.regions) as writer, page.open("wb") as file:
        writer.add_model(model_id, model.inference_type)
        derive([content], [model], [_Collector(writer)], lambda: [content], analysis=Analysis.of(options))
        facts = ReportFacts(SAMPLE_VIDEO.name, SAMPLE_VIDEO.name, facts=[("Models", model_id)])
        writer.finish(facts, inline_max_bytes=None).write_page(file)
    return page


class _Collector:
    """A report as an output."""

    def __init__(self, writer: ReportWriter) -> None:
        self.add = writer.add

    def finish(self) -> None:
        """Does nothing: the page is written by the caller."""
