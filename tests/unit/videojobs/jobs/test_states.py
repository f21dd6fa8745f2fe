"""Which state may follow which, and that no write goes past the table."""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.templates import ROOT
from videojobs.errors import ChangeRefused
from videojobs.jobs.states import CHANGES, ENDED_STATES, OPEN_STATES, REDELIVERY, JobState
from videojobs.jobs.uploads import Upload

STATES: tuple[JobState, ...] = get_args(JobState)
WRITES = {"update_item", "put_item", "delete_item", "batch_write_item", "transact_write_items", "batch_writer"}
"""DynamoDB's calls that change an item, as boto3 names them."""
WRITERS = {
    "layers/videojobs/videojobs/jobs/ledger.py": "the ledger",
    "layers/videojobs/videojobs/api/turns.py": "the budget",
}


def test_every_state_has_its_changes() -> None:
    assert set(CHANGES) == set(STATES)
    assert set(STATES) == OPEN_STATES | ENDED_STATES


@pytest.mark.parametrize("state", STATES)
def test_only_a_person_leads_out_of_an_end(state: JobState) -> None:
    assert CHANGES[state] & ENDED_STATES <= {state}


@pytest.mark.parametrize("state", STATES)
def test_a_write_that_boto3_sends_twice_is_taken_twice(state: JobState) -> None:
    assert state in CHANGES[state]


def test_the_ledger_keeps_to_the_table(aws: Any) -> None:
    for number, (before, after) in enumerate(itertools.product((None, *STATES), STATES)):
        upload = Upload(bucket="uploads", key=f"{number}.mp4", size_bytes=5, etag="e1")
        aws.ledger.record(upload, 1, **({"status": before} if before else {"polls": 1}))
        allowed = before is None or before in CHANGES[after]
        try:
            aws.ledger.record(upload, 1, status=after, error="new")
        except ChangeRefused:
            assert not allowed, (before, after)
        else:
            assert allowed, (before, after)
        item = aws.ledger.read(upload, 1)
        assert (item.get("status"), item.get("error")) == ((after, "new") if allowed else (before, None))


@pytest.mark.parametrize("before", sorted(set(STATES) - {"rejected"}))
def test_a_redelivery_is_done_whatever_was_before(aws: Any, before: JobState) -> None:
    upload = Upload(bucket="uploads", key="a.mp4", size_bytes=5, etag="e1")
    aws.ledger.record(upload, 1, status=before)
    aws.ledger.record(upload, 1, REDELIVERY, status="done")
    assert aws.ledger.read(upload, 1)["status"] == "done"


def test_facts_are_written_in_every_state(aws: Any) -> None:
    upload = Upload(bucket="uploads", key="a.mp4", size_bytes=5, etag="e1")
    aws.ledger.record(upload, 1, status="done")
    aws.ledger.record(upload, 1, notice_id="n1")
    assert aws.ledger.read(upload, 1)["notice_id"] == "n1"


def test_nothing_else_writes_to_a_table() -> None:
    files = [
        *ROOT.glob("functions/*/*.py"),
        *ROOT.glob("layers/videojobs/videojobs/**/*.py"),
        *ROOT.glob("videoinfer/*.py"),
    ]
    writers = {str(path.relative_to(ROOT)) for path in files if any(find_writes(path))}
    assert writers == set(WRITERS)


def find_writes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in WRITES:
            yield node.attr
