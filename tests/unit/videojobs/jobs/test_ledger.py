"""Jobs and their ledger: what is stored is read back, and a job that has ended stays ended."""

import itertools
import re
from typing import Any, get_args

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.errors import ChangeRefused, NewerSchema
from videojobs.jobs.ledger import Job, name_execution
from videojobs.jobs.states import CHANGES, ENDED_STATES, REDELIVERY, JobState
from videojobs.jobs.uploads import Upload
from videojobs.schema import SCHEMA_VERSION

keys = st.text(min_size=1, max_size=200).filter(lambda key: not key.endswith("/"))


@given(keys, st.integers(min_value=1, max_value=999_999_999_999))
def test_execution_names_are_valid_for_step_functions(key: str, attempt: int) -> None:
    name = name_execution(Upload(bucket="uploads", key=key, size_bytes=1, etag="etag", version_id="v1"), attempt)
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", name)


STATES: tuple[JobState, ...] = get_args(JobState)


@pytest.mark.slow
def test_the_ledger_allows_only_the_state_changes_of_the_table(aws: Any) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("before", sorted(set(STATES) - {"rejected"}))
def test_a_redelivery_may_set_done_from_every_state(aws: Any, before: JobState) -> None:
    upload = Upload(bucket="uploads", key="a.mp4", size_bytes=5, etag="e1")
    aws.ledger.record(upload, 1, status=before)
    aws.ledger.record(upload, 1, REDELIVERY, status="done")
    assert aws.ledger.read(upload, 1)["status"] == "done"


def test_facts_are_recorded_in_every_state(aws: Any) -> None:
    upload = Upload(bucket="uploads", key="a.mp4", size_bytes=5, etag="e1")
    aws.ledger.record(upload, 1, status="done")
    aws.ledger.record(upload, 1, notice_id="n1")
    assert aws.ledger.read(upload, 1)["notice_id"] == "n1"


@pytest.mark.parametrize("status", [None, "running", "cancelled"])
def test_what_a_newer_release_wrote_is_left_alone(aws: Any, status: JobState | None) -> None:
    """Else the item would have this release's version, and its next reader would misread it."""
    upload = Upload(bucket="uploads", key="a.mp4", size_bytes=5, etag="e1")
    aws.ledger.record(upload, 1, status="running", job_id="j1")
    item = aws.ledger.read_item(upload.upload_id, 1) | {"schema_version": SCHEMA_VERSION + 1}
    boto3.resource("dynamodb").Table("jobs").put_item(Item=item)
    before = aws.ledger.read_item(upload.upload_id, 1)
    with pytest.raises(NewerSchema, match=f"schema {SCHEMA_VERSION + 1}; this release knows {SCHEMA_VERSION}"):
        aws.ledger.record(upload, 1, status=status, polls=7)
    assert aws.ledger.read_item(upload.upload_id, 1) == before
    with pytest.raises(NewerSchema):
        Job.from_item(before)


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_a_job_that_has_ended_has_no_progress(aws: Any, state: JobState) -> None:
    upload = Upload(bucket="uploads", key="a.mp4", size_bytes=5, etag="e1")
    aws.ledger.record(upload, 1, progress=42)
    aws.ledger.record(upload, 1, status=state)
    assert aws.ledger.read(upload, 1).get("progress") == (None if state in ENDED_STATES else 42)
