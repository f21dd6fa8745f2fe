import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.pipeline_stacks import UPLOAD_OPTIONS
from videoinfer.job_requests import check_upload, plan_retry, send_requests
from videojobs.errors import InvalidOption
from videojobs.jobs.uploads import JobRequest, Upload, read_requests

UPLOAD = Upload(bucket="uploads", key="line-3/belt.mp4", size_bytes=5, etag="e1", version_id="version-1")


def item(status: str, attempt: int = 1) -> dict[str, Any]:
    return {**vars(UPLOAD), "upload_id": UPLOAD.upload_id, "attempt": attempt, "status": status}


@pytest.mark.parametrize("status", ["failed", "overdue", "rejected", "cancelled"])
def test_a_failed_job_is_retried(status: str) -> None:
    assert plan_retry(item(status, 2)).request == JobRequest(UPLOAD, 3)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("done", "it has its results"),
        ("waiting", "it is in the queue"),
        ("running", "still running"),
        ("creating", "still running"),
        ("sending", "still running"),
    ],
)
def test_a_job_that_did_not_fail_is_not_retried(status: str, words: str) -> None:
    plan = plan_retry(item(status))

    assert plan.request is None
    assert plan.refusal
    assert words in plan.refusal


def test_an_upload_that_cannot_be_a_video_is_not_retried() -> None:
    plan = plan_retry({**item("rejected"), "key": "line-3/belt.mov"})

    assert plan.request is None
    assert ".mov" in (plan.refusal or "")


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="uploads")
        client.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
        yield client


def put_video(s3: Any, **metadata: str) -> dict[str, Any]:
    """The failed job of a video that is put into the bucket."""
    put = s3.put_object(Bucket="uploads", Key=UPLOAD.key, Body=b"video", Metadata=metadata)
    return {**item("failed"), "version_id": put["VersionId"]}


def test_an_existing_video_is_retried(s3: Any) -> None:
    job = put_video(s3, **{"infer-fps": "2", "mtime": "1"})

    plan = check_upload(plan_retry(job), s3, UPLOAD_OPTIONS)

    assert plan.request == plan_retry(job).request
    assert plan.options
    assert plan.options.infer_fps == 2


def test_options_that_are_set_replace_those_of_the_video(s3: Any) -> None:
    """Also one in another spelling, which would be set twice, and one that is invalid."""
    job = put_video(s3, infer_fps="7", confidence="high", classes="truck")

    plan = check_upload(plan_retry(job, options={"infer-fps": "2", "confidence": "0.5"}), s3, UPLOAD_OPTIONS)

    assert plan.options
    assert (plan.options.infer_fps, plan.options.classes) == (2, ("truck",))


def test_a_refused_retry_stays_refused(s3: Any) -> None:
    plan = plan_retry(item("done"))
    assert check_upload(plan, s3, UPLOAD_OPTIONS) is plan


@pytest.mark.parametrize("for_good", [False, True])
def test_a_missing_video_is_not_retried(s3: Any, for_good: bool) -> None:
    job = put_video(s3)
    version = {"VersionId": job["version_id"]} if for_good else {}
    s3.delete_object(Bucket="uploads", Key=UPLOAD.key, **version)

    plan = check_upload(plan_retry(job), s3, UPLOAD_OPTIONS)

    assert plan.request is None
    assert plan.refusal == "its video is no longer in the bucket. Upload it again"


def test_a_replaced_video_is_not_retried(s3: Any) -> None:
    """Also if the newer upload waits in the queue, so that the ledger does not have it yet."""
    job = put_video(s3)
    newer = put_video(s3)

    plan = check_upload(plan_retry(job), s3, UPLOAD_OPTIONS)

    assert plan.request is None
    assert plan.refusal == (
        "a newer upload with this key has replaced its video, and has a job of its own. To run inference on the older "
        "video, upload it again, with another key to keep both"
    )
    assert check_upload(plan_retry(newer), s3, UPLOAD_OPTIONS).request


def test_a_video_from_before_versioning_that_was_replaced_is_not_retried(s3: Any) -> None:
    s3.create_bucket(Bucket="old")
    put = s3.put_object(Bucket="old", Key=UPLOAD.key, Body=b"video")
    job = {**item("failed"), "bucket": "old", "version_id": None, "etag": put["ETag"].strip('"')}
    assert check_upload(plan_retry(job), s3, UPLOAD_OPTIONS).request
    s3.put_bucket_versioning(Bucket="old", VersioningConfiguration={"Status": "Enabled"})
    assert check_upload(plan_retry(job), s3, UPLOAD_OPTIONS).request

    s3.put_object(Bucket="old", Key=UPLOAD.key, Body=b"video")

    assert "has replaced its video" in (check_upload(plan_retry(job), s3, UPLOAD_OPTIONS).refusal or "")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"infer-fps": "0"}, "infer_fps: 0 is not between"),
        ({"models": "[{"}, "models: not valid JSON"),
        ({"model-id": "belts"}, "model_version: missing"),
        ({"confidence": "2"}, "confidence: 2 is not between"),
    ],
)
def test_invalid_metadata_is_not_retried(s3: Any, metadata: dict[str, str], words: str) -> None:
    plan = check_upload(plan_retry(put_video(s3, **metadata)), s3, UPLOAD_OPTIONS)

    assert plan.request is None
    assert words in (plan.refusal or "")


@pytest.mark.parametrize(
    ("limit", "metadata"),
    [
        ({"max_infer_fps": 10}, {"infer-fps": "10.5"}),
        ({"allowed_models": "hands"}, {"model-id": "belts", "model-version": "3"}),
        ({"allowed_models": "hands/3"}, {"model-version": "4"}),
        ({"allowed_metadata": "confidence"}, {"infer-fps": "2"}),
        ({}, {"something": "else"}),
    ],
)
def test_an_upload_above_the_stack_s_limits_is_not_retried(
    s3: Any, limit: dict[str, Any], metadata: dict[str, str]
) -> None:
    """`create_job` reads the metadata again, and would reject the attempt like the upload."""
    options = replace(UPLOAD_OPTIONS, **limit)
    job = put_video(s3, **metadata)
    with pytest.raises(InvalidOption) as rejected:
        options.resolve(UPLOAD.key, metadata)

    plan = check_upload(plan_retry(job), s3, options)

    assert plan.request is None
    assert str(rejected.value) in (plan.refusal or "")


def test_a_fault_of_the_stack_s_parameters_is_named(s3: Any) -> None:
    plan = check_upload(plan_retry(put_video(s3)), s3, replace(UPLOAD_OPTIONS, prefix_routes="{shop/:1}"))

    assert plan.request is None
    assert (plan.refusal or "").startswith("its options can't be used. PrefixRoutes: not valid JSON")
    assert (plan.refusal or "").endswith("Correct the stack's parameter PrefixRoutes (sam deploy --guided)")


def test_the_limits_do_not_apply_to_the_stack_s_own_options(s3: Any) -> None:
    options = replace(UPLOAD_OPTIONS, default_infer_fps=30, max_infer_fps=10, allowed_models="", allowed_metadata="")
    job = put_video(s3)
    assert check_upload(plan_retry(job), s3, options).request == plan_retry(job).request


def test_an_operator_who_may_not_read_videos_can_retry(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    job = put_video(s3)
    monkeypatch.setattr(s3, "head_object", refuse)
    assert check_upload(plan_retry(job), s3, UPLOAD_OPTIONS) == plan_retry(job)


def test_the_function_can_read_the_sent_requests() -> None:
    requests = [JobRequest(UPLOAD, number) for number in range(1, 13)]
    with mock_aws():
        sqs = boto3.client("sqs", region_name="us-east-1")
        url = sqs.create_queue(QueueName="uploads")["QueueUrl"]

        assert list(send_requests(sqs, url, requests)) == requests

        messages: list[Any] = []
        while some := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            messages += some
    bodies = [json.loads(message["Body"]) for message in messages]
    assert [request for body in bodies for request in read_requests(body)] == requests
