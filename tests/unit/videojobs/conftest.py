"""The pipeline's AWS, by moto, and a job to work on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.hostile.addresses import NAMES
from tests.stand_ins.internet import Internet, run_internet
from tests.unit.videojobs.studio import Studio
from videoinfer.repository import ROOT
from videojobs.jobs.ledger import Job, Ledger
from videojobs.notices.notices import NoticesTopic
from videojobs.notices.pending_notices import PendingNotices
from videojobs.notices.sender import NoticeSender

EVENTS = ROOT / "events"
STATE_MACHINE = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}


@dataclass
class Aws:
    """The services that the functions use; `notices` and `executions` return what they received."""

    s3: Any
    sns: Any
    sqs: Any
    sfn: Any
    events: Any
    ledger: Ledger
    sender: NoticeSender
    uploads_bucket: str
    results_bucket: str
    state_machine_arn: str
    notices_queue_url: str
    budget_table: Any

    def upload(self, key: str, body: bytes = b"video", metadata: dict[str, str] | None = None) -> dict[str, Any]:
        """Puts an object, and returns the event that S3 would send."""
        put = self.s3.put_object(Bucket=self.uploads_bucket, Key=key, Body=body, Metadata=metadata or {})
        s3_object = {"key": key, "size": len(body), "eTag": put["ETag"].strip('"'), "versionId": put["VersionId"]}
        about = {"bucket": {"name": self.uploads_bucket}, "object": s3_object}
        event = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-02T08:15:30.000Z"}
        return {"Records": [{**event, "s3": about}]}

    def notices(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.notices_queue_url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def executions(self) -> list[dict[str, Any]]:
        listed = self.sfn.list_executions(stateMachineArn=self.state_machine_arn)["executions"]
        return [self.sfn.describe_execution(executionArn=execution["executionArn"]) for execution in listed]


@dataclass
class Clients:
    """AWS clients, created once because they hold no test's data, and creating them takes longer than most tests."""

    s3: Any
    sns: Any
    sqs: Any
    sfn: Any
    events: Any
    dynamodb: Any


@pytest.fixture(scope="session")
def clients() -> Clients:
    options: Any = {"region_name": "us-east-1", "aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    connect = partial(boto3.client, **options)
    return Clients(
        connect("s3"),
        connect("sns"),
        connect("sqs"),
        connect("stepfunctions"),
        connect("events"),
        boto3.resource("dynamodb", **options),
    )


@pytest.fixture
def aws(clients: Clients) -> Iterator[Aws]:
    with mock_aws():
        s3, sns, sqs, sfn, events = clients.s3, clients.sns, clients.sqs, clients.sfn, clients.events
        dynamodb = clients.dynamodb
        for bucket in ("uploads", "results"):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
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
        for name in ("idempotency", "budget"):
            dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            )
        pending_table = dynamodb.create_table(
            TableName="pending-notices",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "state", "AttributeType": "S"},
                {"AttributeName": "id", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "state", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
        )
        topic_arn = sns.create_topic(Name="notices")["TopicArn"]
        queue_url = sqs.create_queue(QueueName="notices")["QueueUrl"]
        queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
        state_machine_arn = sfn.create_state_machine(
            name="video-job", definition=json.dumps(STATE_MACHINE), roleArn="arn:aws:iam::123456789012:role/role"
        )["stateMachineArn"]
        sender = NoticeSender(NoticesTopic(sns, topic_arn), PendingNotices(pending_table), "each")
        yield Aws(
            s3,
            sns,
            sqs,
            sfn,
            events,
            Ledger(table),
            sender,
            "uploads",
            "results",
            state_machine_arn,
            queue_url,
            dynamodb.Table("budget"),
        )


@pytest.fixture
def job() -> Job:
    """The job in `events/deliver_results/done.json`."""
    return Job.from_input(json.loads((EVENTS / "deliver_results" / "done.json").read_text()))


@pytest.fixture
def studio(aws: Any, job: Job) -> Studio:
    return Studio(aws, job)


@pytest.fixture
def internet() -> Iterator[Internet]:
    with run_internet() as internet:
        internet.names = {name: list(answers) for name, answers in NAMES.items()}
        yield internet
