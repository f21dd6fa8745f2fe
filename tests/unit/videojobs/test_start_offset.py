"""Results count time from the first picture, players from the file's start: the start offset connects both."""

import csv
import gzip
import io
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import webvtt

from tests.stand_ins.wire import Wire
from tests.unit.videojobs.deliveries import DONE, FOLDER, build, read_object
from tests.unit.videojobs.notices.test_notices import make_done
from tests.unit.videojobs.notices.test_notices import make_job as make_noticed_job
from tests.unit.videojobs.outputs.derived import derive_all, read_page
from videoinfer.repository import ROOT
from videojobs.api.client import START_OFFSET_MAX_SECONDS, VideoInferenceApi
from videojobs.check_job import Check, check_job, record_check
from videojobs.delivery_progress import Polling
from videojobs.jobs.ledger import Job
from videojobs.jobs.workflow import start_redelivery

DEFINITION = ROOT / "statemachine" / "video_job.asl.json"
BOX = {"x": 10, "y": 20, "width": 4, "height": 6, "confidence": 0.5, "class": "Rock", "class_id": 1}


def ask(job: Job, start_offset: str | None) -> Check:
    told = "" if start_offset is None else f', "start_offset": {start_offset}'
    answer = f'{{"status": 0, "output_signed_url": "https://x"{told}}}'.encode()
    api = VideoInferenceApi("https://api.example.com", "key", Wire((200, answer)).session)
    return check_job(api, job, datetime(2026, 11, 4, tzinfo=UTC), 60)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("2.0", 2.0), ("0", 0.0), ("3", 3.0), ("-0.0417", -0.0417), ("0.08333333", 0.0833), ("1e-320", 0.0)],
)
def test_a_start_offset_is_read_from_the_api(said: str, seconds: float, job: Job) -> None:
    assert ask(job, said).start_offset == seconds


@pytest.mark.parametrize(
    "said",
    [
        *(None, "null", "true", '"2"', "[2]", "{}", "NaN", "Infinity", "-Infinity", "1e999", "9" * 400),
        *(str(START_OFFSET_MAX_SECONDS + 1), str(-START_OFFSET_MAX_SECONDS - 1)),
    ],
)
def test_an_invalid_start_offset_is_ignored(said: str | None, job: Job) -> None:
    check = ask(job, said)
    assert (check.status, check.start_offset) == ("done", None)


def test_the_ledger_keeps_the_start_offset_when_a_later_step_does_not_have_it(aws: Any, job: Job) -> None:
    record_check(aws.ledger, job, Check(status="done", start_offset=0.0833), polls=3)
    aws.ledger.record(job.upload, job.attempt, **job.to_values())
    aws.ledger.record(job.upload, job.attempt, options=job.options.to_dict())
    item = aws.ledger.read(job.upload, job.attempt)
    assert Job.from_item(item).start_offset == 0.0833


def test_the_state_machine_passes_on_all_fields_of_a_check_but_those_of_the_ledger() -> None:
    state = json.loads(DEFINITION.read_text())["States"]["Check Job"]
    for name in asdict(Check(status="done")).keys() - {"asked", "progress", "api_cost_usd"}:
        assert state["ResultSelector"][f"{name}.$"] == f"$.Payload.{name}"


def test_a_redelivery_has_the_start_offset_and_an_old_job_needs_none(aws: Any, job: Job) -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    for start_offset, minute in ((2.5, 1), (None, 2)):
        start_redelivery(
            aws.sfn,
            aws.state_machine_arn,
            replace(job, start_offset=start_offset),
            polls=3,
            now=now.replace(minute=minute),
        )
    started = [Job.from_input(json.loads(execution["input"])) for execution in aws.executions()]
    assert {job.start_offset for job in started} == {2.5, None}
    assert job.start_offset is None  # from an execution that began before start offsets existed


def make_results(job: Job) -> bytes:
    [model] = job.options.models
    found = [{"predictions": [BOX]}, {"predictions": []}]
    return json.dumps({"frame_offset": [0, 5], "time_offset": [0.0, 0.2], model.model_id: found}).encode()


@pytest.mark.parametrize(
    ("start_offset", "times", "cue"),
    [
        (None, [0.0, 0.2], ("00:00:00.000", "00:00:00.200")),
        (0.0, [0.0, 0.2], ("00:00:00.000", "00:00:00.200")),
        (2.0833, [2.0833, 2.2833], ("00:00:02.083", "00:00:02.283")),
        (-0.05, [-0.05, 0.15], ("00:00:00.000", "00:00:00.150")),
    ],
)
def test_captions_and_page_use_the_player_s_time_and_data_the_results_time(
    start_offset: float | None, times: list[float], cue: tuple[str, str], job: Job
) -> None:
    job = replace(job, start_offset=start_offset)
    files, summary = derive_all(job, make_results(job))

    [caption] = webvtt.from_buffer(io.StringIO(files.read("detections.vtt").decode())).captions
    assert (caption.start, caption.end) == cue
    page = read_page(files.read("report.html"))
    [model] = page["index"]["models"]
    assert page["index"]["start_offset"] == (start_offset or 0.0)
    assert page["0-0.json.gz"]["times"] == model["starts"] == times
    assert (model["pieces"][0]["first"], model["pieces"][0]["last"]) == (times[0], times[1])

    [row] = csv.DictReader(io.StringIO(gzip.decompress(files.read("detections.csv.gz")).decode("utf-8-sig")))
    assert float(row["time_offset"]) == 0.0
    assert [image["time_offset"] for image in json.loads(files.read("coco.json"))["images"]] == [0.0, 0.2]
    [entry] = [model.classes["Rock"] for model in summary.models.values()]
    assert (entry.first_seen_seconds, entry.last_seen_seconds) == (0.0, 0.0)


def test_the_notice_gives_the_player_s_time() -> None:
    job = make_noticed_job()
    assert "0:01 to 0:09\n" in make_done(job).message
    assert "0:06 to 0:14\n" in make_done(replace(job, start_offset=5.0)).message
    assert "0:00 to 0:00\n" in make_done(replace(job, start_offset=-20.0)).message


def test_the_record_of_a_job_has_the_start_offset(aws: Any, job: Job) -> None:
    job = replace(job, start_offset=2.0)
    build(aws, DONE, (200, make_results(job))).deliver(job, Polling(3))
    assert json.loads(read_object(aws, "job.json"))["start_offset"] == 2.0
    assert b"00:00:02.000 -->" in read_object(aws, "detections.vtt")
    summary = json.loads(aws.s3.get_object(Bucket=aws.results_bucket, Key=f"{FOLDER}/summary.json")["Body"].read())
    [model] = summary["models"].values()
    assert model["classes"]["Rock"]["first_seen_seconds"] == 0.0
