"""Dead letters, uploads that failed too often: lists them with the reason, and returns them to the queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING

from videoinfer.errors import CommandError
from videoinfer.ledger_view import LedgerView
from videoinfer.pipeline_stack import PipelineStack
from videojobs.errors import NewerSchema
from videojobs.jobs.uploads import JobRequest, read_requests

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_BATCH = 10
"""Maximum messages in one SQS call."""

_HIDDEN_SECONDS = 120
"""How long a message that was read is hidden from other readers."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """One message of the dead-letter queue.

    Attributes:
        requests: The jobs that it requests; empty if the message can't be read, and so can't become a job.
        why: The reason of the last failure, from the ledger.

    SQS's count of receives is left out, because each read of the queue increases it.
    """

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    requests: tuple[JobRequest, ...]
    why: str


def read_dead_letters(stack: PipelineStack) -> list[DeadLetter]:
    """All messages in the queue, the oldest first. They stay there, hidden for two minutes or until `release`."""
    messages = {message["MessageId"]: message for message in _receive(stack)}
    letters = [_read_letter(message, stack.ledger) for message in messages.values()]
    return sorted(letters, key=lambda letter: letter.sent_at)


def release(stack: PipelineStack, letters: Sequence[DeadLetter]) -> None:
    """Makes the messages visible to other readers again."""
    for some in batched(letters, _BATCH, strict=False):
        stack.clients.sqs.change_message_visibility_batch(
            QueueUrl=stack.dead_letter_queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": 0}
                for index, letter in enumerate(some)
            ],
        )


def redrive(stack: PipelineStack, letters: Sequence[DeadLetter]) -> Iterator[DeadLetter]:
    """Sends the messages back to the uploads queue, with all attempts ahead of them, and yields each that was sent.

    A message is deleted only after it has been sent. An interruption in between leaves it in both queues, which is
    harmless: an attempt at an upload is one job, however often it is requested.
    """
    for letter in letters:
        stack.clients.sqs.send_message(QueueUrl=stack.uploads_queue_url, MessageBody=letter.body)
        yield from discard(stack, [letter])


def discard(stack: PipelineStack, letters: Sequence[DeadLetter]) -> Iterator[DeadLetter]:
    """Deletes messages, and yields each that was deleted."""
    for letter in letters:
        stack.clients.sqs.delete_message(QueueUrl=stack.dead_letter_queue_url, ReceiptHandle=letter.receipt_handle)
        yield letter


def _receive(stack: PipelineStack) -> Iterator[MessageTypeDef]:
    seen = set[str]()
    # With a wait time (long polling), SQS queries all its servers, so an empty answer means an empty queue.
    while messages := stack.clients.sqs.receive_message(
        QueueUrl=stack.dead_letter_queue_url,
        MaxNumberOfMessages=_BATCH,
        WaitTimeSeconds=1,
        VisibilityTimeout=_HIDDEN_SECONDS,
        MessageSystemAttributeNames=["SentTimestamp"],
    ).get("Messages"):
        yield from messages
        if seen >= (ids := {message["MessageId"] for message in messages}):
            return  # the queue is so long that the first messages are visible again
        seen |= ids


def _read_letter(message: MessageTypeDef, table: LedgerView) -> DeadLetter:
    try:
        requests = tuple(read_requests(json.loads(message["Body"])))
    except NewerSchema as newer:
        raise CommandError(f"{newer} Use the videoinfer of that release.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        requests = ()
    return DeadLetter(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        requests=requests,
        why=_find_reason(requests, table),
    )


def _find_reason(requests: Sequence[JobRequest], table: LedgerView) -> str:
    if not requests:
        return "Neither S3 nor videoinfer sends such a message, so it can't become a job. --discard deletes it."
    keys = [{"upload_id": request.upload.upload_id, "attempt": request.attempt} for request in requests]
    items = list(table.read_all(keys))
    reasons = [f"{item['status']}: {item['error']}" if "error" in item else item["status"] for item in items]
    return "; ".join(reasons) or "It failed before the ledger recorded it: the log of create_job says why."
