import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from videoinfer.job_requests import plan_retry, send_requests
from videojobs.uploads import JobRequest, Upload, read_requests

UPLOAD = Upload("uploads", "line-3/belt.mp4", 5, "e1", "version-1")


def item(status: str, attempt: int = 1) -> dict[str, Any]:
    return {**vars(UPLOAD), "upload_id": UPLOAD.upload_id, "attempt": attempt, "status": status}


@pytest.mark.parametrize("status", ["failed", "overdue", "rejected", "cancelled"])
def test_what_failed_is_tried_once_more(status: str) -> None:
    assert plan_retry(item(status, 2)).request == JobRequest(UPLOAD, 3)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("done", "it has its results"),
        ("waiting", "waits in the queue"),
        ("running", "still running"),
        ("creating", "still running"),
    ],
)
def test_what_did_not_fail_is_not(status: str, words: str) -> None:
    plan = plan_retry(item(status))

    assert plan.request is None
    assert plan.refusal
    assert words in plan.refusal


def test_what_can_not_be_a_video_is_not_tried_again() -> None:
    plan = plan_retry({**item("rejected"), "key": "line-3/belt.mov"})

    assert plan.request is None
    assert ".mov" in (plan.refusal or "")


def test_requests_arrive_as_the_function_reads_them() -> None:
    requests = [JobRequest(UPLOAD, number) for number in range(1, 13)]
    with mock_aws():
        sqs = boto3.client("sqs", region_name="us-east-1")
        url = sqs.create_queue(QueueName="uploads")["QueueUrl"]

        assert list(send_requests(sqs, url, requests)) == requests

        messages: list[Any] = []
        while some := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            messages += some
    bodies = [json.loads(message["Body"]) for message in messages]
    assert [request for body in bodies for request in read_requests(body)] == requests
