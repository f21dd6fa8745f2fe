"""The state machine that waits for a job: how one is started, and what its steps hand on."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from videojobs.jobs.ledger import Job, format_time, name_execution
from videojobs.jobs.uploads import Upload

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_ERRORS = {
    "annotation_error": "The annotated video could not be made",
    "delivery_error": "The results are ready but could not be delivered",
    "check_error": "It could not be found out how the job is doing",
    "execution_error": "The execution that waited for the job did not finish",
}
"""Where the state machine keeps an exception that a step raised to the last, and what that means."""


def start_execution(
    sfn: "SFNClient", state_machine_arn: str, job: Job, *, poll_seconds: int, gigabyte_seconds: float
) -> str:
    """Starts the waiting for `job`, once however often it is called, and returns the execution's ARN.

    Args:
        gigabyte_seconds: What creating the job has used.
    """
    used = round(gigabyte_seconds, 4)
    first_check = {
        "status": "running",
        "reason": None,
        "wait_seconds": poll_seconds,
        "polls": 0,
        "gigabyte_seconds": used,
    }
    try:
        return sfn.start_execution(
            stateMachineArn=state_machine_arn,
            name=job.execution_name,
            input=json.dumps({**job.to_input(), "poll_seconds": poll_seconds, "check": first_check}),
        )["executionArn"]
    except sfn.exceptions.ExecutionAlreadyExists:
        return locate_execution(state_machine_arn, job.upload, job.attempt)


def locate_execution(state_machine_arn: str, upload: Upload, attempt: int) -> str:
    """The ARN of the execution that waits for a job, whether it has been started or not."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:')}:{name_execution(upload, attempt)}"


def find_executed_job(sfn: "SFNClient", state_machine_arn: str, upload: Upload, attempt: int) -> Job | None:
    """The job that an execution waits for, or None if none was started."""
    try:
        arn = locate_execution(state_machine_arn, upload, attempt)
        return Job.from_input(json.loads(sfn.describe_execution(executionArn=arn)["input"]))
    except sfn.exceptions.ExecutionDoesNotExist:
        return None


def start_redelivery(sfn: "SFNClient", state_machine_arn: str, job: Job, *, polls: int, now: datetime) -> str:
    """Starts another delivery of a job's results, and all that follows it; returns the execution's ARN.

    Its deadline is now: a person waits for it, so it is not retried for as long as the first delivery.
    """
    job = replace(job, deadline_at=format_time(now))
    done = {
        "status": "done",
        "polls": polls,
        "gigabyte_seconds": 0.0,
        "reason": None,
        "start_offset": job.start_offset,
    }
    redelivery = f"{int(10 * now.timestamp()):x}"
    return sfn.start_execution(
        stateMachineArn=state_machine_arn,
        name=f"{job.execution_name}-{redelivery}",  # within 80 characters up to attempt 999
        input=json.dumps({**job.to_input(), "poll_seconds": 1, "check": done, "redelivery": redelivery}),
    )["executionArn"]


def read_execution_event(event: dict[str, Any]) -> dict[str, Any]:
    """The state that a failed execution was in: the event itself when a step of it calls, or else its input in an
    EventBridge event about an execution that failed, timed out or was aborted, by itself or in a queue's message.

    Source: Step Functions Developer Guide, "Automating Step Functions event delivery".
    """
    if "Records" in event:
        [record] = event["Records"]  # the queue's mapping hands on one at a time
        return read_execution_event(json.loads(record["body"]))
    if event.get("detail-type") != "Step Functions Execution Status Change":
        return event
    status = event["detail"]["status"].lower().replace("_", " ")
    state: dict[str, Any] = json.loads(event["detail"]["input"])
    return {**state, "execution_error": {"Error": "Execution", "Cause": f"it has {status}"}}


def find_outcome(state: Mapping[str, Any]) -> Literal["failed", "overdue"]:
    """What the ledger is to say of an execution that can't go on."""
    return "overdue" if state.get("check", {}).get("status") == "overdue" else "failed"


def find_reason(state: Mapping[str, Any]) -> str:
    """Why an execution can't go on, from the step that said so: one that raised, or one whose outcome is a failure."""
    for name, beginning in _ERRORS.items():
        if name in state:
            return f"{beginning}: {_read_cause(state[name])}"
    for step in ("annotation", "delivery", "check"):
        if reason := state.get(step, {}).get("reason"):
            return str(reason)
    return "No reason was given."


def has_api_failed(state: Mapping[str, Any]) -> bool:
    """Whether the API itself said that the execution's job failed."""
    return bool(state.get("check", {}).get("status") == "failed")


def _read_cause(error: Mapping[str, Any]) -> str:
    """The words of an exception. Lambda puts them into a JSON object in `Cause`; Step Functions itself writes text."""
    cause = error.get("Cause") or error.get("Error") or "no cause was given"
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return str(cause)
