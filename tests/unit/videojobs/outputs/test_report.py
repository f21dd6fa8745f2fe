"""The report as an output: its facts, and the data files beside it if they are too large for the page."""

import gzip
import json
from dataclasses import replace
from typing import cast

import pytest

from tests.unit.videojobs.outputs.derived import BOX, KeptFiles, make_job, read_page
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.jobs.uploads import SHARED_VIDEO
from videojobs.outputs.report import ReportOutput
from videojobs.report import writer
from videojobs.results.analysis import Analysis
from videojobs.results.derivation import derive


def make_report(job: Job) -> KeptFiles:
    files = KeptFiles()
    numbers = list(range(50))
    lists = {model.model_id: [{"predictions": [BOX]}] * 50 for model in job.options.models}
    content = json.dumps({"frame_offset": numbers, "time_offset": numbers, **lists}).encode()
    derive([content], job.options.models, [ReportOutput(job, files)], lambda: [content], analysis=Analysis(track=True))  # type: ignore[arg-type]
    for function in files.exits:
        function()
    return files


def test_a_small_report_is_one_page_that_names_its_video_and_models() -> None:
    job = make_job(Model("hands", "1", "object-detection"), Model("gloves", "2", "object-detection"))
    files = make_report(replace(job, upload=replace(job.upload, key="line 3/belt.mp4"), api_cost_usd=0.0123))
    assert list(files.files) == ["report.html"]
    index = read_page(files.read("report.html"))["index"]
    assert (index["title"], index["video"], index["share_url"]) == ("belt.mp4", SHARED_VIDEO, files.share_url)
    assert index["facts"] == [
        ["Inferred", "2026-11-02 08:15 UTC"],
        ["Models", "hands version 1, gloves version 2"],
        ["Sampled frames", "50"],
        ["Cost", "$0.0123 for the inference"],
    ]
    assert index["frame_rate"] == 1


def test_the_report_says_what_the_notice_says() -> None:
    files = make_report(make_job(Model("hands", "1", "object-detection")))
    assert read_page(files.read("report.html"))["index"]["answer"] == ["Rock: 0:00 to 0:49"]


def test_a_large_report_has_its_pieces_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PIECE_BYTES", 200)
    defaults = cast(dict[str, object], writer.ReportWriter.finish.__kwdefaults__)
    monkeypatch.setitem(defaults, "inline_max_bytes", 0)
    files = make_report(make_job(Model("hands", "1", "object-detection")))
    pieces = [name for name in files.files if name != "report.html"]
    assert len(pieces) > 3
    assert all(name.startswith("report-data/") for name in pieces)
    assert sum(len(json.loads(gzip.decompress(files.read(name)))["frames"]) for name in pieces) == 50
