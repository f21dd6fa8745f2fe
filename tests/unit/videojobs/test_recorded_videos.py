"""When a video was recorded: found once when its job is created, and shown wherever times are."""

import csv
import gzip
import io
import json
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pandas as pd
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from tests.stand_ins.videos import VideoSpec, make_video
from tests.unit.videojobs import test_create_job as creation
from tests.unit.videojobs.deliveries import DONE, build, read_object
from tests.unit.videojobs.notices.test_notices import make_done
from tests.unit.videojobs.notices.test_notices import make_job as make_noticed_job
from tests.unit.videojobs.outputs.derived import KeptFiles, derive_all, read_page
from videojobs.delivery_progress import Polling
from videojobs.jobs.ends import compose_detail
from videojobs.jobs.ledger import Job
from videojobs.jobs.uploads import JobRequest

STARTED = "2026-11-28T23:59:59.900000+01:00"
BOX = {"x": 10, "y": 20, "width": 4, "height": 6, "confidence": 0.5, "class": "Rock", "class_id": 1}
CREATED = (200, {"job_id": "j1"})


def make_results(job: Job, times: list[float] | None = None) -> bytes:
    [model] = job.options.models
    times = times or [0.0, 0.2]
    found = [{"predictions": [BOX, BOX]} for _ in times]
    return json.dumps({"frame_offset": list(range(len(times))), "time_offset": times, model.model_id: found}).encode()


def make_recorded_video(creation_time: str = "2026-11-28T21:00:00Z") -> bytes:
    return make_video(VideoSpec(frames=3, creation_time=creation_time))


def create(aws: Any, key: str, body: bytes = b"video", *, routes: str = "{}", **metadata: str) -> Job:
    creator, _ = creation.build(aws, CREATED, settings=replace(creation.SETTINGS, prefix_routes=routes))
    landed = creation.upload(aws, key, body, **metadata)
    assert creator.create_job(JobRequest(landed, 1)) == {"status": "running", "job_id": "j1"}
    item = aws.ledger.read(landed, 1)
    job = Job.from_item(item)
    [execution] = aws.executions()
    assert Job.from_input(json.loads(execution["input"])) == job
    assert compose_detail(landed, 1, item)["video_recorded_at"] == job.video_recorded_at
    return job


def test_the_time_in_the_file_is_found(aws: Any) -> None:
    job = create(aws, "a.mp4", make_recorded_video())
    assert job.video_recorded_at == "2026-11-28T21:00:00+00:00"
    assert job.clock_time(90.5) == datetime(2026, 11, 28, 21, 1, 30, 500_000, tzinfo=UTC)


def test_a_pattern_for_the_key_counts_before_the_time_in_the_file(aws: Any) -> None:
    routes = json.dumps({"yard/": {"recorded_at": "cam_%Y%m%d_%H%M%S[Europe/Berlin]"}})
    job = create(aws, "yard/cam_20261127_220000.mp4", make_recorded_video(), routes=routes)
    assert job.video_recorded_at == "2026-11-27T22:00:00+01:00"


def test_the_time_in_the_metadata_counts_before_the_route(aws: Any) -> None:
    routes = json.dumps({"": {"recorded-at": "cam_%Y%m%d_%H%M%S[Europe/Berlin]"}})
    job = create(aws, "cam_20261127_220000.mp4", routes=routes, recorded_at="2026-11-26T22:00:00+01:00")
    assert job.video_recorded_at == "2026-11-26T22:00:00+01:00"


def test_a_time_that_is_not_known_is_not_guessed(aws: Any) -> None:
    job = create(aws, "a.mp4", make_recorded_video(""))
    assert job.video_recorded_at is None
    assert job.clock_time(0.0) is None


@pytest.mark.parametrize("value", ["2026-11-28T22:00:00", "%Y%m%d_%H%M%S", "cam_%Y%m%d_%H[Europe/Bonn]"])
def test_an_invalid_option_rejects_the_upload(aws: Any, value: str) -> None:
    creator, wire = creation.build(aws)
    answer = creator.create_job(JobRequest(creation.upload(aws, recorded_at=value), 1))
    assert answer["status"] == "rejected"
    assert answer["reason"].startswith(f"recorded_at: {value!r}: ")
    assert "--metadata recorded-at=RECORDED_AT" in json.dumps(aws.notices())
    assert wire.requests == []


def test_an_invalid_route_is_named(aws: Any) -> None:
    routes = json.dumps({"line 3+ü": {"recorded_at": "2026-11-28T22:00:00"}})
    creator, _ = creation.build(aws, settings=replace(creation.SETTINGS, prefix_routes=routes))
    answer = creator.create_job(JobRequest(creation.upload(aws), 1))
    assert answer["reason"].startswith(
        "PrefixRoutes: 'line 3+ü': recorded_at: '2026-11-28T22:00:00': it has no time zone"
    )


def test_the_file_is_not_read_if_the_time_is_given(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.s3, "get_object", None)
    assert create(aws, "a.mp4", recorded_at="2026-11-26T22:00:00Z").video_recorded_at


def test_an_outage_of_s3_postpones_the_upload_before_a_job_is_created(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="s3")

    creator, wire = creation.build(aws, CREATED)
    landed = creation.upload(aws)
    monkeypatch.setattr(aws.s3, "get_object", fail)
    with pytest.raises(EndpointConnectionError):
        creator.create_job(JobRequest(landed, 1))
    assert wire.requests == []


def test_an_upload_that_is_deleted_before_it_is_read_is_rejected(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    creator, wire = creation.build(aws, CREATED)
    landed = creation.upload(aws)
    get_object = aws.s3.get_object

    def delete_and_get(**location: Any) -> Any:
        aws.s3.delete_object(Bucket=landed.bucket, Key=landed.key, VersionId=landed.version_id)
        return get_object(**location)

    monkeypatch.setattr(aws.s3, "get_object", delete_and_get)
    assert creator.create_job(JobRequest(landed, 1))["reason"] == "It was deleted before its job could be created."
    assert wire.requests == []


def test_a_file_that_is_smaller_than_it_was_has_no_time(aws: Any) -> None:
    creator, _ = creation.build(aws, CREATED)
    landed = creation.upload(aws, body=struct.pack(">I4sI", 12, b"ftyp", 0) + struct.pack(">I4s", 100_000, b"mdat"))
    landed = replace(landed, size_bytes=200_000)
    assert creator.create_job(JobRequest(landed, 1))["status"] == "running"
    assert Job.from_item(aws.ledger.read(landed, 1)).video_recorded_at is None


def test_an_execution_from_before_does_not_know_the_time(job: Job) -> None:
    data = job.to_input()
    del data["video_recorded_at"]
    assert Job.from_input(data).video_recorded_at is None


def test_a_step_that_does_not_know_the_time_leaves_it_in_the_ledger(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, **replace(job, video_recorded_at=STARTED).to_values())
    aws.ledger.record(job.upload, job.attempt, options=job.options.to_dict(), **job.to_values())
    assert Job.from_item(aws.ledger.read(job.upload, job.attempt)).video_recorded_at == STARTED


@pytest.mark.parametrize("time_offset", [float("nan"), float("inf"), 1e300, -1e300])
def test_an_invalid_time_in_the_results_has_no_clock_time(job: Job, time_offset: float) -> None:
    assert replace(job, video_recorded_at=STARTED).clock_time(time_offset) is None


def derive(job: Job, recorded_at: str | None) -> KeptFiles:
    return derive_all(replace(job, video_recorded_at=recorded_at), make_results(job))[0]


@pytest.mark.parametrize(("table", "rows"), [("detections", 4), ("frames", 2)])
def test_tables_have_the_time_in_utc(job: Job, table: str, rows: int) -> None:
    content = derive(job, STARTED).read(f"{table}.parquet")
    times = list(pd.read_parquet(io.BytesIO(content))["clock_time"])
    assert len(times) == rows
    first = datetime.fromisoformat(STARTED)
    assert (times[0], times[-1]) == (first, first + timedelta(seconds=0.2))
    assert times[0].tzinfo is not None
    assert times[0].utcoffset() == timedelta()


@pytest.mark.parametrize("table", ["detections", "frames"])
def test_tables_have_null_if_the_time_is_not_known(job: Job, table: str, tmp_path: Any) -> None:
    for name, recorded_at in (("known", STARTED), ("unknown", None)):
        (tmp_path / f"{name}.parquet").write_bytes(derive(job, recorded_at).read(f"{table}.parquet"))
    query = f"SELECT typeof(clock_time), count(clock_time) FROM '{tmp_path}/%s.parquet' GROUP BY 1"  # noqa: S608
    [(kind, known)] = duckdb.execute(query % "known").fetchall()
    assert (kind, known) == ("TIMESTAMP WITH TIME ZONE", 4 if table == "detections" else 2)
    assert duckdb.execute(query % "unknown").fetchall() == [(kind, 0)]
    both = f"SELECT count(*), count(clock_time) FROM '{tmp_path}/*.parquet'"  # noqa: S608
    assert duckdb.execute(both).fetchall() == [(2 * known, known)]


@pytest.mark.parametrize("table", ["detections", "frames"])
def test_a_time_that_no_video_has_is_null(job: Job, table: str) -> None:
    job = replace(job, video_recorded_at=STARTED)
    files, _ = derive_all(job, make_results(job, [0.0, 1e12]), ["parquet"])
    times = pd.read_parquet(io.BytesIO(files.read(f"{table}.parquet")))["clock_time"]
    assert list(times.isna()) == ([False, False, True, True] if table == "detections" else [False, True])


@pytest.mark.parametrize(
    ("recorded_at", "cells"),
    [
        (STARTED, ["2026-11-28T23:59:59.900+01:00"] * 2 + ["2026-11-29T00:00:00.100+01:00"] * 2),
        (None, [""] * 4),
    ],
)
def test_the_csv_has_the_time_with_its_offset(job: Job, recorded_at: str | None, cells: list[str]) -> None:
    text = gzip.decompress(derive(job, recorded_at).read("detections.csv.gz")).decode("utf-8-sig")
    assert [row["clock_time"] for row in csv.DictReader(io.StringIO(text))] == cells


def test_the_page_has_the_time(job: Job) -> None:
    index = read_page(derive(job, STARTED).read("report.html"))["index"]
    assert index["recorded_at"] == "2026-11-28T23:59:59.900"
    assert ["Recorded", "2026-11-28 23:59:59 +01:00"] in index["facts"]
    index = read_page(derive(job, None).read("report.html"))["index"]
    assert index["recorded_at"] is None
    assert "Recorded" not in dict(index["facts"])


def test_the_notice_says_the_time_of_day() -> None:
    job = replace(make_noticed_job(), video_recorded_at="2026-11-28T22:58:00+01:00")
    message = make_done(job).message
    assert "Recorded: 2026-11-28 22:58:00 +01:00\n" in message
    assert "22:58:01 to 22:58:09\n" in message
    assert "22:58:00 to 2026-11-29 00:00:05, 31 at once at 22:59:02" in message


def test_the_records_of_a_job_have_the_time(aws: Any, job: Job) -> None:
    job = replace(job, video_recorded_at=STARTED)
    build(aws, DONE, (200, make_results(job))).deliver(job, Polling(3))
    for name in ("job.json", "summary.json"):
        assert json.loads(read_object(aws, name))["video_recorded_at"] == STARTED


@pytest.mark.slow
@given(st.lists(st.floats(-1e10, 1e10) | st.floats(0, 1000), min_size=1, max_size=20))
def test_the_tables_times_are_those_of_the_job(times: list[float]) -> None:
    job = replace(make_noticed_job(), video_recorded_at="2026-11-28T22:00:00.000500+01:00")
    files, _ = derive_all(
        replace(job, options=replace(job.options, models=job.options.models[:1])), make_hands(times), ["parquet"]
    )
    found = pd.read_parquet(io.BytesIO(files.read("frames.parquet")))["clock_time"]
    for time, moment in zip(map(job.clock_time, times), found, strict=True):
        assert moment is pd.NaT if time is None else abs(moment - time) <= timedelta(milliseconds=1)


def make_hands(times: list[float]) -> bytes:
    frames: list[Any] = [{"predictions": []} for _ in times]
    return json.dumps({"frame_offset": list(range(len(times))), "time_offset": times, "hands": frames}).encode()
