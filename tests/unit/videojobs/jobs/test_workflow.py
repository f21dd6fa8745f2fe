"""The data that the state machine's steps pass on, as in the recorded events."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_type_hints

import pytest

from videoinfer.repository import ROOT
from videojobs.check_job import Check
from videojobs.jobs.ledger import Job
from videojobs.jobs.workflow import (
    find_outcome,
    find_reason,
    has_api_failed,
    read_execution_event,
    start_execution,
    start_redelivery,
)

EVENTS = ROOT / "events" / "report_failure"


def read_event(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("failed.json", "infer_fps 60 is above the video's frame rate of 30 frames per second"),
        (
            "could-not-find-out.json",
            "The job's status could not be found out: The Video Inference API answered 503.",
        ),
        ("aborted.json", "The execution that waited for the job did not finish: it has aborted"),
        ("queue.json", "The execution that waited for the job did not finish: it has aborted"),
    ],
)
def test_the_reason_is_found_in_each_recorded_failure(name: str, reason: str) -> None:
    state = read_execution_event(read_event(name))
    assert find_reason(state) == reason
    assert find_outcome(state) == "failed"


def test_a_broken_delivery_has_a_reason() -> None:
    state = {**read_event("failed.json"), "delivery": {"status": "failed", "reason": "The results are not JSON."}}
    assert find_reason(state) == "The results are not JSON."


def test_a_step_that_timed_out_has_no_json_to_read() -> None:
    state = {**read_event("failed.json"), "delivery_error": {"Error": "States.Timeout"}}
    assert find_reason(state) == "The results are ready but could not be delivered: States.Timeout"


@pytest.mark.parametrize("status", [*get_args(get_type_hints(Check)["status"]), "paused"])
def test_only_the_api_s_own_answer_means_that_the_api_failed_the_job(status: str) -> None:
    assert has_api_failed({"check": {"status": status, "reason": "…"}}) == (status == "failed")


@pytest.mark.parametrize("error", ["check_error", "delivery_error", "execution_error"])
def test_an_error_in_a_step_does_not_mean_that_the_api_failed_the_job(error: str) -> None:
    state = {"check": {"status": "running"}, error: {"Error": "States.Timeout"}}
    assert not has_api_failed(state)


def test_undeliverable_results_do_not_mean_that_the_api_failed_the_job() -> None:
    for status in ("given_up", "failed"):
        assert not has_api_failed({"check": {"status": "done"}, "delivery": {"status": status, "reason": "…"}})


def test_an_overdue_job_is_recorded_as_such() -> None:
    assert find_outcome({"check": {"status": "overdue"}}) == "overdue"


def test_an_execution_is_started_once(aws: Any, job: Job) -> None:
    first = start_execution(aws.sfn, aws.state_machine_arn, job, poll_seconds=60, gigabyte_seconds=0.25)
    assert start_execution(aws.sfn, aws.state_machine_arn, job, poll_seconds=60, gigabyte_seconds=0.5) == first
    [execution] = aws.executions()
    state = json.loads(execution["input"])
    assert Job.from_input(state) == job
    assert state["poll_seconds"] == 60
    first_check = {"status": "running", "reason": None, "wait_seconds": 60, "polls": 0, "gigabyte_seconds": 0.25}
    assert state["check"] == first_check


def test_a_redelivery_s_execution_has_its_own_valid_name(aws: Any, job: Job) -> None:
    job = replace(job, upload=replace(job.upload, key="k" * 200), attempt=999)
    now = datetime(2026, 11, 2, 12, 30, 15, tzinfo=UTC)
    first = start_redelivery(aws.sfn, aws.state_machine_arn, job, polls=3, now=now)
    second = start_redelivery(aws.sfn, aws.state_machine_arn, job, polls=3, now=now + timedelta(seconds=1))
    assert len(aws.executions()) == 2
    assert first != second
    assert max(len(arn.rpartition(":")[2]) for arn in (first, second)) <= 80
    deadlines = {json.loads(execution["input"])["deadline_at"] for execution in aws.executions()}
    assert deadlines == {"2026-11-02T12:30:15+00:00", "2026-11-02T12:30:16+00:00"}
