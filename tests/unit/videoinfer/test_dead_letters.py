import json
from types import SimpleNamespace

import boto3
import pytest
from typer.testing import CliRunner

from videoinfer import stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.dead_letters import read_dead_letters, redrive, release
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.uploads import JobRequest, Upload

CLIP = Upload(bucket="uploads", key="line-3/belt.mp4", size_bytes=5, etag="e1", version_id="version-1")


def compose(*requests: JobRequest) -> str:
    return json.dumps({"job_requests": [request.to_dict() for request in requests]})


def test_more_letters_than_come_at_once_are_read_looked_at_again_and_sent_back(
    jobs: LedgerView, ledger: Ledger
) -> None:
    sqs = boto3.client("sqs", region_name="us-east-1")
    dead, uploads = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "uploads"))
    bodies = {compose(JobRequest(CLIP, number)) for number in range(1, 13)}
    for body in bodies:
        sqs.send_message(QueueUrl=dead, MessageBody=body)

    release(sqs, dead, read_dead_letters(sqs, dead, jobs))
    letters = read_dead_letters(sqs, dead, jobs)
    assert {letter.body for letter in letters} == bodies

    sent = list(redrive(sqs, letters, dead_letter_queue_url=dead, uploads_queue_url=uploads))
    assert sent == letters
    assert read_dead_letters(sqs, dead, jobs) == []
    assert {letter.body for letter in read_dead_letters(sqs, uploads, jobs)} == bodies


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (compose(JobRequest(CLIP, 1)), "waiting: The API answered 503."),
        (compose(JobRequest(CLIP, 2)), "creating"),
        (compose(JobRequest(CLIP, 3)), "before the ledger recorded it"),
        ("[]", "it can't become a job"),
        ("}", "it can't become a job"),
        ('{"job_requests": [{"upload": {}}]}', "it can't become a job"),
    ],
)
def test_a_letter_says_why(jobs: LedgerView, ledger: Ledger, body: str, words: str) -> None:
    ledger.record(CLIP, 1, status="waiting", error="The API answered 503.")
    ledger.record(CLIP, 2, status="creating")
    sqs = boto3.client("sqs", region_name="us-east-1")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody=body)

    [letter] = read_dead_letters(sqs, dead, jobs)

    assert words in letter.why


@pytest.fixture
def queues(jobs: LedgerView, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stack with one letter that can be used and one that can't."""
    clients = AwsClients(boto3.Session(region_name="us-east-1"))
    dead, uploads = (clients.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "uploads"))
    for body in (compose(JobRequest(CLIP, 1)), "sent by hand"):
        clients.sqs.send_message(QueueUrl=dead, MessageBody=body)
    stack = SimpleNamespace(
        clients=clients, jobs_table=jobs.name, dead_letter_queue_url=dead, uploads_queue_url=uploads
    )
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: stack)
    return SimpleNamespace(
        read_dead=lambda: [letter.body for letter in read_dead_letters(clients.sqs, dead, jobs)],
        read_uploads=lambda: [letter.body for letter in read_dead_letters(clients.sqs, uploads, jobs)],
    )


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["dead-letters", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_look_changes_nothing_that_is_shown(queues: SimpleNamespace) -> None:
    first = run()
    assert "line-3/belt.mp4" in first
    assert "--discard deletes it" in first
    assert run() == first


def test_what_can_not_be_used_is_left_by_a_redrive_and_can_be_discarded(queues: SimpleNamespace) -> None:
    assert "left in the dead-letter queue" in run("--redrive")
    assert queues.read_uploads() == [compose(JobRequest(CLIP, 1))]

    assert ": deleted" in run("--discard")
    assert queues.read_dead() == []


def test_discarding_leaves_what_can_be_used(queues: SimpleNamespace) -> None:
    assert "line-3/belt.mp4: left in the dead-letter queue." in run("--discard")
    assert queues.read_dead() == [compose(JobRequest(CLIP, 1))]
    assert queues.read_uploads() == []
