"""Queues that hear what the stack tells others: a subscription to its notices, and a rule on the event bus."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from videoinfer.notices_queue import MESSAGES_MAX
from videojobs.jobs.ends import DETAIL_TYPE, SOURCE

if TYPE_CHECKING:
    from videoinfer.aws_clients import AwsClients
    from videoinfer.verification.traces import Traces

PROBE_SOURCE = "videoinfer.verify"
"""The source of events that only tell whether the rule is heeded yet."""

_PROBE_INTERVAL_SECONDS = 1.0

type Message = Mapping[str, Any]
"""The body of a message, parsed: SNS's envelope around a notice, or an event."""


class Mailbox:
    """A queue, and all that has come to it so far."""

    def __init__(self, clients: AwsClients, url: str) -> None:
        self._sqs = clients.sqs
        self._url = url
        self._received: list[Message] = []

    def wait_for(self, is_wanted: Callable[[Message], bool], seconds: float) -> list[Message]:
        """The messages that are wanted, waiting up to `seconds` for the first of them."""
        deadline = time.monotonic() + seconds
        while not (wanted := [message for message in self._received if is_wanted(message)]):
            if time.monotonic() > deadline:
                return []
            self._receive()
        return wanted

    def _receive(self) -> None:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=MESSAGES_MAX, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            self._received.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


@dataclass(frozen=True)
class Mailboxes:
    """One for notices, as SNS wraps them, and one for events."""

    notices: Mailbox
    events: Mailbox

    def wait_until_heeded(self, traces: Traces, seconds: float) -> bool:
        """Sends probes until one comes to the events' box, and returns whether one has.

        EventBridge heeds a new rule after "a short period of time" (its API reference, PutRule): an event that came
        before that would be taken for one that was never sent.
        """
        deadline = time.monotonic() + seconds
        probe = {
            "Source": PROBE_SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": json.dumps({"upload": {"key": traces.prefix}}),
        }
        while time.monotonic() < deadline:
            traces.stack.clients.events.put_events(Entries=[probe])  # type: ignore[list-item]
            if self.events.wait_for(lambda event: event["source"] == PROBE_SOURCE, _PROBE_INTERVAL_SECONDS):
                return True
        return False


def open_mailboxes(traces: Traces) -> Mailboxes:
    """Subscribes a queue to the stack's notices, and has the events about uploads under the prefix sent to another."""
    clients, topic_arn = traces.stack.clients, traces.stack.notices_topic_arn
    notices, events = traces.queue_names
    notices_url = _create_queue(traces, notices, "sns.amazonaws.com", topic_arn)
    clients.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=traces.compose_arn("sqs", notices))
    events_url = _create_queue(
        traces, events, "events.amazonaws.com", traces.compose_arn("events", f"rule/{traces.name}")
    )
    clients.events.put_rule(Name=traces.name, EventPattern=json.dumps(compose_pattern(traces.prefix)))
    target = {"Id": traces.name, "Arn": traces.compose_arn("sqs", events)}
    clients.events.put_targets(Rule=traces.name, Targets=[target])  # type: ignore[list-item]
    return Mailboxes(Mailbox(clients, notices_url), Mailbox(clients, events_url))


def compose_pattern(prefix: str) -> dict[str, Any]:
    """The rule's pattern: ends of jobs of uploads under `prefix`, and probes."""
    return {
        "source": [SOURCE, PROBE_SOURCE],
        "detail-type": [DETAIL_TYPE],
        "detail": {"upload": {"key": [{"prefix": prefix}]}},
    }


def _create_queue(traces: Traces, name: str, service: str, source_arn: str) -> str:
    """A queue that takes what `service` sends for `source_arn`, and nothing else; its URL.

    It is encrypted by SQS's own key. SNS delivers to it from a topic under any key, AWS's own (`alias/aws/sns`) too,
    since it decrypts a message before it sends it; a queue under a KMS key would have to let SNS use that key.
    Source: Amazon SNS Developer Guide, "Encryption at rest"; Amazon SQS Developer Guide, "Key management".
    """
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": traces.compose_arn("sqs", name),
            "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
        },
    }
    attributes = {"Policy": json.dumps(policy), "SqsManagedSseEnabled": "true"}
    return traces.stack.clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
