"""Queues that receive the stack's notices and events, through a subscription and a rule on the event bus."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from videoinfer.aws_clients import AwsClients
from videoinfer.notices_queue import MESSAGES_MAX, compose_queue_policy
from videoinfer.verification.traces import Traces
from videojobs.jobs.ends import DETAIL_TYPE, SOURCE

PROBE_SOURCE = "videoinfer.verify"
"""The source of events that only test whether the rule is in effect."""

_PROBE_INTERVAL_SECONDS = 1.0

type Message = Mapping[str, Any]
"""A message's parsed body: SNS's envelope around a notice, or an event."""


class Mailbox:
    """A queue, and all messages received from it so far."""

    def __init__(self, clients: AwsClients, url: str) -> None:
        self._sqs = clients.sqs
        self._url = url
        self._received: list[Message] = []

    def wait_for(self, is_wanted: Callable[[Message], bool], seconds: float) -> list[Message]:
        """All messages so far for which `is_wanted` is true. Waits up to `seconds` for a first one."""
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
    """The mailbox of notices, in SNS's envelopes, and the mailbox of events."""

    notices: Mailbox
    events: Mailbox

    def wait_until_rule_works(self, traces: Traces, seconds: float) -> bool:
        """Sends probe events until one is received, and returns whether one was.

        EventBridge applies a new rule only after "a short period of time" (Amazon EventBridge API Reference, PutRule).
        An event before that would be lost, and look as if the stack had not sent it.
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
    """Creates a queue for all notices of the stack, and a queue for the events about uploads under `traces.prefix`."""
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
    """The rule's event pattern: the ends of jobs whose upload's key begins with `prefix`, and probes."""
    return {
        "source": [SOURCE, PROBE_SOURCE],
        "detail-type": [DETAIL_TYPE],
        "detail": {"upload": {"key": [{"prefix": prefix}]}},
    }


def _create_queue(traces: Traces, name: str, service: str, source_arn: str) -> str:
    """Creates a queue to which only `service` may send, on behalf of `source_arn`, and returns its URL.

    SQS's own key encrypts the queue. SNS delivers to it from a topic with any key, also from one with AWS's own key
    (`alias/aws/sns`), because SNS decrypts a message before it sends it. A queue with a KMS key would need a key policy
    that allows SNS to use the key.
    Source: Amazon SNS Developer Guide, "Encryption at rest"; Amazon SQS Developer Guide, "Key management".
    """
    policy = compose_queue_policy(traces.compose_arn("sqs", name), service, source_arn)
    attributes = {"Policy": policy, "SqsManagedSseEnabled": "true"}
    return traces.stack.clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
