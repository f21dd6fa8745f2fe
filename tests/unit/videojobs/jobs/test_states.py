"""Which state may follow which, and that every write checks it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.templates import ROOT
from videojobs.jobs.states import CHANGES, ENDED_STATES, OPEN_STATES, JobState

STATES: tuple[JobState, ...] = get_args(JobState)
WRITES = {"update_item", "put_item", "delete_item", "batch_write_item", "transact_write_items", "batch_writer"}
"""boto3's names of the DynamoDB calls that change an item."""
WRITERS = {
    "layers/videojobs/videojobs/jobs/ledger.py": "the ledger",
    "layers/videojobs/videojobs/api/accepted_videos.py": "what the API said about videos",
    "layers/videojobs/videojobs/api/turns.py": "the budget",
    "layers/videojobs/videojobs/notices/pending_notices.py": "the notices that wait for a digest",
}


def test_the_table_of_changes_covers_every_state() -> None:
    assert set(CHANGES) == set(STATES)
    assert set(STATES) == OPEN_STATES | ENDED_STATES


@pytest.mark.parametrize("state", STATES)
def test_only_an_operator_can_change_a_final_state(state: JobState) -> None:
    assert CHANGES[state] & ENDED_STATES <= {state}


@pytest.mark.parametrize("state", STATES)
def test_a_write_that_boto3_repeats_is_accepted(state: JobState) -> None:
    assert state in CHANGES[state]


@pytest.mark.slow
def test_no_other_module_writes_to_a_table() -> None:
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
