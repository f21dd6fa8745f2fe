"""Receives notices through an SQS queue that subscribes to the topic, because the embedded AWS sends no mail."""

import json
import time
from dataclasses import dataclass
from math import ceil
from typing import Self

from videoinfer.aws_clients import AwsClients

MESSAGES_MAX = 10
"""Maximum messages in one SQS answer."""


@dataclass(frozen=True)
class ReceivedNotice:
    """What a subscriber gets.

    Attributes:
        outcome: The message attribute that subscriptions filter by. A digest has none on the embedded AWS.
    """

    subject: str
    text: str
    outcome: str

    @classmethod
    def read(cls, body: str) -> Self:
        """Reads SNS's envelope, as a queue gets it."""
        envelope = json.loads(body)
        outcome = envelope.get("MessageAttributes", {}).get("outcome", {}).get("Value", "")
        return cls(envelope["Subject"], envelope["Message"], outcome)


def subscribe_queue(clients: AwsClients, topic_arn: str) -> str:
    """Creates a queue that gets every notice from now on, and returns its URL."""
    queue_url = clients.sqs.create_queue(QueueName=f"{topic_arn.rpartition(':')[2]}-notices")["QueueUrl"]
    attributes = clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    queue_arn = attributes["Attributes"]["QueueArn"]
    policy = compose_queue_policy(queue_arn, "sns.amazonaws.com", topic_arn)
    clients.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    clients.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    return queue_url


def compose_queue_policy(queue_arn: str, service: str, source_arn: str) -> str:
    """A queue policy that allows `service` to send messages on behalf of `source_arn`, for example of a topic."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def receive_notices(clients: AwsClients, queue_url: str, *, timeout_seconds: float) -> list[ReceivedNotice]:
    """Takes the delivered notices from the queue. Waits up to `timeout_seconds` for a first one."""
    deadline, wait_seconds = time.monotonic() + timeout_seconds, min(1, ceil(timeout_seconds))
    while True:
        answer = clients.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=MESSAGES_MAX, WaitTimeSeconds=wait_seconds
        )
        messages = answer.get("Messages", [])
        for message in messages:
            clients.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        if messages or time.monotonic() >= deadline:
            return [ReceivedNotice.read(message["Body"]) for message in messages]
