"""Moto's DynamoDB without its copies of whole tables.

For each action of a transaction, moto copies the table, to restore it if the transaction fails. With thousands of items
that takes minutes and gigabytes.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from moto.dynamodb import models
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


@contextmanager
def open_cheap_transactions() -> Iterator[None]:
    """Copies, of a table with a sort key, only the items that a transaction changes in place."""
    transact = models.DynamoDBBackend.transact_write_items
    actions: list[Sequence[dict[str, Any]]] = []

    def transact_cheaply(backend: Any, transact_items: Sequence[dict[str, Any]]) -> None:
        actions.append(transact_items)
        try:
            transact(backend, list(transact_items))
        finally:
            actions.clear()

    def copy_deeply(thing: Any) -> Any:
        if not (actions and isinstance(thing, Table)):
            return copy.deepcopy(thing)
        copied = copy.copy(thing)
        copied.items = defaultdict(dict, {key: dict(items) for key, items in thing.items.items()})
        for action in actions[0]:
            if "Update" in action and action["Update"]["TableName"] == thing.name:
                key = action["Update"]["Key"]
                names = DynamoType(key[thing.hash_key_attr]), DynamoType(key[thing.range_key_attr or ""])
                if item := thing.get_item(*names):
                    copied.items[names[0]][names[1]] = copy.deepcopy(item)
        return copied

    with (
        patch.object(models.DynamoDBBackend, "transact_write_items", transact_cheaply),
        patch.object(models, "copy", SimpleNamespace(deepcopy=copy_deeply, copy=copy.copy)),
    ):
        yield
