"""Which state may follow which, and that no write goes past the table."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.templates import ROOT
from videojobs.jobs.states import CHANGES, ENDED_STATES, OPEN_STATES, JobState

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
