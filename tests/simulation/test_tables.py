"""Our GetItem and UpdateItem answer as moto's own do."""

import random
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws

from tests.simulation.stack import make_tables
from tests.simulation.tables import answer_fast
from videojobs.errors import ChangeRefused
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.states import JobState
from videojobs.jobs.uploads import Upload

STATES: tuple[JobState, ...] = ("creating", "waiting", "running", "done", "failed", "cancelled")
VALUES: tuple[Any, ...] = (None, "text", 1, 0.25, ["a"], {"b": {"c": 1.5}}, [], "")


def record_history(seed: int) -> tuple[list[Any], list[Any]]:
    """Writes to a ledger at random. Returns what was refused, and the items."""
    order = random.Random(seed)  # noqa: S311
    dynamodb: Any = boto3.resource("dynamodb", region_name="us-east-1")
    ledger, answers, items = Ledger(dynamodb.Table("jobs")), [], []
    uploads = [Upload(bucket="b", key=f"{it}.mp4", size_bytes=1, etag="e", version_id=str(it)) for it in range(3)]
    for _ in range(60):
        upload, attempt = order.choice(uploads), order.choice((1, 2))
        values = {name: order.choice(VALUES) for name in order.sample(("error", "polls", "delivery", "options"), 2)}
        status = order.choice((None, *STATES))
        try:
            ledger.record(upload, attempt, status=status, **values)
        except ChangeRefused as refused:
            answers.append(str(refused))
        item = ledger.read(upload, attempt) or {}
        items.append({name: value for name, value in item.items() if not name.endswith("_at")})
    return answers, items


def test_histories_are_those_of_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]
    fast = 0

    def make(client: Any, operation: str, parameters: Any) -> Any:
        nonlocal fast
        answer = answer_fast(client, operation, parameters) if operation.endswith("Item") else None
        fast += answer is not None
        return answer() if answer else make_call(client, operation, parameters)

    for seed in range(4):
        with mock_aws():
            make_tables()
            expected = record_history(seed)
        with mock_aws(), monkeypatch.context() as patch:
            make_tables()
            patch.setattr(BaseClient, "_make_api_call", make)
            assert record_history(seed) == expected
    assert fast == 4 * 120
    assert len(expected[0]) > 5


def test_other_updates_are_left_to_moto() -> None:
    assert answer_fast(None, "Query", {}) is None
    for expression in ("ADD a :b", "SET a = a + :b", "SET a = :b, b = list_append(b, :c)", "SET a = :b REMOVE c[0]"):
        assert answer_fast(None, "UpdateItem", {"Key": {"id": "1"}, "UpdateExpression": expression}) is None
