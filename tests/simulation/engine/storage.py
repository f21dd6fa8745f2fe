"""S3 and DynamoDB for the engine: moto's tables, items, conditions, objects and uploads, without moto's HTTP.

A test compares the answers with those that boto3 gets from moto's HTTP, which takes ten times as long. boto3's own
transfers run in threads, which simulated time can't order, so `upload` and `download` stand for them:
https://docs.aws.amazon.com/boto3/latest/guide/s3.html#using-the-transfer-manager.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.s3.models import s3_backends

VIDEOS, MODELS = "engine-videos", "engine-models"

_ACCOUNT, _REGION = "123456789012", "us-east-1"


def make_error(operation: str, code: str, status: int, client: Any = None, **more: Any) -> ClientError:
    """Returns boto3's error for an error code of AWS."""
    kind: type[ClientError] = client.exceptions.from_code(code) if client else ClientError
    response = {"Error": {"Code": code, "Message": "Not now."}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return kind(response, operation)  # type: ignore[arg-type]


def answer(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
    """Returns AWS's answer to a call of a client of S3 or DynamoDB, or raises its error."""
    return _ANSWERS[operation](client, operation, parameters)


# DynamoDB


def _find_table() -> Any:
    return dynamodb_backends[_ACCOUNT][_REGION].get_table("jobs")


def _get_item(_: Any, __: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    item = _find_table().get_item(DynamoType(parameters["Key"]["job_id"]))
    return {"Item": item.to_json()["Attributes"]} if item else {}


def _change_item(client: Any, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    backend = dynamodb_backends[_ACCOUNT][_REGION]
    shared = {
        "table_name": parameters["TableName"],
        "condition_expression": parameters.get("ConditionExpression"),
        "expression_attribute_names": dict(parameters.get("ExpressionAttributeNames", {})),
        "expression_attribute_values": dict(parameters.get("ExpressionAttributeValues", {})),
        "return_values_on_condition_check_failure": parameters.get("ReturnValuesOnConditionCheckFailure"),
    }
    key = parameters["Key" if operation == "UpdateItem" else "Item"]["job_id"]
    before = _get_item(client, "GetItem", {"TableName": parameters["TableName"], "Key": {"job_id": key}})
    try:
        if operation == "UpdateItem":
            backend.update_item(key=dict(parameters["Key"]), update_expression=parameters["UpdateExpression"], **shared)
        else:
            backend.put_item(item_attrs=dict(parameters["Item"]), **shared)
    except ConditionalCheckFailed:
        told = before if parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}
        raise make_error(operation, "ConditionalCheckFailedException", 400, client, **told) from None
    return {}


def list_records() -> dict[str, dict[str, Any]]:
    """Returns the records of all jobs as DynamoDB writes them, by job id."""
    items = (it.to_json()["Attributes"] for it in _find_table().all_items())
    return {item["job_id"]["S"]: item for item in items}


def delete_record(job_id: str) -> None:
    _find_table().delete_item(DynamoType({"S": job_id}), None)


# S3


class Body(io.BytesIO):
    """The body of an answer.

    Attributes:
        on_read: Called before the first read.
    """

    on_read: Callable[[], None] | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self.on_read:
            on_read, self.on_read = self.on_read, None
            on_read()
        return super().read(size)


def _backend() -> Any:
    return s3_backends[_ACCOUNT]["aws"]


def _get_object(client: Any, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    found = _backend().get_object(parameters["Bucket"], parameters["Key"])
    if found is None:
        # HEAD has no body to tell a code in.
        code = "NoSuchKey" if operation == "GetObject" else "404"
        raise make_error(operation, code, 404, client)
    if parameters.get("IfMatch", found.etag) != found.etag:
        raise make_error(operation, "PreconditionFailed", 412, client)
    content: bytes = found.value
    told = {"ETag": found.etag, "ContentLength": len(content)}
    if operation == "HeadObject":
        return told
    if "Range" in parameters:
        first, _, last = parameters["Range"].removeprefix("bytes=").partition("-")
        if int(first) >= len(content):
            raise make_error(operation, "InvalidRange", 416, client)
        total, content = len(content), content[int(first) : int(last) + 1]
        told |= {
            "ContentRange": f"bytes {first}-{int(first) + len(content) - 1}/{total}",
            "ContentLength": len(content),
        }
    return {**told, "Body": Body(content)}


def _put_object(_: Any, __: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    key = _backend().put_object(parameters["Bucket"], parameters["Key"], bytes(parameters["Body"]))
    return {"ETag": key.etag}


def _list_objects(_: Any, __: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    keys = sorted(list_keys(parameters["Bucket"], parameters["Prefix"]))
    found = [(key, _backend().get_object(parameters["Bucket"], key)) for key in keys]
    entries = [{"Key": key, "ETag": it.etag, "Size": it.size} for key, it in found]
    return {"KeyCount": len(entries), **({"Contents": entries} if entries else {})}


def _create_upload(_: Any, __: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    upload = _backend().create_multipart_upload(
        parameters["Bucket"], parameters["Key"], {}, "STANDARD", {}, None, None, None
    )
    return {"UploadId": upload.id}


def _find_upload(client: Any, operation: str, parameters: Mapping[str, Any]) -> str:
    if parameters["UploadId"] not in _backend().get_bucket(parameters["Bucket"]).multiparts:
        raise make_error(operation, "NoSuchUpload", 404, client)
    return str(parameters["UploadId"])


def _upload_part(client: Any, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    upload_id, content = _find_upload(client, operation, parameters), bytes(parameters["Body"])
    part = _backend().upload_part(parameters["Bucket"], upload_id, parameters["PartNumber"], content)
    return {"ETag": part.etag}


def _complete_upload(client: Any, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    parts = [(it["PartNumber"], it["ETag"]) for it in parameters["MultipartUpload"]["Parts"]]
    upload_id = _find_upload(client, operation, parameters)
    key = _backend().complete_multipart_upload(parameters["Bucket"], upload_id, parts)
    return {"ETag": key.etag}


def _abort_upload(client: Any, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    _backend().abort_multipart_upload(parameters["Bucket"], _find_upload(client, operation, parameters))
    return {}


_ANSWERS: Mapping[str, Callable[[Any, str, Mapping[str, Any]], Any]] = {
    "GetItem": _get_item,
    "PutItem": _change_item,
    "UpdateItem": _change_item,
    "GetObject": _get_object,
    "HeadObject": _get_object,
    "PutObject": _put_object,
    "ListObjectsV2": _list_objects,
    "CreateMultipartUpload": _create_upload,
    "UploadPart": _upload_part,
    "CompleteMultipartUpload": _complete_upload,
    "AbortMultipartUpload": _abort_upload,
}


def list_keys(bucket: str, prefix: str = "") -> Iterator[str]:
    """Yields the keys of all objects."""
    return (key for key in _backend().get_bucket(bucket).keys if key.startswith(prefix))


def list_uploads() -> list[str]:
    """Returns the keys of multipart uploads that were neither completed nor aborted."""
    return [it.key_name for it in _backend().get_bucket(VIDEOS).multiparts.values()]


def read_object(key: str, bucket: str = VIDEOS) -> bytes | None:
    """Returns an object, or None."""
    found = _backend().get_object(bucket, key)
    return found.value if found else None


def put_object(key: str, content: bytes, bucket: str = VIDEOS) -> None:
    _backend().put_object(bucket, key, content)


def delete_object(key: str, bucket: str = VIDEOS) -> None:
    _backend().delete_object(bucket, key)


def upload(client: Any, part_bytes: int, body: Any, bucket: str, key: str, **_: Any) -> None:
    """Stands for boto3's `upload_fileobj`: one request for a short body, otherwise parts; aborts what fails."""
    where = {"Bucket": bucket, "Key": key}
    if len(first := body.read(part_bytes)) < part_bytes:
        client.put_object(**where, Body=first)
        return
    where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]
    try:
        parts: list[dict[str, Any]] = []
        while first:
            number = len(parts) + 1
            parts.append(
                {"PartNumber": number, "ETag": client.upload_part(**where, PartNumber=number, Body=first)["ETag"]}
            )
            first = body.read(part_bytes)
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    except Exception:
        client.abort_multipart_upload(**where)
        raise


def download(client: Any, bucket: str, key: str, path: str) -> None:
    """Stands for boto3's `download_file`."""
    client.head_object(Bucket=bucket, Key=key)
    Path(path).write_bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())
