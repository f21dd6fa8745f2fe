"""One attempt at one version of an upload creates one job, however often it is requested."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

from tests.lambda_runtime import invoke
from videojobs.jobs.idempotency import AttemptTaken, create_once
from videojobs.jobs.states import JobState
from videojobs.jobs.uploads import JobRequest, Upload

REQUEST = JobRequest(Upload(bucket="uploads", key="a.mp4", size_bytes=5, etag="e1", version_id="v1"), 1)
OTHERS = [
    replace(REQUEST, attempt=2),
    *(
        replace(REQUEST, upload=replace(REQUEST.upload, **change))
        for change in (
            {"bucket": "other"},
            {"key": "b.mp4"},
            {"version_id": "v2"},
            {"version_id": None},
            {"etag": "e2"},
        )
    ),
]


def ask(create_job: Callable[[JobRequest], dict[str, str]], request: JobRequest) -> dict[str, str]:
    """The answer of a function in its own invocation."""

    def handler(_: Any, context: Any) -> dict[str, str]:
        return create_once(create_job, "idempotency", context)(request)

    answer: dict[str, str] = invoke(handler, {})
    return answer


class Creator:
    """Creates jobs, and records the requests."""

    def __init__(self) -> None:
        self.asked: list[JobRequest] = []

    def __call__(self, request: JobRequest) -> dict[str, str]:
        self.asked.append(request)
        return {"status": "running", "job_id": f"j{len(self.asked)}"}


def test_a_repeated_request_gets_the_first_answer(aws: Any) -> None:
    creator = Creator()
    assert [ask(creator, REQUEST)["job_id"] for _ in range(3)] == ["j1"] * 3
    assert creator.asked == [REQUEST]


@pytest.mark.slow
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_another_attempt_version_or_object_is_another_job(aws: Any, other: JobRequest) -> None:
    creator = Creator()
    assert [ask(creator, request)["job_id"] for request in (REQUEST, other)] == ["j1", "j2"]


def test_a_different_size_alone_creates_no_other_job(aws: Any) -> None:
    creator = Creator()
    for size_bytes in (5, 6):
        ask(creator, replace(REQUEST, upload=replace(REQUEST.upload, size_bytes=size_bytes)))
    assert len(creator.asked) == 1


def test_a_failed_request_is_retried(aws: Any) -> None:
    def fail(_: JobRequest) -> dict[str, str]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(fail, REQUEST)
    assert ask(Creator(), REQUEST)["job_id"] == "j1"


def test_an_answer_about_which_nothing_is_recorded_is_not_remembered(aws: Any) -> None:
    assert ask(lambda _: {"status": "ignored"}, REQUEST) == {"status": "ignored"}
    assert ask(Creator(), REQUEST)["job_id"] == "j1"


@pytest.mark.slow
@pytest.mark.parametrize("status", get_args(JobState))
def test_an_answer_that_is_a_state_in_the_ledger_is_remembered(aws: Any, status: str) -> None:
    assert [ask(lambda _: {"status": status}, REQUEST), ask(Creator(), REQUEST)] == [{"status": status}] * 2


def test_an_answer_about_another_write_of_the_same_bytes_is_not_taken(aws: Any) -> None:
    """Both events chose the attempt before it was recorded."""
    upload = replace(REQUEST.upload, version_id=None, sequencer="0A")
    request = JobRequest(upload, 1, datetime(2026, 11, 29, tzinfo=UTC))
    answer = {"status": "running", "sequencer": "0A"}
    assert ask(lambda _: answer, request) == answer
    with pytest.raises(AttemptTaken):
        ask(Creator(), replace(request, upload=replace(upload, sequencer="0B")))
    assert ask(Creator(), request) == answer


def test_a_request_during_the_first_one_raises(aws: Any) -> None:
    creator = Creator()

    def create_and_be_asked_again(request: JobRequest) -> dict[str, str]:
        with pytest.raises(IdempotencyAlreadyInProgressError):
            ask(creator, request)
        return {"status": "running", "job_id": "first"}

    assert ask(create_and_be_asked_again, REQUEST)["job_id"] == "first"
    assert creator.asked == []
