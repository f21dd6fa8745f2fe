"""The executions of the state machine: starts them, and reads their state."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from videojobs.jobs.ledger import Job, format_time, name_execution
from videojobs.jobs.media_outputs import MediaOutput, find_media_output
from videojobs.jobs.uploads import Upload

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_ERRORS = {
    "delivery_error": "The results are ready but could not be delivered",
    "check_error": "The job's status could not be found out",
    "execution_error": "The execution that waited for the job did not finish",
}
"""The fields in which the state machine stores a step's error after its last retry, and what each means."""


def start_execution(
    sfn: "SFNClient", state_machine_arn: str, job: Job, *, poll_seconds: int, gigabyte_seconds: float
) -> str:
    """Starts the execution that waits for `job`, only once even if called again, and returns its ARN.

    Args:
        gigabyte_seconds: What creating the job has used.
    """
    first_check = {
        "status": "running",
        "reason": None,
        "wait_seconds": poll_seconds,
        "polls": 0,
        "gigabyte_seconds": round(gigabyte_seconds, 4),
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
    """Returns the ARN of the execution that waits for a job, even if it has not been started."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:')}:{name_execution(upload, attempt)}"


def find_executed_job(sfn: "SFNClient", state_machine_arn: str, upload: Upload, attempt: int) -> Job | None:
    """Returns the job that an execution waits for, or None if no execution was started."""
    try:
        arn = locate_execution(state_machine_arn, upload, attempt)
        return Job.from_input(json.loads(sfn.describe_execution(executionArn=arn)["input"]))
    except sfn.exceptions.ExecutionDoesNotExist:
        return None


def start_redelivery(sfn: "SFNClient", state_machine_arn: str, job: Job, *, polls: int, now: datetime) -> str:
    """Starts an execution that delivers a job's results again, and returns its ARN.

    The deadline is now: a person waits for the execution, so it is not retried for as long as the first delivery.

    Raises:
        sfn.exceptions.ExecutionAlreadyExists: Another one was started within the same tenth of a second.
    """
    job = replace(job, deadline_at=format_time(now))
    done = {"status": "done", "polls": polls, "gigabyte_seconds": 0.0, "reason": None, "start_offset": job.start_offset}
    redelivery = f"{int(10 * now.timestamp()):x}"
    return sfn.start_execution(
        stateMachineArn=state_machine_arn,
        name=f"{job.execution_name}-{redelivery}",  # within 80 characters up to attempt 999
        input=json.dumps({**job.to_input(), "poll_seconds": 1, "check": done, "redelivery": redelivery}),
    )["executionArn"]


def read_execution_event(event: dict[str, Any]) -> dict[str, Any]:
    """Returns a failed execution's state: the event itself, or its `state`, if the state machine calls the function;
    or else the execution's input in an EventBridge event (or in a queue's message with one) about its failure, timeout
    or abort.

    Source: Step Functions Developer Guide, "Automating Step Functions event delivery".
    """
    if "Records" in event:
        [record] = event["Records"]  # the event source mapping has a batch size of one
        return read_execution_event(json.loads(record["body"]))
    if "output" in event:
        passed: dict[str, Any] = event["state"]
        return passed
    if event.get("detail-type") != "Step Functions Execution Status Change":
        return event
    status = event["detail"]["status"].lower().replace("_", " ")
    state: dict[str, Any] = json.loads(event["detail"]["input"])
    return {**state, "execution_error": {"Error": "Execution", "Cause": f"it has {status}"}}


def find_outcome(state: Mapping[str, Any]) -> Literal["failed", "overdue"]:
    """Returns the job's new state after an execution that failed."""
    return "overdue" if state.get("check", {}).get("status") == "overdue" else "failed"


def read_missing_output(event: Mapping[str, Any]) -> MediaOutput | None:
    """Returns the media output whose absence the state machine reports; None if it reports the end of the job."""
    return find_media_output(event["output"]) if "output" in event else None


def find_reason(state: Mapping[str, Any], missing: MediaOutput | None = None) -> str:
    """Returns why an execution failed, from the step that raised an error or answered with a failure.

    Args:
        missing: The media output that could not be made; None if the job itself failed.
    """
    errors: Mapping[str, str] = _ERRORS
    steps: Sequence[str] = ("delivery", "check")
    if missing:
        errors, steps = {missing.error: f"The {missing.title} could not be made"}, [missing.name]
    for name, beginning in errors.items():
        if name in state:
            return f"{beginning}: {_read_cause(state[name])}"
    for step in steps:
        if reason := state.get(step, {}).get("reason"):
            return str(reason)
    return "No reason was given."


def is_refused(state: Mapping[str, Any], missing: MediaOutput) -> bool:
    """Returns whether the function that makes a media output answered that this video gets none, for example because it
    is deleted. Another attempt gets the same answer.
    """
    return missing.error not in state and state.get(missing.name, {}).get("status") == "failed"


def has_api_failed(state: Mapping[str, Any]) -> bool:
    """Returns whether the API said that the execution's job failed."""
    return bool(state.get("check", {}).get("status") == "failed")


def _read_cause(error: Mapping[str, Any]) -> str:
    """Returns an error's message: Lambda writes a JSON object with it to `Cause`, Step Functions writes plain text."""
    cause = error.get("Cause") or error.get("Error") or "no cause was given"
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return str(cause)
