"""Deliveries with conditions whose notices are not collected: `Notices=each` and `problems`. Every delivery dies once.

AWS is moto. A delivery that dies between SNS's answer and its own record of it would send the notice again: SNS has no
request token (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). So deliveries die at all calls up to that
one, before it takes effect.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.client import BaseClient
from moto import mock_aws

from tests.templates import ROOT
from tests.unit.videojobs.deliveries import BOX, DONE, build, make_results
from videojobs.delivery_progress import Polling
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.notify_when import parse_notify_when
from videojobs.notices.notices import NoticesTopic
from videojobs.notices.pending_notices import PendingNotices
from videojobs.notices.sender import Mode, NoticeSender

CREDENTIALS = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
DONE_EVENT = ROOT / "events" / "deliver_results" / "done.json"
SIZE = {"width": 640, "height": 360}


class Killed(BaseException):
    """The function's process ends: no handler of exceptions may notice it."""


@dataclass
class Deliveries:
    """Deliveries of one stack.

    Attributes:
        mails: The messages that SNS accepted.
        calls: The names of the calls of the current invocation.
        last_call: The number of the call at which the invocation dies, or None.
    """

    aws: Any
    mails: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    last_call: int | None = None

    def deliver(self, number: int, *, matches: bool, last_call: int | None) -> None:
        """Delivers an upload's results. The first invocation dies before its call `last_call`."""
        job = make_job(number)
        box = {**BOX, "class": "person" if matches else "car"}
        results = make_results(job, [{"image": SIZE, "predictions": [box]}] * 2)
        self.last_call, status = last_call, "continuing"
        while status == "continuing":
            self.calls = []
            delivery = replace(build(self.aws, DONE, (200, results)), outputs=())
            try:
                status = delivery.deliver(job, Polling(3))["status"]
            except Killed:
                self.last_call = None

    def watch(self, make: Callable[[], Any], operation: str, parameters: Any) -> Any:
        self.calls.append(operation)
        if self.last_call is not None and len(self.calls) > self.last_call:
            raise Killed
        answer = make()
        if operation == "Publish":
            self.mails.append(parameters["Message"])
        return answer

    def count_told(self) -> Counter[int]:
        """How many mails are about each upload."""
        return Counter(
            int(key) for mail in self.mails for key in re.findall(r"^Video: s3://\S+/(\d+)\.mp4$", mail, re.MULTILINE)
        )


def make_job(number: int) -> Job:
    job = Job.from_input(json.loads(DONE_EVENT.read_text()))
    upload = replace(job.upload, key=f"{number:05}.mp4", etag=f"{number:032x}", version_id=str(number))
    notify_when = parse_notify_when([{"name": "a person", "class": "person"}])
    return replace(job, upload=upload, job_id=f"job-{number}", options=replace(job.options, notify_when=notify_when))


@contextmanager
def open_deliveries(mode: Mode) -> Iterator[Deliveries]:
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]
    with mock_aws():
        s3, sns = (boto3.client(name, **CREDENTIALS) for name in ("s3", "sns"))  # type: ignore[call-overload]
        s3.create_bucket(Bucket="results")
        dynamodb: Any = boto3.resource("dynamodb", **CREDENTIALS)  # type: ignore[call-overload]
        table = dynamodb.create_table(
            TableName="jobs",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "upload_id", "AttributeType": "S"},
                {"AttributeName": "attempt", "AttributeType": "N"},
            ],
            KeySchema=[
                {"AttributeName": "upload_id", "KeyType": "HASH"},
                {"AttributeName": "attempt", "KeyType": "RANGE"},
            ],
        )
        topic = NoticesTopic(sns, sns.create_topic(Name="notices")["TopicArn"])
        sender = NoticeSender(topic, PendingNotices(table), mode)
        deliveries = Deliveries(SimpleNamespace(s3=s3, results_bucket="results", ledger=Ledger(table), sender=sender))

        def make(client: Any, operation: str, parameters: Any) -> Any:
            return deliveries.watch(lambda: make_call(client, operation, parameters), operation, parameters)

        with patch.object(BaseClient, "_make_api_call", make):
            yield deliveries


def run_deliveries(mode: Mode, count: int, is_match: Callable[[int], bool]) -> Deliveries:
    """Delivers the results of `count` uploads. Each delivery dies once, at all its calls in turn.

    Raises:
        AssertionError: A mail is missing or too many.
    """
    with open_deliveries(mode) as deliveries:
        deliveries.deliver(count, matches=True, last_call=None)
        calls = deliveries.calls.index("Publish") + 1
        assert deliveries.count_told() == {count: 1}
        deliveries.mails.clear()
        for number in range(count):
            deliveries.deliver(number, matches=is_match(number), last_call=number % calls)
    told = deliveries.count_told()
    assert told == Counter(filter(is_match, range(count)))
    assert len(deliveries.mails) == told.total()
    return deliveries
