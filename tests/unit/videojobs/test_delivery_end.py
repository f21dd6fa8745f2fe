"""A delivery's end: its records, its costs and its notice."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.videojobs.deliveries import (
    BOX,
    DELIVERED,
    DONE,
    FOLDER,
    RESULTS,
    build,
    make_results,
    read_object,
    read_strictly,
)
from tests.unit.videojobs.outputs.derived import make_job
from videojobs import __version__
from videojobs.delivery_progress import Polling
from videojobs.jobs.ends import compose_detail
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.notices.notices import MESSAGE_MAX_BYTES
from videojobs.results.bucket import ResultsBucket


def test_results_arrive_byte_for_byte_beside_their_record(aws: Any, job: Job) -> None:
    assert build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5)) == {"status": "delivered", "reason": None}
    assert read_object(aws, "results.json") == RESULTS
    record = json.loads(read_object(aws, "job.json"))
    assert record["videoinfer_version"] == __version__
    assert record["job_id"] == job.job_id
    assert record["upload"] == job.upload.uri
    assert record["models"] == job.options.to_dict()["models"]
    assert record["polls"] == 3
    assert record["frames"] == len(json.loads(RESULTS)["frame_offset"])
    assert record["results_location"] == f"s3://{aws.results_bucket}/{FOLDER}/results.json"
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["results_location"]) == ("done", record["results_location"])
    [notice] = aws.notices()
    assert notice["Subject"] == "line 3+u%41 (1).MP4: Rock, Paper"
    assert "s1gn3d" not in json.dumps([record, item, notice], default=str)
    assert "https://share.example.com/s/" in notice["Message"]
    assert "/s/" not in json.dumps([record, item], default=str)


def test_a_second_delivery_publishes_no_second_notice(aws: Any, job: Job) -> None:
    for _ in range(2):
        build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    assert len(aws.notices()) == 1


def test_the_ledger_has_the_locations_of_the_outputs(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    record = json.loads(read_object(aws, "job.json"))
    assert aws.ledger.read(job.upload, job.attempt)["outputs"] == record["outputs"]
    assert "report.html" in record["outputs"]


def test_a_redelivery_keeps_the_annotated_video(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    location = f"s3://{aws.results_bucket}/{FOLDER}/annotated.mp4"
    aws.ledger.record(job.upload, job.attempt, annotated_location=location)
    build(aws).deliver(job, Polling(3), redelivery="again")
    assert json.loads(read_object(aws, "job.json"))["outputs"]["annotated.mp4"] == location


def test_a_redelivery_keeps_the_cost_of_the_annotated_video(aws: Any, job: Job) -> None:
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3, 0.5))
    bucket = ResultsBucket(aws.s3, aws.results_bucket)
    summary = bucket.read_json(f"{FOLDER}/summary.json") | {"annotation_cost": {"total_usd": 0.25}}
    bucket.save_json(f"{FOLDER}/summary.json", summary)
    build(aws).deliver(job, Polling(3), redelivery="again")
    assert bucket.read_json(f"{FOLDER}/summary.json") == summary
    item = aws.ledger.read(job.upload, job.attempt)
    assert float(item["cost_usd"]) == pytest.approx(0.25 + summary["cost"]["total_usd"])


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "letters"), [(4_400, 12), (200, 1500), (22_000, 30), (3, 200_000), (2_000, 300)])
def test_a_notice_lists_as_many_classes_as_fit(aws: Any, job: Job, classes: int, letters: int) -> None:
    model_id = job.options.models[0].model_id
    job = replace(job, options=make_job(Model(model_id, "1", "object-detection")).options)
    names = [f"class {number:05d} ".ljust(letters, "ü\x1bx"[number % 3]) for number in range(classes)]
    elements = [{"predictions": [{**BOX, "class": name}]} for name in names]
    elements.append({"predictions": [{**BOX, "class": "the most frequent"}] * 5})
    assert build(aws, DONE, (200, make_results(job, elements))).deliver(job, Polling(1)) == DELIVERED
    [notice] = aws.notices()
    assert len(notice["Message"].encode()) <= MESSAGE_MAX_BYTES
    assert "the most frequent" in notice["Message"]
    others = classes - sum(line.startswith("class ") and " in 1 of " in line for line in notice["Message"].splitlines())
    assert (f"of {others:,} other classes" in notice["Message"]) == (others > 0)
    item = aws.ledger.read(job.upload, job.attempt)
    told = item["counts"][model_id]
    assert told["the most frequent"] == 5
    assert len(told) + item.get("omitted_classes", 0) == classes + 1
    detail = json.dumps(compose_detail(job.upload, job.attempt, item), default=float)
    assert len(detail) < 200_000
    assert len(read_strictly(read_object(aws, "job.json"))["counts"][model_id]) == classes + 1
