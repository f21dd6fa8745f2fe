"""What speaks to AWS, against moto."""

import json
import time
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from videoinfer.aws_clients import AwsClients
from videoinfer.function_logs import read_last_words
from videoinfer.notices_queue import ReceivedNotice, receive_notices, subscribe_queue
from videoinfer.upload_progress import UploadedVideo, find_job

CLIP = UploadedVideo("uploads", "clip.mp4", "version-1")


@pytest.fixture
def clients() -> Iterator[AwsClients]:
    with mock_aws():
        yield AwsClients(boto3.Session(region_name="us-east-1"))


@pytest.fixture
def jobs_table(clients: AwsClients) -> str:
    clients.dynamodb.create_table(
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
    return "jobs"


def put_job(clients: AwsClients, upload: UploadedVideo, attempt: int, status: str) -> None:
    clients.dynamodb.put_item(
        TableName="jobs",
        Item={
            "upload_id": {"S": f"{upload.key}-{upload.version_id}"},
            "attempt": {"N": str(attempt)},
            "bucket": {"S": upload.bucket},
            "key": {"S": upload.key},
            "version_id": {"S": upload.version_id},
            "status": {"S": status},
        },
    )


def test_the_job_of_an_upload_is_its_latest_attempt(clients: AwsClients, jobs_table: str) -> None:
    put_job(clients, CLIP, 9, "failed")
    put_job(clients, CLIP, 10, "running")
    put_job(clients, UploadedVideo("uploads", "clip.mp4", "version-2"), 11, "done")

    job = find_job(clients, jobs_table, CLIP)

    assert job is not None
    assert (job["attempt"], job["status"]) == (10, "running")


def test_an_upload_without_a_job_has_none(clients: AwsClients, jobs_table: str) -> None:
    assert find_job(clients, jobs_table, CLIP) is None


def test_a_notice_arrives_as_it_was_published_and_once(clients: AwsClients) -> None:
    topic_arn = clients.sns.create_topic(Name="notices")["TopicArn"]
    queue_url = subscribe_queue(clients, topic_arn)

    clients.sns.publish(TopicArn=topic_arn, Subject="Done: clip.mp4", Message="Video  ü\nFrames 50")

    notices = receive_notices(clients, queue_url, timeout_seconds=0)
    assert notices == [ReceivedNotice("Done: clip.mp4", "Video  ü\nFrames 50")]
    assert receive_notices(clients, queue_url, timeout_seconds=0) == []


def test_last_words_are_the_functions_own_in_short(clients: AwsClients) -> None:
    lines = [
        "START RequestId: 1 Version: $LATEST",
        json.dumps({"level": "INFO", "message": "The job is created.", "upload": "s3://uploads/clip.mp4"}),
        json.dumps({"level": "ERROR", "message": "It has to wait.", "exception": "Traceback…\nApiUnavailable: 502"}),
        "Killed",
        "END RequestId: 1",
    ]
    now = round(time.time() * 1000)
    clients.logs.create_log_group(logGroupName="create_job")
    clients.logs.create_log_stream(logGroupName="create_job", logStreamName="1")
    clients.logs.put_log_events(
        logGroupName="create_job",
        logStreamName="1",
        logEvents=[{"timestamp": now + index, "message": line} for index, line in enumerate(lines)],
    )

    assert read_last_words(clients) == [
        "INFO The job is created.",
        "ERROR It has to wait. ApiUnavailable: 502",
        "Killed",
    ]
    assert read_last_words(clients, count=1) == ["Killed"]
