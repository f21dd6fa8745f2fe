import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tests.pipeline_stacks import make_stack
from videoinfer import dead_letters, stack_commands
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


def count_hidden(stack: PipelineStack) -> int:
    name: Any = "ApproximateNumberOfMessagesNotVisible"
    attributes = stack.clients.sqs.get_queue_attributes(QueueUrl=stack.dead_letter_queue_url, AttributeNames=[name])
    return int(attributes["Attributes"][name])


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--redrive"], ["--discard"]])
def test_no_message_stays_hidden(queues: PipelineStack, arguments: list[str]) -> None:
    run(*arguments)
    assert count_hidden(queues) == 0


@pytest.mark.parametrize("function", ["_receive", "_read_letter"])
def test_a_look_that_is_interrupted_hides_no_message(
    queues: PipelineStack, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    really = getattr(dead_letters, function)

    def interrupt(*arguments: Any) -> Any:
        if function == "_receive":
            yield from really(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(dead_letters, function, interrupt if function == "_receive" else lambda *_: next(interrupt()))
    assert CliRunner().invoke(app, ["dead-letters"]).exit_code == 130
    assert count_hidden(queues) == 0


def test_a_redrive_that_fails_in_between_hides_no_message(
    queues: PipelineStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage")

    monkeypatch.setattr(queues.clients.sqs, "send_message", fail)
    assert CliRunner().invoke(app, ["dead-letters", "--redrive"]).exit_code == 1
    assert count_hidden(queues) == 0
    assert len(read_bodies(queues)) == 2


def test_the_letter_of_a_cancelled_job_is_discarded_and_not_redriven(queues: PipelineStack, ledger: Ledger) -> None:
    """This is how an operator gives an upload up."""
    assert "To give one up: " in run()
    ledger.record(CLIP, 1, status="cancelled", error="A person cancelled it.")

    assert "It can't become a job any more. --discard deletes it." in run("--redrive")
    assert read_uploads(queues) == []
    assert "line-3/belt.mp4: deleted" in run("--discard")
    assert read_bodies(queues) == []


def test_an_event_without_a_version_may_mean_another_attempt(queues: PipelineStack, ledger: Ledger) -> None:
    """The same bytes were written again after the job of the first write."""
    ledger.record(replace(CLIP, version_id=None), 1, status="done")
    s3_object = {"key": CLIP.key, "size": 5, "etag": "e1", "sequencer": "2"}
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-01-02T03:04:05Z",
        "detail": {"bucket": {"name": CLIP.bucket}, "object": s3_object},
    }
    queues.clients.sqs.send_message(QueueUrl=queues.dead_letter_queue_url, MessageBody=json.dumps(event))

    run("--redrive")

    assert json.dumps(event) in read_uploads(queues)
