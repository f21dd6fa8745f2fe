import json

import boto3
import pytest

from videoinfer.dead_letters import read_dead_letters, redrive, release
from videoinfer.jobs import JobsTable
from videojobs.jobs import Ledger
from videojobs.uploads import JobRequest, Upload

CLIP = Upload("uploads", "line-3/belt.mp4", 5, "e1", "version-1")


def compose(*requests: JobRequest) -> str:
    return json.dumps({"job_requests": [request.to_dict() for request in requests]})


def test_more_letters_than_come_at_once_are_read_looked_at_again_and_sent_back(jobs: JobsTable, ledger: Ledger) -> None:
    sqs = boto3.client("sqs", region_name="us-east-1")
    dead, uploads = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "uploads"))
    bodies = {compose(JobRequest(CLIP, number)) for number in range(1, 13)}
    for body in bodies:
        sqs.send_message(QueueUrl=dead, MessageBody=body)

    release(sqs, dead, read_dead_letters(sqs, dead, jobs))
    letters = read_dead_letters(sqs, dead, jobs)
    assert {letter.body for letter in letters} == bodies
    assert {letter.tries for letter in letters} == {2}

    sent = list(redrive(sqs, letters, dead_letter_queue_url=dead, uploads_queue_url=uploads))
    assert sent == letters
    assert read_dead_letters(sqs, dead, jobs) == []
    assert {letter.body for letter in read_dead_letters(sqs, uploads, jobs)} == bodies


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (compose(JobRequest(CLIP, 1)), "waiting: The API answered 503."),
        (compose(JobRequest(CLIP, 2)), "creating"),
        (compose(JobRequest(CLIP, 3)), "before the ledger knew of it"),
        ("[]", "nothing can come of it"),
        ("}", "nothing can come of it"),
        ('{"job_requests": [{"upload": {}}]}', "nothing can come of it"),
    ],
)
def test_a_letter_says_why(jobs: JobsTable, ledger: Ledger, body: str, words: str) -> None:
    ledger.record(CLIP, 1, status="waiting", error="The API answered 503.")
    ledger.record(CLIP, 2, status="creating")
    sqs = boto3.client("sqs", region_name="us-east-1")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=body)

    [letter] = read_dead_letters(sqs, dead, jobs)

    assert words in letter.why
