"""CI's own cleanup: it removes what the template keeps for people after a test."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.templates import ROOT

BUCKET = "videoinfer-ci-1-uploadsbucket"
TEMPLATE = f"""
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties: {{BucketName: {BUCKET}, VersioningConfiguration: {{Status: Enabled}}}}
  Jobs:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      TableName: videoinfer-ci-1-jobs
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
  Queue: {{Type: AWS::SQS::Queue}}
"""


@pytest.fixture
def script() -> ModuleType:
    path = ROOT / ".ci" / "remove_stack.py"
    spec = importlib.util.spec_from_file_location("remove_stack", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def session() -> Iterator[Any]:
    with mock_aws():
        yield boto3.Session(region_name="us-east-1")


@pytest.mark.slow
def test_the_kept_resources_of_a_test_stack_are_removed(
    script: ModuleType, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudformation, s3 = session.client("cloudformation"), session.client("s3")
    cloudformation.create_stack(StackName="videoinfer-ci-1", TemplateBody=TEMPLATE)
    s3.create_bucket(Bucket="another")
    for body in (b"one", b"two"):
        s3.put_object(Bucket=BUCKET, Key="clip.mp4", Body=body)
    s3.delete_object(Bucket=BUCKET, Key="clip.mp4")

    def delete_stack(command: list[Any], *, check: bool) -> None:
        assert command[1:] == ["delete", "--no-prompts", "--stack-name", "videoinfer-ci-1", "--region", "us-east-1"]
        cloudformation.delete_stack(StackName="videoinfer-ci-1")

    monkeypatch.setattr(subprocess, "run", delete_stack)
    monkeypatch.setattr(sys, "argv", ["remove_stack.py", "videoinfer-ci-1"])
    for _ in range(2):  # the second run finds nothing to remove
        script.main()

    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["another"]
    assert session.client("dynamodb").list_tables()["TableNames"] == []


def test_resources_that_cloudformation_has_removed_are_no_error(script: ModuleType, session: Any) -> None:
    script.remove(session, "AWS::S3::Bucket", "gone")
    script.remove(session, "AWS::DynamoDB::Table", "gone")


def test_a_stack_that_is_not_a_test_s_is_not_touched(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["remove_stack.py", "videoinfer"])
    with pytest.raises(SystemExit, match="is not of CI"):
        script.main()
