"""Dead letters, uploads that failed too often: lists them with the reason, and returns them to the queue.

SQS has no call that only looks: each look is a receive, which hides a message for a while and counts. The count has no
effect, because the dead-letter queue has no redrive policy of its own, and a message that is sent back is a new one.
Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING

from videoinfer.ledger_view import LedgerView
from videoinfer.pipeline_stack import PipelineStack
from videoinfer.processes import uninterrupted
from videojobs.jobs.states import ENDED_STATES
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
        requests: The jobs that it requests; empty if the message can't be read.
        why: The reason of the last failure, from the ledger.
        is_usable: Whether it can still become a job.
    """

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    requests: tuple[JobRequest, ...]
    why: str
    is_usable: bool


def read_dead_letters(stack: PipelineStack) -> list[DeadLetter]:
    """All messages in the queue, the oldest first. They stay there, hidden for two minutes or until `release`."""
    messages: dict[str, MessageTypeDef] = {}
    try:
        for message in _receive(stack):
            messages[message["MessageId"]] = message
        letters = [_read_letter(message, stack.ledger) for message in messages.values()]
    except BaseException:
        _show(stack, [message["ReceiptHandle"] for message in messages.values()])
        raise
    return sorted(letters, key=lambda letter: letter.sent_at)


def release(stack: PipelineStack, letters: Iterable[DeadLetter]) -> None:
    """Makes the messages visible to other readers again."""
    _show(stack, [letter.receipt_handle for letter in letters])


def _show(stack: PipelineStack, receipt_handles: Iterable[str]) -> None:
    with uninterrupted():
        for some in batched(receipt_handles, _BATCH, strict=False):
            stack.clients.sqs.change_message_visibility_batch(
                QueueUrl=stack.dead_letter_queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for index, handle in enumerate(some)
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
    except (ValueError, KeyError, TypeError, AttributeError):
        requests = ()
    why, is_usable = _judge(requests, table)
    return DeadLetter(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
        requests=requests,
        why=why,
        is_usable=is_usable,
    )


def _judge(requests: Sequence[JobRequest], table: LedgerView) -> tuple[str, bool]:
    """The reason of the last failure, and whether one of the requested jobs has not ended otherwise meanwhile."""
    if not requests:
        return "Neither S3 nor videoinfer sends such a message, so it can't become a job. --discard deletes it.", False
    keys = {(request.upload.upload_id, request.attempt): request for request in requests}
    items = list(table.read_all({"upload_id": upload_id, "attempt": attempt} for upload_id, attempt in keys))
    ended = [it for it in items if it["status"] in ENDED_STATES and _is_about(keys[it["upload_id"], it["attempt"]])]
    reasons = [f"{item['status']}: {item['error']}" if "error" in item else item["status"] for item in items]
    why = "; ".join(reasons) or "It failed before the ledger recorded it: the log of create_job says why."
    if len(ended) == len(keys):
        return f"{why} It can't become a job any more. --discard deletes it.", False
    return why, True


def _is_about(request: JobRequest) -> bool:
    """Whether the attempt with the request's number is the requested one. Without versioning, S3's event may mean a
    later one (see `videojobs.jobs.rewrites`).
    """
    return request.written_at is None or request.upload.version_id is not None
