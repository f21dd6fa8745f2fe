"""DynamoDB's GetItem and UpdateItem on moto's tables, without moto's HTTP and its parser of update expressions.

They are nine of ten calls of the functions, and take moto ten times as long as the functions themselves. Tables, items
and conditions are moto's; ours are `SET a = :b`, `SET a = if_not_exists(a, :b)` and `REMOVE a`, the only updates that
the functions make (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html).
A test compares them with moto's own answers. Anything else is left to moto.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from moto.dynamodb.comparisons import create_condition_expression_parser
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.s3.models import s3_backends

PENDING = DynamoType({"S": "pending"})
"""The hash key of pending notices."""

ACCOUNT, REGION = "123456789012", "us-east-1"

_UPDATE = re.compile(r"SET (?P<sets>.+?)(?: REMOVE (?P<removes>[#\w, ]+))?")
_SET = re.compile(r"([#\w]+) = (?:(:\w+)|if_not_exists\(([#\w]+), (:\w+)\))(?:, |$)")

_serialize: Callable[[Any], Any] = TypeSerializer().serialize
_deserialize: Callable[[Any], Any] = TypeDeserializer().deserialize


def find_table(name: str) -> Any:
    """Returns moto's table."""
    return dynamodb_backends[ACCOUNT][REGION].get_table(name)


def answer_fast(client: Any, operation: str, parameters: Mapping[str, Any]) -> Callable[[], Any] | None:
    """Returns what makes a call of boto3's resource for DynamoDB, or None if it is left to moto."""
    if operation not in ("GetItem", "UpdateItem") or any(isinstance(it, dict) for it in parameters["Key"].values()):
        return None
    if operation == "GetItem":
        return lambda: _get_item(parameters)
    update = _UPDATE.fullmatch(parameters["UpdateExpression"])
    sets = list(_SET.finditer(update["sets"])) if update else []
    if not update or "".join(it[0] for it in sets) != update["sets"]:
        return None
    removes = update["removes"].split(", ") if update["removes"] else []
    return lambda: _update_item(client, parameters, sets, removes)


def _find_key(table: Any, key: Mapping[str, Any]) -> tuple[DynamoType, DynamoType | None]:
    hash_key = DynamoType(_serialize(key[table.hash_key_attr]))
    range_key = DynamoType(_serialize(key[table.range_key_attr])) if table.range_key_attr else None
    return hash_key, range_key


def _get_item(parameters: Mapping[str, Any]) -> dict[str, Any]:
    table = find_table(parameters["TableName"])
    item = table.get_item(*_find_key(table, parameters["Key"]))
    if item is None:
        return {}
    return {"Item": {name: _deserialize(value) for name, value in item.to_json()["Attributes"].items()}}


def _update_item(
    client: Any, parameters: Mapping[str, Any], sets: list[re.Match[str]], removes: list[str]
) -> dict[str, Any]:
    table = find_table(parameters["TableName"])
    hash_key, range_key = _find_key(table, parameters["Key"])
    names = parameters.get("ExpressionAttributeNames", {})
    values = {name: _serialize(value) for name, value in parameters.get("ExpressionAttributeValues", {}).items()}
    item = table.get_item(hash_key, range_key)
    condition = create_condition_expression_parser(parameters.get("ConditionExpression"), names, values).parse()
    if not condition.expr(item):
        code = "ConditionalCheckFailedException"
        error = {"Code": code, "Message": "The conditional request failed"}
        raise client.exceptions.from_code(code)(
            {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}, "UpdateItem"
        )
    if item is None:
        table.put_item({name: _serialize(value) for name, value in parameters["Key"].items()})
        item = table.get_item(hash_key, range_key)
    attributes = item.attrs
    for name, value, default_of, default in (it.groups() for it in sets):
        attribute = names.get(name, name)
        kept = attributes.get(names.get(default_of, default_of)) if default_of else None
        # Not by moto's own dictionary, which measures the whole item each time.
        dict.__setitem__(attributes, attribute, kept or DynamoType(values[value or default]))
    for name in removes:
        attributes.pop(names.get(name, name), None)
    return {}


def read_items(table_name: str) -> list[dict[str, Any]]:
    """Returns all items of a table."""
    items = find_table(table_name).all_items()
    return [{name: _deserialize(value) for name, value in item.to_json()["Attributes"].items()} for item in items]


def read_object(bucket: str, key: str, version_id: str | None = None) -> bytes | None:
    """Returns an object of S3, or None."""
    found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key, version_id)
    return found.value if found else None


def read_text(table_name: str, key: Mapping[str, Any], attribute: str) -> str | None:
    """Returns the text in an attribute of an item, or None."""
    table = find_table(table_name)
    item = table.get_item(*_find_key(table, key))
    value = item.attrs.get(attribute) if item else None
    return value.value if value else None
