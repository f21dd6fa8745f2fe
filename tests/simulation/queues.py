"""SQS queues that call a function, in simulated time.

By AWS's documentation:

- a message is invisible while it is processed, and returns until it is a dead letter:
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html;
- standard queues deliver at least once and in any order:
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html;
- how Lambda reports the messages of a batch that failed:
  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.timeline import Timeline


@dataclass
class Message:
    """A message. `handle` is its number, which its receipt handles begin with."""

    handle: int
    body: str
    sent_at: float
    receives: int = 0
    visible_at: float = 0.0
    is_deleted: bool = False


@dataclass
class FunctionQueue:
    """A queue whose messages call a function, one at a time.

    Attributes:
        call: Calls the function with an event, and then the second argument with whether it accepted it.
        workers_max: How many calls run at once.
        write_down: Called with each message's body.
        dead: The dead letters.
    """

    name: str
    timeline: Timeline
    call: Callable[[Any, Callable[[bool], None]], None]
    visibility_seconds: float
    receives_max: int
    workers_max: int
    write_down: Callable[[str], None]
    messages: dict[int, Message] = field(default_factory=dict)
    dead: list[Message] = field(default_factory=list)
    running: int = 0
    sent: int = 0

    def send(self, body: str, after: float = 0.0) -> None:
        """Sends a message that becomes visible after some seconds."""
        self.write_down(body)
        self.sent += 1
        message = Message(self.sent, body, self.timeline.now, visible_at=self.timeline.now + after)
        self.messages[message.handle] = message
        self.timeline.at(message.visible_at, self.poll)

    def postpone(self, receipt_handle: str, seconds: float) -> None:
        """Changes the visibility of a message that was received."""
        message = self.messages.get(int(receipt_handle.split("-")[0]))
        if message and not message.is_deleted:
            message.visible_at = self.timeline.now + seconds
            self.timeline.at(message.visible_at, self.poll)

    def poll(self) -> None:
        """Receives the visible messages while there are workers."""
        for message in list(self.messages.values()):
            if self.running >= self.workers_max:
                return
            if message.visible_at > self.timeline.now:
                continue
            if message.receives >= self.receives_max:
                self.dead.append(self.messages.pop(message.handle))
                continue
            self._receive(message)

    def _receive(self, message: Message) -> None:
        message.receives += 1
        message.visible_at = self.timeline.now + self.visibility_seconds
        self.timeline.at(message.visible_at, self.poll)
        self.running += 1
        record = {
            "messageId": str(message.handle),
            "receiptHandle": f"{message.handle}-{message.receives}",
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": str(int(1000 * message.sent_at)),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "awsRegion": "us-east-1",
        }

        def end(is_accepted: bool) -> None:
            self.running -= 1
            if is_accepted:
                self.messages.pop(message.handle, None)
                message.is_deleted = True
            self.timeline.after(0, self.poll)

        self.call({"Records": [record]}, end)

    def redrive(self) -> int:
        """Sends the dead letters again, as `videoinfer dead-letters --redrive` does. Returns their number."""
        letters, self.dead = self.dead, []
        for letter in letters:
            self.send(letter.body)
        return len(letters)


def make_s3_event(bucket: str, key: str, size: int, etag: str, version_id: str | None, sequencer: str, at: str) -> str:
    """Returns S3's event about an object that was written.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    version = {"versionId": version_id} if version_id else {}
    about = {"key": key, "size": size, "eTag": etag, "sequencer": sequencer, **version}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": at,
        "s3": {"bucket": {"name": bucket}, "object": about},
    }
    return json.dumps({"Records": [record]})
