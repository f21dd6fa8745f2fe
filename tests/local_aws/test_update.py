"""The pipeline is updated from the last release, and rolled back to it, while it has jobs in every state."""

from collections.abc import Mapping

import pytest

from tests.local_aws.update_story import AFTER, BEFORE, Row, tell_story
from videoinfer.local.embedded_aws import EmbeddedAws

NEVER_VERSIONED = (None, None)


@pytest.fixture(scope="module")
def story(aws: EmbeddedAws) -> Mapping[str, list[Row]]:
    return dict(tell_story(aws))


@pytest.mark.parametrize("way", ["update", "rollback"])
def test_every_job_comes_to_its_end(story: Mapping[str, list[Row]], way: str) -> None:
    rows = {row.state: row for row in story[way]}
    assert list(rows) == list(BEFORE)
    for state, row in rows.items():
        told = 2 if state == "drawing" else 1  # also of the annotated video
        assert row.before in BEFORE[state], state
        assert (row.after, row.jobs, row.executions, row.told) == (AFTER, 1, 1, told), state


def test_the_functions_are_those_of_the_other_release(story: Mapping[str, list[Row]]) -> None:
    """The last release writes no `schema_version`, and leaves that of an item."""
    update, rollback = ({row.state: row.versions for row in story[way]} for way in ("update", "rollback"))
    assert update["digest pending"] == NEVER_VERSIONED
    assert {update[state] for state in BEFORE if state != "digest pending"} == {(None, 1)}
    assert rollback["queued"] == NEVER_VERSIONED
    assert {rollback[state] for state in BEFORE if state != "queued"} == {(1, 1)}
