import json
from dataclasses import replace

import boto3
import pytest
from typer.testing import CliRunner

from tests.pipeline_stacks import make_stack
from videoinfer import stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.dead_letters import read_dead_letters, redrive, release
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videoinfer.pipeline_stack import PipelineStack
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.uploads import JobRequest, Upload

CLIP = Upload(bucket="uploads", key="line-3/belt.mp4", size_bytes=5, etag="e1", version_id="version-1")


def compose(*requests: JobRequest) -> str:
    return json.dumps({"job_requests": [request.to_dict() for request in requests]})


def make_queues() -> PipelineStack:
    clients = AwsClients(boto3.Session(region_name="us-east-1"))
    dead, uploads = (clients.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "uploads"))
    return make_stack(clients, dead_letter_queue_url=dead, uploads_queue_url=uploads)


def read_bodies(stack: PipelineStack) -> list[str]:
    return [letter.body for letter in read_dead_letters(stack)]


def read_uploads(stack: PipelineStack) -> list[str]:
    return read_bodies(replace(stack, dead_letter_queue_url=stack.uploads_queue_url))


def test_more_dead_letters_than_one_receive_returns_are_read_and_redriven(jobs: LedgerView, ledger: Ledger) -> None:
    stack = make_queues()
    bodies = {compose(JobRequest(CLIP, number)) for number in range(1, 13)}
    for body in bodies:
        stack.clients.sqs.send_message(QueueUrl=stack.dead_letter_queue_url, MessageBody=body)

    release(stack, read_dead_letters(stack))
    letters = read_dead_letters(stack)
    assert {letter.body for letter in letters} == bodies

    sent = list(redrive(stack, letters))
    assert sent == letters
    assert read_dead_letters(stack) == []
    assert set(read_uploads(stack)) == bodies


@pytest.mark.slow
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
def test_a_dead_letter_has_a_reason(jobs: LedgerView, ledger: Ledger, body: str, words: str) -> None:
    ledger.record(CLIP, 1, status="waiting", error="The API answered 503.")
    ledger.record(CLIP, 2, status="creating")
    stack = make_queues()
    stack.clients.sqs.send_message(QueueUrl=stack.dead_letter_queue_url, MessageBody=body)

    [letter] = read_dead_letters(stack)

    assert words in letter.why


@pytest.fixture
def queues(jobs: LedgerView, monkeypatch: pytest.MonkeyPatch) -> PipelineStack:
    """A stack with one usable dead letter and one unusable."""
    stack = make_queues()
    for body in (compose(JobRequest(CLIP, 1)), "sent by hand"):
        stack.clients.sqs.send_message(QueueUrl=stack.dead_letter_queue_url, MessageBody=body)
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: stack)
    return stack


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["dead-letters", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_listing_dead_letters_twice_shows_the_same(queues: PipelineStack) -> None:
    first = run()
    assert "line-3/belt.mp4" in first
    assert "--discard deletes it" in first
    assert run() == first


def test_an_unusable_dead_letter_is_not_redriven_and_can_be_discarded(queues: PipelineStack) -> None:
    assert "left in the dead-letter queue" in run("--redrive")
    assert read_uploads(queues) == [compose(JobRequest(CLIP, 1))]

    assert ": deleted" in run("--discard")
    assert read_bodies(queues) == []


def test_discarding_keeps_usable_dead_letters(queues: PipelineStack) -> None:
    assert "line-3/belt.mp4: left in the dead-letter queue." in run("--discard")
    assert read_bodies(queues) == [compose(JobRequest(CLIP, 1))]
    assert read_uploads(queues) == []
