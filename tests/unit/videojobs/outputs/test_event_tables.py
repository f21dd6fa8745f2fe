"""The files with events, read by other libraries; and events that can't be detected cost nothing else."""

import csv
import gzip
import io
import json
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.unit.videojobs.deliveries import DELIVERED, DONE, build, make_results, read_object, read_strictly
from tests.unit.videojobs.outputs.derived import KeptFiles, make_job, undisarm
from tests.unit.videojobs.results.watched import DOCK, DOOR, analyze_elements, see
from videojobs.delivery_progress import Polling
from videojobs.jobs.ends import compose_detail
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.outputs.event_tables import EVENT_COLUMNS, EventTables
from videojobs.outputs.names import OutputName
from videojobs.outputs.summary import REGION_COUNTS_MAX_BYTES, Summary, cap_region_counts
from videojobs.results.object_paths import ObjectPaths

MODEL = Model("m", "1", "object-detection")
WALK = [see({1: (0.8, 0.5)}, **{"class": "=1+2"}), see({1: (0.3, 0.5)}, **{"class": "=1+2"})]


def make_tables(*outputs: OutputName, **facts: Any) -> KeptFiles:
    job, files = replace(make_job(MODEL), **facts), KeptFiles()
    tables = EventTables(job, files, outputs)  # type: ignore[arg-type]
    for frames in analyze_elements((*DOOR, *DOCK), WALK):
        tables.add(frames)
    tables.finish()
    for function in files.exits:
        function()
    return files


def read_lines(files: KeptFiles) -> list[dict[str, str]]:
    text = files.read("events.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_csv_and_the_table_have_the_same_events() -> None:
    files = make_tables("csv", "parquet", video_recorded_at="2026-11-02T08:59:59.500+01:00")
    table = pq.read_table(io.BytesIO(files.read("events.parquet")))
    assert table.column_names == list(EVENT_COLUMNS)
    rows, lines = table.to_pylist(), read_lines(files)
    assert [(row["region"], row["kind"], row["direction"], row["time_offset"]) for row in rows] == [
        ("dock", "entry", None, 0.4),
        ("door", "crossing", "in", 0.6),
        ("dock", "exit", None, 0.8),
    ]
    assert [row["dwell_seconds"] for row in rows] == [None, None, 0.4]
    assert [str(row["clock_time"]) for row in rows] == [
        "2026-11-02 07:59:59.900000+00:00",
        "2026-11-02 08:00:00.100000+00:00",
        "2026-11-02 08:00:00.300000+00:00",
    ]
    assert lines[1]["clock_time"] == "2026-11-02T09:00:00.100+01:00"
    for row, line in zip(rows, lines, strict=True):
        assert line.keys() == row.keys()
        for name, value in row.items():
            if name == "at_border":
                assert line[name] == str(value).lower()
            elif name != "clock_time":
                assert undisarm(line[name]) == ("" if value is None else str(value))


def test_texts_in_the_csv_are_no_formulas() -> None:
    assert {line["class"] for line in read_lines(make_tables("csv"))} == {"'=1+2"}


@pytest.mark.parametrize(
    ("outputs", "names"),
    [(("csv",), {"events.csv"}), (("parquet",), {"events.parquet"}), (("coco", "report"), set())],
)
def test_only_the_stack_s_outputs_are_made(outputs: tuple[OutputName, ...], names: set[str]) -> None:
    assert set(make_tables(*outputs).files) == names


def with_regions(job: Job, **options: Any) -> Job:
    return replace(job, options=replace(make_job(MODEL).options, regions=(*DOOR, *DOCK), **options))


def test_a_delivery_has_the_events_in_its_files_its_records_and_its_event(aws: Any, job: Job) -> None:
    job = with_regions(job)
    assert build(aws, DONE, (200, make_results(job, WALK))).deliver(job, Polling(1)) == DELIVERED
    record = read_strictly(read_object(aws, "job.json"))
    assert record["outputs"]["events.csv"].endswith(f"{job.job_id}/events.csv")
    assert record["outputs"]["events.parquet"].endswith(f"tables/events/day={job.created_at[:10]}/{job.job_id}.parquet")
    assert record["failed_outputs"] == {}
    assert len(read_object(aws, "events.csv").splitlines()) == 4
    summary = read_strictly(read_object(aws, "summary.json"))["models"]["m"]
    assert summary["regions"]["door"] == {"=1+2": {"in": 1, "out": 0}}
    assert summary["classes"]["=1+2"]["tracks"] == 1
    item = aws.ledger.read(job.upload, job.attempt)
    detail = json.loads(json.dumps(compose_detail(job.upload, job.attempt, item), default=int))
    assert detail["region_counts"] == {
        "m": {"door": {"=1+2": {"in": 1, "out": 0}}, "dock": {"=1+2": {"entries": 1, "exits": 1, "peak": 1}}}
    }
    assert detail["omitted_region_counts"] == 0


def test_a_job_without_regions_has_no_events(aws: Any, job: Job) -> None:
    job = replace(job, options=make_job(MODEL).options)
    assert build(aws, DONE, (200, make_results(job, WALK))).deliver(job, Polling(1)) == DELIVERED
    assert not any("events" in name for name in read_strictly(read_object(aws, "job.json"))["outputs"])
    assert compose_detail(job.upload, job.attempt, aws.ledger.read(job.upload, job.attempt))["region_counts"] is None


def test_a_bug_in_the_detection_costs_only_the_events(aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ObjectPaths, "end", lambda *_: 1 / 0)
    job = with_regions(job)
    assert build(aws, DONE, (200, make_results(job, WALK))).deliver(job, Polling(1)) == DELIVERED
    record = read_strictly(read_object(aws, "job.json"))
    assert record["failed_outputs"] == {"events": "ZeroDivisionError: division by zero"}
    assert {"detections.csv.gz", "detections.parquet", "coco.json", "report.html"} <= record["outputs"].keys()
    assert not any("events" in name for name in record["outputs"])
    summary = read_strictly(read_object(aws, "summary.json"))["models"]["m"]
    assert "regions" not in summary
    assert summary["classes"]["=1+2"]["count"] == 2
    [notice] = aws.notices()
    assert "  events: ZeroDivisionError: division by zero" in notice["Message"]
    monkeypatch.undo()
    build(aws).deliver(job, Polling(1), redelivery="again")
    assert read_strictly(read_object(aws, "job.json"))["failed_outputs"] == {}


def test_results_without_the_size_of_the_picture_say_so(aws: Any, job: Job) -> None:
    job = with_regions(job)
    elements = [{"predictions": element["predictions"]} for element in WALK]
    assert build(aws, DONE, (200, make_results(job, elements))).deliver(job, Polling(1)) == DELIVERED
    words = "The elements of m lack the size of the picture, which regions refer to."
    assert read_strictly(read_object(aws, "job.json"))["failed_outputs"] == {"events": words}


def test_a_redelivery_reads_summaries_from_before_regions_existed(aws: Any, job: Job) -> None:
    old = {"frames": 1, "failed_frames": 0, "predictions": 2, "embeddings": 0, "failed_share": 0, "classes": {}}
    one = {"count": 2, "frames": 1, "peak": 2, "mean_confidence": 0.5}
    summary = Summary.from_dict({"m": {**old, "classes": {"Rock": one}}})
    model = summary.models["m"]
    assert (model.regions, model.classes["Rock"].tracks, summary.region_counts) == ({}, None, {"m": {}})
    assert model.to_dict()["classes"]["Rock"]["tracks"] is None


def test_the_filters_apply_to_all_outputs_but_not_to_the_results(aws: Any, job: Job) -> None:
    job = with_regions(job, classes=("dog",))
    both = [
        {**element, "predictions": [*element["predictions"], {**element["predictions"][0], "class": "dog"}]}
        for element in WALK
    ]
    content = make_results(job, both)
    assert build(aws, DONE, (200, content)).deliver(job, Polling(1)) == DELIVERED
    assert read_object(aws, "results.json") == content
    assert read_strictly(read_object(aws, "job.json"))["counts"] == {"m": {"dog": 2}}
    texts = [gzip.decompress(read_object(aws, "detections.csv.gz")), read_object(aws, "coco.json")]
    texts += [read_object(aws, "detections.vtt"), read_object(aws, "events.csv")]
    for text in texts:
        assert b"dog" in text
        assert b"=1+2" not in text


def test_counts_of_regions_are_limited() -> None:
    counts = {"m": {f"region {n}": {f"class {k}": {"in": n, "out": k} for k in range(60)} for n in range(20)}}
    capped, omitted = cap_region_counts(counts)
    assert 0 < omitted < 20 * 60
    assert len(json.dumps(capped)) <= REGION_COUNTS_MAX_BYTES
    assert sum(map(len, capped["m"].values())) == 20 * 60 - omitted
    assert capped["m"]["region 19"]["class 59"] == {"in": 19, "out": 59}
    assert cap_region_counts({"m": {"door": {"": {"in": 1, "out": 0}}}}) == ({"m": {}}, 1)
