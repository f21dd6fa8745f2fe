"""DynamoDB in memory: the calls and the expressions that the functions use.

A test compares it with moto, which takes ten times as long as the functions themselves. Source:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from tests.simulation.refusals import Refused

PAGE_ITEMS = 3
"""How many items a page of a query has, so that queries have several pages."""

type Item = dict[str, Any]
type Condition = Callable[[Mapping[str, Any], Mapping[str, str], Mapping[str, Any]], bool]
"""Whether an item fits, given the expression's attribute names and values."""

_UPDATE = re.compile(r"SET (?P<sets>.+?)(?: REMOVE (?P<removes>[#\w, ]+))?")
_SET = re.compile(r"([#\w]+) = (?:(:\w+)|if_not_exists\(([#\w]+), (:\w+)\))(?:, |$)")
_TOKEN = re.compile(r"\s*([#:]?\w+|<=|>=|[=<>(),])")

_serialize: Callable[[Any], Any] = TypeSerializer().serialize
_deserialize: Callable[[Any], Any] = TypeDeserializer().deserialize


class Tables:
    """The tables.

    Args:
        keys: By a table's name, the names of its key's attributes.
    """

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        self._keys = keys
        self._items: dict[str, dict[tuple[Any, ...], Item]] = {name: {} for name in keys}

    def read(self, table_name: str) -> list[Item]:
        """Returns copies of all items of a table."""
        return [_copy(item) for item in self._items[table_name].values()]

    def view(self, table_name: str) -> Iterable[Item]:
        """Returns the items themselves; not to be changed."""
        return self._items[table_name].values()

    def find(self, table_name: str, key: Mapping[str, Any]) -> Item:
        """Returns an item, or an empty one; not to be changed."""
        return self._items[table_name].get(self._find_key(table_name, key), {})

    def serve(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Answers a call of boto3's client (values have types) or of its resource (values are Python's).

        Raises:
            Refused: A condition does not hold.
        """
        if operation == "TransactWriteItems":
            return self._transact(parameters["TransactItems"])
        if operation == "Query":
            return self._query(parameters)
        is_typed = any(isinstance(it, dict) for it in (parameters.get("Key") or parameters["Item"]).values())
        if is_typed:
            parameters = _convert(parameters, _deserialize)
        if operation == "GetItem":
            item = self.find(parameters["TableName"], parameters["Key"])
            answer = {"Item": _copy(item)} if item else {}
            return _convert(answer, _serialize) if is_typed else answer
        if not self._holds(parameters):
            item = self.find(parameters["TableName"], parameters.get("Key") or parameters["Item"])
            is_told = parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            details = {"Item": {name: _serialize(value) for name, value in item.items()}} if is_told else {}
            raise Refused("ConditionalCheckFailedException", 400, **details)
        self._write(operation.removesuffix("Item"), parameters)
        return {}

    def _find_key(self, table_name: str, key: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(key[name] for name in self._keys[table_name])

    def _holds(self, parameters: Mapping[str, Any]) -> bool:
        if "ConditionExpression" not in parameters:
            return True
        item = self.find(parameters["TableName"], parameters.get("Key") or parameters["Item"])
        names, values = (parameters.get(f"ExpressionAttribute{it}", {}) for it in ("Names", "Values"))
        return _compile(parameters["ConditionExpression"])(item, names, values)

    def _write(self, action: str, parameters: Mapping[str, Any]) -> None:
        items = self._items[parameters["TableName"]]
        key = self._find_key(parameters["TableName"], parameters.get("Key") or parameters["Item"])
        match action:
            case "Put":
                items[key] = {name: _copy(value) for name, value in parameters["Item"].items()}
            case "Delete":
                items.pop(key, None)
            case "Update":
                item = items.setdefault(key, {name: _copy(value) for name, value in parameters["Key"].items()})
                _update(item, parameters)
            case _:
                assert action == "ConditionCheck", action

    def _transact(self, actions: Sequence[Mapping[str, Any]]) -> Any:
        single = [next(iter(action.items())) for action in actions]
        held = [self._holds(parameters) for _, parameters in single]
        if not all(held):
            reasons = [{"Code": "None" if it else "ConditionalCheckFailed"} for it in held]
            raise Refused("TransactionCanceledException", CancellationReasons=reasons)
        for action, parameters in single:
            self._write(action, parameters)
        return {}

    def _query(self, parameters: Mapping[str, Any]) -> Any:
        hash_key, range_key = self._keys[parameters["TableName"]]
        names, values = parameters["ExpressionAttributeNames"], parameters["ExpressionAttributeValues"]
        fits = _compile(parameters["KeyConditionExpression"])
        after = parameters.get("ExclusiveStartKey", {}).get(range_key, "")
        items = self._items[parameters["TableName"]].values()
        found = [it for it in items if fits(it, names, values) and it[range_key] > after]
        found.sort(key=lambda it: it[range_key])
        page = {"Items": _copy(found[:PAGE_ITEMS])}
        if len(found) > PAGE_ITEMS:
            page["LastEvaluatedKey"] = {name: page["Items"][-1][name] for name in (hash_key, range_key)}
        return page


def _convert(parameters: Mapping[str, Any], convert: Callable[[Any], Any]) -> dict[str, Any]:
    """Converts all values of a call, or of its answer, from or to typed ones."""
    names = ("Key", "Item", "ExpressionAttributeValues")
    return {
        name: {key: convert(it) for key, it in value.items()} if name in names else value
        for name, value in parameters.items()
    }


_UNCHANGED = frozenset((str, Decimal, bool, type(None)))


def _copy(value: Any) -> Any:
    """Copies a value as DynamoDB returns it: numbers are decimals. Floats are not allowed."""
    kind = type(value)
    if kind in _UNCHANGED:
        return value
    if kind is int:
        return Decimal(value)
    if kind is list:
        return [_copy(it) for it in value]
    if kind is dict:
        return {name: _copy(it) for name, it in value.items()}
    raise TypeError(f"boto3 does not take {value!r}")


def _update(item: Item, parameters: Mapping[str, Any]) -> None:
    names, values = (parameters.get(f"ExpressionAttribute{it}", {}) for it in ("Names", "Values"))
    sets, removes = _parse_update(parameters["UpdateExpression"])
    before = dict(item)
    for name, value, default_of, default in sets:
        kept = before.get(names.get(default_of, default_of)) if default_of else None
        item[names.get(name, name)] = _copy(values[value or default]) if kept is None else kept
    for name in removes:
        item.pop(names.get(name, name), None)


@cache
def _parse_update(expression: str) -> tuple[Sequence[Sequence[Any]], Sequence[str]]:
    update = _UPDATE.fullmatch(expression)
    sets = list(_SET.finditer(update["sets"])) if update else []
    assert update, expression
    assert "".join(it[0] for it in sets) == update["sets"], expression
    return [it.groups() for it in sets], update["removes"].split(", ") if update["removes"] else []


@cache
def _compile(expression: str) -> Condition:
    """Compiles a condition. Raises StopIteration or AssertionError for what is not used so far."""
    tokens = [*_TOKEN.findall(expression), ""]
    assert "".join(tokens) == re.sub(r"\s", "", expression), expression
    stream = _Tokens(tokens)
    condition = _parse_any(stream)
    assert stream.next == "", expression
    return condition


class _Tokens:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._rest: Iterator[str] = iter(tokens)
        self.next = next(self._rest)

    def take(self, *expected: str) -> str:
        taken = self.next
        assert not expected or taken in expected, f"{taken!r} is not one of {expected}"
        self.next = next(self._rest, "")
        return taken


def _parse_any(tokens: _Tokens) -> Condition:
    options = [_parse_all(tokens)]
    while tokens.next == "OR":
        tokens.take()
        options.append(_parse_all(tokens))
    return options[0] if len(options) == 1 else lambda *given: any(it(*given) for it in options)


def _parse_all(tokens: _Tokens) -> Condition:
    parts = [_parse_single(tokens)]
    while tokens.next == "AND":
        tokens.take()
        parts.append(_parse_single(tokens))
    return parts[0] if len(parts) == 1 else lambda *given: all(it(*given) for it in parts)


def _parse_single(tokens: _Tokens) -> Condition:
    first = tokens.take()
    if first == "(":
        inner = _parse_any(tokens)
        tokens.take(")")
        return inner
    if first in ("attribute_exists", "attribute_not_exists"):
        tokens.take("(")
        name, is_wanted = tokens.take(), first == "attribute_exists"
        tokens.take(")")
        return lambda item, names, _: (names.get(name, name) in item) == is_wanted
    operator = tokens.take("=", "<", "<=", ">", ">=", "IN")
    if operator == "IN":
        options = []
        while tokens.take("(", ",", ")") != ")":
            if tokens.next != ")":
                options.append(tokens.take())
        return lambda item, names, values: item.get(names.get(first, first)) in [values[it] for it in options]
    value = tokens.take()
    compare = _COMPARISONS[operator]
    return lambda item, names, values: compare(item.get(names.get(first, first)), values[value])


def _compare_order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Compares values of one type; others don't fit."""
    return lambda one, other: one is not None and isinstance(one, str) == isinstance(other, str) and compare(one, other)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: bool(one == other),
    "<": _compare_order(lambda one, other: bool(one < other)),
    "<=": _compare_order(lambda one, other: bool(one <= other)),
    ">": _compare_order(lambda one, other: bool(one > other)),
    ">=": _compare_order(lambda one, other: bool(one >= other)),
}
