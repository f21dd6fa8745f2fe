"""The simulation's S3 and DynamoDB answer as moto does through boto3."""

from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.simulation.engine import storage
from tests.simulation.engine.stack import CREDENTIALS

KEY = {"job_id": {"S": "a"}}
PLACE = {"Bucket": storage.VIDEOS, "Key": "jobs/a/video"}
STATUS = {"ExpressionAttributeNames": {"#status": "status"}}

CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("dynamodb", "GetItem", {"Key": KEY}),
    (
        "dynamodb",
        "PutItem",
        {"Item": KEY | {"status": {"N": "1"}}, "ConditionExpression": "attribute_not_exists(job_id)"},
    ),
    (
        "dynamodb",
        "PutItem",
        {
            "Item": KEY,
            "ConditionExpression": "attribute_not_exists(job_id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    ("dynamodb", "GetItem", {"Key": KEY}),
    (
        "dynamodb",
        "UpdateItem",
        {
            "Key": KEY,
            "UpdateExpression": "ADD done :numbers, cost :cost SET #status = :status, why = if_not_exists(why, :why)"
            " REMOVE input_url",
            "ConditionExpression": "attribute_exists(job_id) AND #status <> :status",
            "ExpressionAttributeValues": {
                ":numbers": {"NS": ["3"]},
                ":cost": {"N": "0.25"},
                ":status": {"N": "2"},
                ":why": {"S": "?"},
            },
            **STATUS,
        },
    ),
    (
        "dynamodb",
        "UpdateItem",
        {
            "Key": KEY,
            "UpdateExpression": "SET #status = :status",
            "ConditionExpression": "#status <> :two",
            "ExpressionAttributeValues": {":status": {"N": "0"}, ":two": {"N": "2"}},
            **STATUS,
        },
    ),
    ("dynamodb", "GetItem", {"Key": KEY}),
    ("s3", "GetObject", PLACE),
    ("s3", "HeadObject", PLACE),
    ("s3", "PutObject", {**PLACE, "Body": b"0123456789"}),
    ("s3", "HeadObject", PLACE),
    ("s3", "GetObject", PLACE),
    ("s3", "GetObject", {**PLACE, "Range": "bytes=4-99"}),
    ("s3", "GetObject", {**PLACE, "Range": "bytes=10-11"}),
    ("s3", "GetObject", {**PLACE, "IfMatch": '"other"'}),
    ("s3", "ListObjectsV2", {"Bucket": storage.VIDEOS, "Prefix": "jobs/"}),
    ("s3", "ListObjectsV2", {"Bucket": storage.VIDEOS, "Prefix": "none/"}),
    ("s3", "AbortMultipartUpload", {**PLACE, "UploadId": "none"}),
)


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    connect: Any = boto3.client
    return {name: connect(name) for name in ("s3", "dynamodb")}


def make_resources(clients: dict[str, Any]) -> None:
    clients["s3"].create_bucket(Bucket=storage.VIDEOS)
    clients["dynamodb"].create_table(
        TableName="jobs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
    )


def tell(call: Callable[[], Any]) -> Any:
    """Returns what the engine reads of an answer or an error."""
    try:
        answer = call()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response.get("Item"), type(error).__name__
    read = ("Item", "ETag", "ContentLength", "ContentRange", "KeyCount")
    listed = [(it["Key"], it["ETag"], it["Size"]) for it in answer.get("Contents", [])]
    body = answer["Body"].read() if "Body" in answer else None
    return {name: answer[name] for name in read if name in answer}, listed, body


def run(clients: dict[str, Any], *, is_fast: bool) -> list[Any]:
    """Makes the calls in a new account, and then an upload in parts."""
    with mock_aws():
        make_resources(clients)

        def call(service: str, operation: str, parameters: dict[str, Any]) -> Any:
            parameters = parameters | ({"TableName": "jobs"} if service == "dynamodb" else {})
            client = clients[service]
            if is_fast:
                return storage.answer(client, operation, parameters)
            return client._make_api_call(operation, parameters)

        told = [tell(partial(call, *it)) for it in CALLS]
        upload = PLACE | {"UploadId": call("s3", "CreateMultipartUpload", PLACE)["UploadId"]}
        etag = call("s3", "UploadPart", upload | {"PartNumber": 1, "Body": b"abc"})["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        told.append(tell(lambda: call("s3", "CompleteMultipartUpload", upload | {"MultipartUpload": parts})))
        told.append(tell(lambda: call("s3", "GetObject", PLACE)))
        return told


def test_all_calls_are_answered_as_moto_answers_them(clients: dict[str, Any]) -> None:
    assert run(clients, is_fast=True) == run(clients, is_fast=False)
