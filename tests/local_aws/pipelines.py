"""A deployed pipeline as the tests use it: upload an object, see the results."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from videoinfer.aws_clients import AwsClients
from videoinfer.local.builds import PIPELINE, Application
from videoinfer.local.deployments import deploy_pipeline
from videoinfer.local.embedded_aws import EmbeddedAws, local_session
from videoinfer.notices_queue import MESSAGES_MAX, ReceivedNotice, receive_notices, subscribe_queue
from videoinfer.pipeline_stack import PipelineStack
from videoinfer.upload_progress import UploadedVideo, find_job, read_history

API_KEY = "a-key-that-nothing-may-write-down"

FINAL_STATUSES = {"done", "failed", "overdue", "rejected"}

_TIMEOUT_SECONDS = 60.0
_LOOK_INTERVAL_SECONDS = 0.1


@dataclass
class DeployedPipeline:
    """One deployed stack, whose notices go to a queue.

    Attributes:
        stack: The stack's name.
        pipeline: The stack's outputs.
        notices_queue_url: The queue that subscribes to the stack's topic.
        received: Every notice that a test has taken from the queue.
    """

    stack: str
    clients: AwsClients
    pipeline: PipelineStack
    notices_queue_url: str
    received: list[ReceivedNotice] = field(default_factory=list)

    def upload(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> UploadedVideo:
        """Puts an object into the uploads bucket.

        Args:
            key: The object's key.
            body: Its content.
            metadata: Its user metadata.
        """
        bucket = self.pipeline.uploads_bucket
        answer = self.clients.s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=dict(metadata or {}))
        return UploadedVideo(bucket, key, answer.get("VersionId"))

    def wait_for_job(self, upload: UploadedVideo) -> dict[str, Any]:
        """Waits until the upload's job has ended, with notice and event sent; returns its item in the ledger.

        Raises:
            AssertionError: It did not end within a minute.
        """
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            job = find_job(self.clients, self.pipeline.jobs_table, upload)
            if job and job["status"] in FINAL_STATUSES and "event_id" in job:
                return job
            time.sleep(_LOOK_INTERVAL_SECONDS)
        raise AssertionError(f"{upload.key} has not come to an end in {_TIMEOUT_SECONDS:g} s: {job}")

    def take_notices(self, upload: UploadedVideo) -> list[ReceivedNotice]:
        """Takes the notices about an upload whose job has ended."""
        while new := receive_notices(self.clients, self.notices_queue_url, timeout_seconds=0):
            self.received += new
            if len(new) < MESSAGES_MAX:
                break
        line = f"Video: s3://{upload.bucket}/{upload.key}"
        return [notice for notice in self.received if line in notice.text.splitlines()]

    def compose_event(self, upload: UploadedVideo) -> str:
        """Makes S3's event about an upload, as JSON."""
        head = self.clients.s3.head_object(Bucket=upload.bucket, Key=upload.key)
        described = {"size": head["ContentLength"], "eTag": head["ETag"].strip('"'), "versionId": upload.version_id}
        record = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-11-02T08:15:30.000Z",
            "s3": {
                "bucket": {"name": upload.bucket},
                "object": {"key": quote_plus(upload.key), **described, "sequencer": "0055AED6DCD90281E5"},
            },
        }
        return json.dumps({"Records": [record]})

    def announce_again(self, upload: UploadedVideo) -> None:
        """Sends S3's event about an upload to the queue again, and waits until it has been processed."""
        queue_url = self.pipeline.uploads_queue_url
        self.clients.sqs.send_message(QueueUrl=queue_url, MessageBody=self.compose_event(upload))
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while self._count_messages():
            assert time.monotonic() < deadline, "the event is still in the queue"
            time.sleep(_LOOK_INTERVAL_SECONDS)

    def _count_messages(self) -> int:
        answer = self.clients.sqs.get_queue_attributes(
            QueueUrl=self.pipeline.uploads_queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(map(int, answer["Attributes"].values()))

    def list_results(self, upload: UploadedVideo) -> list[str]:
        """Lists the keys of the upload's results."""
        answer = self.clients.s3.list_objects_v2(Bucket=self.pipeline.results_bucket, Prefix=f"results/{upload.key}/")
        return [entry["Key"] for entry in answer.get("Contents", [])]

    def read_results(self, upload: UploadedVideo, job_id: str, name: str) -> bytes:
        """Reads one of a job's result files."""
        answer = self.clients.s3.get_object(
            Bucket=self.pipeline.results_bucket, Key=f"results/{upload.key}/{job_id}/{name}"
        )
        return answer["Body"].read()

    def list_executions(self) -> list[str]:
        """Lists the ARNs of all started executions."""
        return list_executions(self.clients, self.pipeline.state_machine_arn)

    def read_records(self) -> str:
        """Reads everything that the pipeline has recorded about its jobs: ledger, execution histories, job records,
        notices.
        """
        table = self.clients.dynamodb.scan(TableName=self.pipeline.jobs_table)["Items"]
        histories = [read_history(self.clients, arn) for arn in self.list_executions()]
        listed = self.clients.s3.list_objects_v2(Bucket=self.pipeline.results_bucket).get("Contents", [])
        keys = [entry["Key"] for entry in listed if entry["Key"].endswith("/job.json")]
        bucket = self.pipeline.results_bucket
        records = [self.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
        return json.dumps([table, histories, records, [vars(notice) for notice in self.received]], default=str)


type DeployPipeline = Callable[..., DeployedPipeline]


def deploy(
    aws: EmbeddedAws, name: str, parameters: Mapping[str, str], application: Application = PIPELINE
) -> DeployedPipeline:
    """Creates a stack named `name`, which polls often by default. All stacks share the built artifacts."""
    often = {"PollSeconds": "20", **parameters}
    pipeline = deploy_pipeline(aws, name=name, parameters=often, application=application)
    return DeployedPipeline(name, aws.clients, pipeline, subscribe_queue(aws.clients, pipeline.notices_topic_arn))


def list_executions(clients: AwsClients, state_machine_arn: str) -> list[str]:
    """Lists the ARNs of a state machine's executions."""
    pages = clients.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=state_machine_arn)
    return [execution["executionArn"] for page in pages for execution in page["executions"]]


def find_resource(aws: EmbeddedAws, pipeline: DeployedPipeline, logical_id: str) -> str:
    """Finds the physical id of a resource of the pipeline's stack."""
    found = aws.clients.cloudformation.describe_stack_resource(StackName=pipeline.stack, LogicalResourceId=logical_id)
    return found["StackResourceDetail"]["PhysicalResourceId"]


def invoke(aws: EmbeddedAws, pipeline: DeployedPipeline, logical_id: str, event: object) -> None:
    """Calls a function of the pipeline's stack by its logical id. The state machine's name begins with the stack's."""
    stack = pipeline.pipeline.state_machine_arn.split(":")[-1].split("-VideoJobStateMachine")[0]
    found = aws.clients.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    functions = local_session().client("lambda", endpoint_url=aws.endpoint_url)
    functions.invoke(
        FunctionName=found["StackResourceDetail"]["PhysicalResourceId"], Payload=json.dumps(event).encode()
    )
