"""The cost of the inference, from the API's answer to the summary, the notice, the ledger and the event."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.stand_ins.wire import Wire
from tests.unit.videojobs.deliveries import DONE, RESULTS, build, read_object
from videojobs.api.client import COST_MAX_USD, VideoInferenceApi
from videojobs.check_job import Check, check_job, record_check
from videojobs.delivery_progress import Polling
from videojobs.jobs.ends import compose_detail
from videojobs.jobs.ledger import Job
from videojobs.report_failure import FailureReport


def ask(job: Job, answer: str) -> Check:
    api = VideoInferenceApi("https://api.example.com", "key", Wire((200, answer.encode())).session)
    return check_job(api, job, datetime(2026, 11, 4, tzinfo=UTC), 60)


def ask_done(job: Job, cost_usd: str | None) -> Check:
    told = "" if cost_usd is None else f', "cost_usd": {cost_usd}'
    return ask(job, f'{{"status": 0, "output_signed_url": "https://x"{told}}}')


@pytest.mark.parametrize(
    ("said", "usd"), [("0.03", 0.03), ("0", 0.0), ("12", 12.0), ("0.0123456789", 0.012346), ("1e-320", 0.0)]
)
def test_a_cost_is_read_from_the_api(said: str, usd: float, job: Job) -> None:
    assert ask_done(job, said).api_cost_usd == usd


@pytest.mark.parametrize(
    "said",
    [
        *(None, "null", "true", '"2"', "[2]", "{}", "NaN", "Infinity", "-Infinity", "1e999", "9" * 400),
        *("-0.01", str(COST_MAX_USD + 1)),
    ],
)
def test_an_invalid_cost_is_ignored(said: str | None, job: Job) -> None:
    check = ask_done(job, said)
    assert (check.status, check.api_cost_usd) == ("done", None)


def test_a_failed_job_has_its_cost_too(job: Job) -> None:
    check = ask(job, '{"status": 2, "error": "It failed", "cost_usd": 0.25}')
    assert (check.status, check.api_cost_usd) == ("failed", 0.25)


def test_the_ledger_keeps_the_cost_when_a_later_step_does_not_have_it(aws: Any, job: Job) -> None:
    record_check(aws.ledger, job, Check(status="done", api_cost_usd=0.03), polls=3)
    aws.ledger.record(job.upload, job.attempt, options=job.options.to_dict(), **job.to_values())
    assert Job.from_item(aws.ledger.read(job.upload, job.attempt)).api_cost_usd == 0.03


@pytest.mark.parametrize("api_cost_usd", [None, 0.0, 0.031415])
def test_the_cost_of_the_inference_is_in_every_record_of_a_delivery(
    api_cost_usd: float | None, aws: Any, job: Job
) -> None:
    job = replace(job, api_cost_usd=api_cost_usd)
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3))
    cost = json.loads(read_object(aws, "summary.json"))["cost"]
    assert cost["usd"].get("video_inference_api") == api_cost_usd
    assert cost["total_usd"] == pytest.approx(sum(cost["usd"].values()), abs=1e-6)
    item = aws.ledger.read(job.upload, job.attempt)
    assert float(item["cost_usd"]) == cost["total_usd"] >= (api_cost_usd or 0.0)
    detail = compose_detail(job.upload, job.attempt, item)
    assert (float(detail["cost_usd"]), detail["api_cost_usd"]) == (cost["total_usd"], item.get("api_cost_usd"))
    [notice] = aws.notices()
    told = "" if api_cost_usd is None else f"${api_cost_usd:.4f} of it for the inference, "
    assert f"${cost['total_usd']:.4f} on AWS, {told}at us-east-1's prices" in notice["Message"]


def test_a_failed_job_s_notice_ledger_and_event_have_its_cost(aws: Any, job: Job) -> None:
    FailureReport(aws.ledger, aws.sender).report(
        replace(job, api_cost_usd=0.25), "failed", "It failed", api_failed=True
    )
    item = aws.ledger.read(job.upload, job.attempt)
    assert float(compose_detail(job.upload, job.attempt, item)["api_cost_usd"]) == 0.25
    [notice] = aws.notices()
    assert "$0.2500 for the inference" in notice["Message"]


@pytest.mark.parametrize("redelivery", [None, "abc"])
def test_a_delivery_takes_the_cost_from_the_ledger(redelivery: str | None, aws: Any, job: Job) -> None:
    """Executions don't pass it on: those of the release before don't have it."""
    record_check(aws.ledger, job, Check(status="done", api_cost_usd=0.03), polls=3)
    build(aws, DONE, (200, RESULTS)).deliver(job, Polling(3), redelivery=redelivery)
    assert json.loads(read_object(aws, "summary.json"))["cost"]["usd"]["video_inference_api"] == 0.03
    [notice] = aws.notices()
    assert "$0.0300 of it for the inference" in notice["Message"]


def test_a_failed_job_takes_the_cost_from_the_ledger(aws: Any, job: Job) -> None:
    record_check(aws.ledger, job, Check(status="failed", api_cost_usd=0.25), polls=3)
    FailureReport(aws.ledger, aws.sender).report(job, "failed", "It failed", api_failed=True)
    [notice] = aws.notices()
    assert "$0.2500 for the inference" in notice["Message"]
