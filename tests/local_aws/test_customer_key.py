"""Both applications with a customer-managed KMS key: every store uses it, and a video is processed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.key_policy import read_documented_policy
from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy
from tests.stand_ins.video_inference_api import stand_in_api
from tests.templates import find_resources
from videoinfer.local.deployments import deploy_engine
from videoinfer.local.embedded_aws import REGION, EmbeddedAws, local_session, tool_environment
from videoinfer.main import app

ACCOUNT = "000000000000"
PIPELINE, ENGINE = "with-a-key", "engine-with-a-key"


@dataclass(frozen=True)
class Key:
    """A customer-managed key with the documented policy."""

    kms: Any
    arn: str

    def put_policy(self, policy: str) -> None:
        self.kms.put_key_policy(KeyId=self.arn, PolicyName="default", Policy=policy)


@pytest.fixture(scope="module")
def key(aws: EmbeddedAws) -> Key:
    kms = local_session().client("kms", endpoint_url=aws.endpoint_url)
    policy = read_documented_policy(region=REGION, account=ACCOUNT)
    return Key(kms, kms.create_key(Policy=policy)["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def pipeline(aws: EmbeddedAws, key: Key) -> Iterator[DeployedPipeline]:
    with stand_in_api() as api:
        api.statuses = [api.done()]
        yield deploy(aws, PIPELINE, {"ApiUrl": api.url, "ApiKey": API_KEY, "KmsKeyArn": key.arn})


def list_keys(aws: EmbeddedAws, stack: str) -> dict[str, str | None]:
    """The keys of a stack's stores by logical id, as their services report them.

    Buckets, tables and topics are left out: the embedded AWS does not keep their keys. `tests/unit/test_encryption.py`
    checks these in the templates.
    """
    clients, session = aws.clients, local_session()
    logs = session.client("logs", endpoint_url=aws.endpoint_url)
    pages = logs.get_paginator("describe_log_groups").paginate()
    groups = {group["logGroupName"]: group.get("kmsKeyId") for page in pages for group in page["logGroups"]}
    keys: dict[str, str | None] = {}
    for resource in clients.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
        name, called = resource["LogicalResourceId"], resource["PhysicalResourceId"]
        match resource["ResourceType"]:
            case "AWS::SQS::Queue":
                queue = clients.sqs.get_queue_attributes(QueueUrl=called, AttributeNames=["All"])
                keys[name] = queue["Attributes"].get("KmsMasterKeyId")
            case "AWS::SecretsManager::Secret":
                keys[name] = clients.secretsmanager.describe_secret(SecretId=called).get("KmsKeyId")
            case "AWS::Logs::LogGroup":
                keys[name] = groups[called]
    return keys


def find_stores(application: str) -> set[str]:
    """The logical ids of the stores that `list_keys` lists."""
    kinds = "AWS::SQS::Queue", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"
    return {name for kind in kinds for name in find_resources(application, kind)}


def test_every_store_of_the_pipeline_has_the_key(aws: EmbeddedAws, pipeline: DeployedPipeline, key: Key) -> None:
    assert list_keys(aws, pipeline.stack) == dict.fromkeys(find_stores("pipeline"), key.arn)


def test_every_store_of_the_engine_has_the_key(aws: EmbeddedAws, key: Key) -> None:
    deploy_engine(aws, name=ENGINE, api_key=API_KEY, parameters={"KmsKeyArn": key.arn})

    assert list_keys(aws, ENGINE) == dict.fromkeys(find_stores("engine"), key.arn)


def test_a_video_is_processed_with_the_key(pipeline: DeployedPipeline) -> None:
    upload = pipeline.upload("belt.mp4", b"video")

    job = pipeline.wait_for_job(upload)

    assert job["status"] == "done"


def test_the_doctor_names_whom_the_key_s_policy_omits(aws: EmbeddedAws, pipeline: DeployedPipeline, key: Key) -> None:
    def examine() -> list[str]:
        environment = {**tool_environment(aws, {}), "VIDEOINFER_STACK": pipeline.stack}
        result = CliRunner().invoke(app, ["doctor", "--json"], env=environment)
        return [finding["what"] for finding in json.loads(result.stdout)]

    policy = read_documented_policy(region=REGION, account=ACCOUNT)
    try:
        assert f"Stored data is encrypted with {key.arn}." in examine()
        # The role of the decoding functions may use the key only through S3. The embedded AWS simulates policies
        # without the ContextEntries for that: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html
        denied = {finding for finding in examine() if " may not " in finding}
        assert denied == {
            f"{function} may not {action} on {key.arn}."
            for function in ("AnnotateVideoFunction", "MakeDatasetFunction")
            for action in ("kms:Decrypt", "kms:GenerateDataKey")
        }
        key.put_policy(policy.replace("s3.amazonaws.com", "ec2.amazonaws.com"))
        assert (
            f"The policy of the key {key.arn} does not allow s3.amazonaws.com: S3 can't send events for uploads."
            in examine()
        )
        key.put_policy(policy)
        key.kms.disable_key(KeyId=key.arn)
        assert f"The key {key.arn} is Disabled: stored data can't be read." in examine()
    finally:
        key.put_policy(policy)
        key.kms.enable_key(KeyId=key.arn)
