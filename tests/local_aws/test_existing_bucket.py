"""Pipelines whose uploads bucket is the owner's, with and without versioning.

MiniStack sends S3's events to EventBridge. It leaves out `version-id`, which S3's events have:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html. So the bucket with versioning sends no events, and
the test puts documented ones into the queue, as the rule does.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy
from tests.stand_ins.video_inference_api import StandInApi, stand_in_api
from tests.waiting import wait_until
from videoinfer.function_logs import read_log_lines
from videoinfer.local.embedded_aws import EmbeddedAws, tool_environment
from videoinfer.main import app
from videoinfer.upload_progress import UploadedVideo

KEY = "cameras/line 3+ü%41 (1).MP4"
EVENTBRIDGE: Any = {"EventBridgeConfiguration": {}}


@pytest.fixture(scope="module")
def api() -> Iterator[StandInApi]:
    with stand_in_api() as api:
        api.statuses = [api.done()]
        yield api


def make_bucket(aws: EmbeddedAws, name: str, *, is_versioned: bool) -> None:
    aws.clients.s3.create_bucket(Bucket=name)
    if is_versioned:
        aws.clients.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def deploy_on(aws: EmbeddedAws, api: StandInApi, bucket: str) -> DeployedPipeline:
    parameters = {"ApiUrl": api.url, "ApiKey": API_KEY, "ExistingUploadsBucket": bucket, "UploadsPrefix": "cameras/"}
    return deploy(aws, f"on-{bucket}", parameters)


def run_command(aws: EmbeddedAws, pipeline: DeployedPipeline, *arguments: str) -> str:
    environment = {**tool_environment(aws, {}), "VIDEOINFER_STACK": pipeline.stack}
    return CliRunner().invoke(app, arguments, env=environment).stdout


def describe(aws: EmbeddedAws, bucket: str) -> list[Any]:
    """Everything about the bucket that a stack could change."""
    s3: Any = aws.clients.s3
    reads = [s3.get_bucket_policy, s3.get_bucket_lifecycle_configuration, s3.get_bucket_versioning]
    reads += [s3.get_bucket_notification_configuration, s3.get_public_access_block, s3.get_bucket_encryption]
    found = []
    for read in reads:
        try:
            answer = read(Bucket=bucket)
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
        else:
            answer.pop("ResponseMetadata")
            found.append(answer)
    return found


def send_event(pipeline: DeployedPipeline, upload: UploadedVideo) -> None:
    head = pipeline.clients.s3.head_object(Bucket=upload.bucket, Key=upload.key)
    about = {"size": head["ContentLength"], "etag": head["ETag"].strip('"'), "version-id": upload.version_id}
    detail = {
        "version": "0",
        "bucket": {"name": upload.bucket},
        "object": {"key": upload.key, **about, "sequencer": "617f08299329d189"},
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "203.0.113.7",
        "reason": "PutObject",
    }
    event = {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-12T00:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{upload.bucket}"],
        "detail": detail,
    }
    pipeline.clients.sqs.send_message(QueueUrl=pipeline.pipeline.uploads_queue_url, MessageBody=json.dumps(event))


def count_ignored(aws: EmbeddedAws) -> int:
    return sum("UploadExtensions leaves it out" in line.text for line in read_log_lines(aws.clients))


def list_keys(aws: EmbeddedAws, bucket: str) -> set[str]:
    return {it["Key"] for it in aws.clients.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


def list_jobs(pipeline: DeployedPipeline) -> list[str]:
    items = pipeline.clients.dynamodb.scan(TableName=pipeline.pipeline.jobs_table)["Items"]
    return sorted(item["key"]["S"] for item in items)


def test_videos_in_a_bucket_without_versioning_become_jobs_where_they_lie(aws: EmbeddedAws, api: StandInApi) -> None:
    make_bucket(aws, "footage", is_versioned=False)
    before = describe(aws, "footage")
    pipeline = deploy_on(aws, api, "footage")
    assert describe(aws, "footage") == before
    resources = aws.clients.cloudformation.describe_stack_resources(StackName=pipeline.stack)["StackResources"]
    assert "UploadsBucket" not in {it["LogicalResourceId"] for it in resources}

    old = pipeline.upload("cameras/old.mp4", b"old")
    assert "does not send its events to EventBridge" in run_command(aws, pipeline, "doctor")
    aws.clients.s3.put_bucket_notification_configuration(Bucket="footage", NotificationConfiguration=EVENTBRIDGE)
    for key in ("elsewhere/a.mp4", "cameras/thumb.jpg", "cameras/a.mp4.part", "cameras/folder/"):
        aws.clients.s3.put_object(Bucket="footage", Key=key, Body=b"")
    upload = pipeline.upload(KEY, b"video")
    job = pipeline.wait_for_job(upload)

    assert (job["status"], "version_id" in job) == ("done", False)
    assert pipeline.list_results(upload)
    assert list_jobs(pipeline) == [KEY]
    wait_until(lambda: count_ignored(aws) == 2)

    doctor = run_command(aws, pipeline, "doctor")
    assert "sends its events to EventBridge" in doctor
    # MiniStack's simulator of policies ignores the values of condition keys, so it denies what depends on s3:prefix.
    problems = [line for line in doctor.splitlines() if line.startswith("✗")]
    assert [it for it in problems if not re.search(r"may not s3:ListBucket\w* on arn:aws:s3:::footage", it)] == []
    assert "Could not check" not in doctor
    assert "has no versioning" in doctor
    assert "Jobs requested: 1." in run_command(aws, pipeline, "backfill", "s3://footage")
    assert pipeline.wait_for_job(old)["status"] == "done"
    assert "Jobs requested: 0." in run_command(aws, pipeline, "backfill", "s3://footage/cameras/")
    assert "line 3" in run_command(aws, pipeline, "show", KEY)
    assert all(key.startswith(("cameras/", "elsewhere/")) for key in list_keys(aws, "footage"))


def test_videos_in_a_bucket_with_versioning_become_one_job_for_each_version(aws: EmbeddedAws, api: StandInApi) -> None:
    make_bucket(aws, "archive", is_versioned=True)
    pipeline = deploy_on(aws, api, "archive")
    first, second = pipeline.upload(KEY, b"video"), pipeline.upload(KEY, b"video")
    for upload in (second, second):
        send_event(pipeline, upload)
    job = pipeline.wait_for_job(second)
    assert (job["status"], job["version_id"]) == ("done", second.version_id)
    assert "has no versioning" not in run_command(aws, pipeline, "doctor")
    assert "Jobs requested: 0." in run_command(aws, pipeline, "backfill", "s3://archive")
    send_event(pipeline, first)
    assert pipeline.wait_for_job(first)["status"] == "done"
    assert len(list_jobs(pipeline)) == 2
