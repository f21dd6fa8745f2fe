"""An operator can bring every job to its results or to a further attempt, whatever its state in the ledger."""

import json
from typing import Any, get_args

import boto3
import pytest

from videoinfer.cancelling import cancel_job
from videoinfer.job_requests import plan_retry
from videoinfer.ledger_view import LedgerView
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.states import ENDED_STATES, JobState
from videojobs.jobs.uploads import Upload

CLIP = Upload(bucket="uploads", key="line-3/belt.mp4", size_bytes=5, etag="e1", version_id="version-1")
COMMANDS = {
    "sending": "cancel, then retry",
    "creating": "cancel, then retry",
    "waiting": "cancel, then retry",
    "running": "cancel, then retry",
    "done": "redeliver",
    "failed": "retry",
    "overdue": "retry",
    "rejected": "retry",
    "cancelled": "retry",
}
"""`redeliver` also works for every job that the API has: see tests/unit/videojobs/jobs/test_states.py."""


def test_every_state_has_a_command() -> None:
    assert set(COMMANDS) == set(get_args(JobState))


@pytest.mark.slow
@pytest.mark.parametrize("with_job", [True, False])
@pytest.mark.parametrize("state", COMMANDS)
def test_an_operator_can_continue_a_job_in_every_state(
    jobs: LedgerView, ledger: Ledger, state: Any, with_job: bool
) -> None:
    """There is no execution and no message in the queue, so nothing but the operator's command continues the job."""
    sfn = boto3.client("stepfunctions", region_name="us-east-1")
    end: dict[str, Any] = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    machine = sfn.create_state_machine(
        name="video-job", definition=json.dumps(end), roleArn="arn:aws:iam::123456789012:role/role"
    )
    ledger.record(CLIP, 1, status=state, **({"job_id": "j1"} if with_job else {}))

    if COMMANDS[state].startswith("cancel"):
        assert plan_retry(jobs.find_job(CLIP.key)[0]).request is None
        cancel_job(sfn, machine["stateMachineArn"], ledger, jobs.find_job(CLIP.key)[0])

    job = jobs.find_job(CLIP.key)[0]
    assert job["status"] in ENDED_STATES
    request = plan_retry(job).request
    assert (request.attempt if request else None) == (2 if "retry" in COMMANDS[state] else None)
