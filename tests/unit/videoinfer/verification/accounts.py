"""An AWS account with a stack, and with unrelated resources."""

import json
from typing import Any

import boto3

from tests.pipeline_stacks import make_stack
from videoinfer.aws_clients import AwsClients
from videoinfer.ledger_view import LedgerView
from videoinfer.verification.traces import Traces
from videojobs.jobs.ledger import Ledger, name_execution
from videojobs.jobs.uploads import Upload

TIMES = {"created_at": "2026-11-02T08:15:33+00:00", "deadline_at": "2026-11-03T08:15:33+00:00"}


class Account:
    """An account with a stack, and with unrelated resources."""

    def __init__(self, jobs: LedgerView, ledger: Ledger) -> None:
        self.jobs, self.ledger = jobs, ledger
        self.clients = clients = AwsClients(boto3.Session(region_name="us-east-1"))
        for bucket in ("uploads", "results"):
            clients.s3.create_bucket(Bucket=bucket)
            clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            clients.s3.put_object(Bucket=bucket, Key="line-3/belt.mp4", Body=b"video")
        topic = clients.sns.create_topic(Name="notices")["TopicArn"]
        end: dict[str, Any] = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
        self.machine = clients.stepfunctions.create_state_machine(
            name="video-job", definition=json.dumps(end), roleArn="arn:aws:iam::123456789012:role/role"
        )["stateMachineArn"]
        clients.events.put_rule(Name="another", EventPattern=json.dumps({"source": ["videoinfer"]}))
        clients.sqs.create_queue(QueueName="another")
        clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:another")
        stack = make_stack(clients, notices_topic_arn=topic, state_machine_arn=self.machine)
        self.traces = Traces.begin(stack)

    def add_job(self, name: str, **values: Any) -> Upload:
        """Adds an upload with a job that has ended, or that has the given values."""
        upload = self.traces.send(name, b"video", {})
        self.record(upload, **values)
        return upload

    def record(self, upload: Upload, **values: Any) -> None:
        job_id = f"job-of-{upload.key.rpartition('/')[2]}"
        values = {"status": "done", "job_id": job_id, "event_id": "e1", **TIMES, **values}
        self.ledger.record(upload, 1, **{key: value for key, value in values.items() if value})

    def start(self, upload: Upload) -> str:
        """Starts the execution that waits for the upload's job; moto's never end."""
        name = name_execution(upload, 1)
        return self.clients.stepfunctions.start_execution(stateMachineArn=self.machine, name=name)["executionArn"]

    def put_result(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.clients.s3.put_object(Bucket="results", Key=key, Body=b"{}")

    def list_everything(self) -> dict[str, Any]:
        clients = self.clients
        topic = self.traces.stack.notices_topic_arn
        versions = [clients.s3.list_object_versions(Bucket=bucket) for bucket in ("uploads", "results")]
        return {
            "keys": sorted(it["Key"] for page in versions for it in page.get("Versions", [])),
            "markers": [it["Key"] for page in versions for it in page.get("DeleteMarkers", [])],
            "queues": clients.sqs.list_queues()["QueueUrls"],
            "rules": [rule["Name"] for rule in clients.events.list_rules()["Rules"]],
            "subscriptions": len(clients.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]),
            "items": clients.dynamodb.scan(TableName="jobs")["Items"],
        }
