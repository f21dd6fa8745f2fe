"""A small form of `python -m tests.existing_bucket_story 10000`."""

import pytest

from tests.existing_bucket_story import run_story

KEYS = 44
"""Each kind of key and each kind of object at least once."""


@pytest.mark.slow
@pytest.mark.parametrize("is_versioned", [False, True])
def test_each_object_has_one_job_however_its_events_come(*, is_versioned: bool) -> None:
    story = run_story(KEYS, is_versioned=is_versioned)
    assert story.keys == KEYS
    assert story.messages > 1.5 * story.writes
    assert story.jobs_per_object == (1, 1)
    assert story.backfilled > 0
    assert story.rejected > 0
    assert story.copies == 0
