"""Digests on the embedded AWS: the real functions, the real state machine, and a mail about several jobs."""

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.local_aws.pipelines import DeployedPipeline, DeployPipeline, find_resource
from videoinfer.local.deployments import Engine, pipeline_parameters
from videoinfer.local.embedded_aws import EmbeddedAws, local_session
from videoinfer.model_packages import LocalModel
from videoinfer.notices_queue import ReceivedNotice, receive_notices

DIGEST_SECONDS = 60


def send_digest(aws: EmbeddedAws, machine_arn: str) -> Any:
    """Runs an execution as the rule does, and returns its description."""
    sfn = aws.clients.stepfunctions
    arn = sfn.start_execution(stateMachineArn=machine_arn, input="{}")["executionArn"]
    deadline = time.monotonic() + DIGEST_SECONDS
    while (execution := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "The execution does not end."
        time.sleep(0.1)
    return execution


def list_pending(aws: EmbeddedAws, table: str) -> Sequence[str]:
    items = aws.clients.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return [item["id"]["S"] for item in items if item["state"]["S"] == "pending"]


@pytest.fixture(scope="module")
def digesting(deploy_pipeline: DeployPipeline, engine: Engine, model: LocalModel) -> DeployedPipeline:
    """A pipeline with digests that only this module sends."""
    parameters = pipeline_parameters(engine, [model], infer_fps=5)
    return deploy_pipeline(**parameters, Notices="digest", DigestMinutes="1440")


def test_ends_of_several_jobs_are_one_mail(aws: EmbeddedAws, digesting: DeployedPipeline) -> None:
    machine, table = (find_resource(aws, digesting, it) for it in ("NoticesDigestStateMachine", "PendingNoticesTable"))
    uploads = [digesting.upload("notes.mp4", b"This is text."), digesting.upload("empty.mp4", b"")]
    jobs = [digesting.wait_for_job(upload) for upload in uploads]
    assert [job["status"] for job in jobs] == ["failed", "rejected"]
    assert digesting.take_notices(uploads[0]) == []
    assert sorted(list_pending(aws, table)) == sorted(job["notice_id"] for job in jobs)

    execution = send_digest(aws, machine)
    assert execution["status"] == "SUCCEEDED", execution
    [digest] = receive_notices(aws.clients, digesting.notices_queue_url, timeout_seconds=5)
    assert digest.subject == "Digest: 1 failed, 1 rejected"
    assert all(f"s3://{upload.bucket}/{upload.key}" in digest.text for upload in uploads)
    assert list_pending(aws, table) == []

    assert send_digest(aws, machine)["status"] == "SUCCEEDED"
    assert receive_notices(aws.clients, digesting.notices_queue_url, timeout_seconds=0) == list[ReceivedNotice]()


def test_a_digest_that_sns_refuses_is_sent_by_the_next_execution(aws: EmbeddedAws, digesting: DeployedPipeline) -> None:
    sfn = aws.clients.stepfunctions
    machine, table = (find_resource(aws, digesting, it) for it in ("NoticesDigestStateMachine", "PendingNoticesTable"))
    upload = digesting.upload("empty-too.mp4", b"")
    digesting.wait_for_job(upload)
    definition = sfn.describe_state_machine(stateMachineArn=machine)["definition"]
    other = json.loads(definition)
    other["States"]["Publish Digest"]["Parameters"]["TopicArn"] += "-that-is-not-there"
    sfn.update_state_machine(stateMachineArn=machine, definition=json.dumps(other))
    try:
        assert send_digest(aws, machine)["status"] == "FAILED"
    finally:
        sfn.update_state_machine(stateMachineArn=machine, definition=definition)
    assert len(list_pending(aws, table)) == 1

    assert send_digest(aws, machine)["status"] == "SUCCEEDED"
    [digest] = receive_notices(aws.clients, digesting.notices_queue_url, timeout_seconds=5)
    assert digest.subject == "Digest: 1 rejected"
    assert list_pending(aws, table) == []


def test_an_execution_that_was_stopped_after_it_had_published_tells_nothing_again(
    aws: EmbeddedAws, digesting: DeployedPipeline
) -> None:
    sfn = aws.clients.stepfunctions
    machine, table = (find_resource(aws, digesting, it) for it in ("NoticesDigestStateMachine", "PendingNoticesTable"))
    digesting.wait_for_job(digesting.upload("empty-again.mp4", b""))
    definition = sfn.describe_state_machine(stateMachineArn=machine)["definition"]
    other = json.loads(definition)
    other["States"]["Conclude Digest"] = {"Type": "Fail", "Error": "Stopped"}
    sfn.update_state_machine(stateMachineArn=machine, definition=json.dumps(other))
    try:
        assert send_digest(aws, machine)["status"] == "FAILED"
    finally:
        sfn.update_state_machine(stateMachineArn=machine, definition=definition)
    assert len(receive_notices(aws.clients, digesting.notices_queue_url, timeout_seconds=5)) == 1
    assert len(list_pending(aws, table)) == 1

    assert send_digest(aws, machine)["status"] == "SUCCEEDED"
    assert list_pending(aws, table) == []
    assert receive_notices(aws.clients, digesting.notices_queue_url, timeout_seconds=0) == list[ReceivedNotice]()


def test_a_rule_starts_digests(aws: EmbeddedAws, digesting: DeployedPipeline) -> None:
    machine = find_resource(aws, digesting, "NoticesDigestStateMachine")
    events = local_session().client("events", endpoint_url=aws.endpoint_url)
    [name] = events.list_rule_names_by_target(TargetArn=machine)["RuleNames"]
    assert events.describe_rule(Name=name)["ScheduleExpression"] == "rate(1440 minutes)"
