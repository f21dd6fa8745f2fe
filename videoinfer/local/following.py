"""Follows an upload until its notice: the job, its execution, and the notice."""

import time
from collections.abc import Iterator
from typing import Any

from videoinfer.display import Display, ExecutionDisplay
from videoinfer.errors import CommandError
from videoinfer.function_logs import read_last_words
from videoinfer.local.embedded_aws import WAIT_SCALE
from videoinfer.local.system import System
from videoinfer.notices_queue import ReceivedNotice, receive_notices
from videoinfer.upload_progress import Step, UploadedVideo, find_job, list_steps, read_history

_JOB_TIMEOUT_SECONDS = 60.0
_NOTICE_TIMEOUT_SECONDS = 30.0
_LOOK_INTERVAL_SECONDS = 0.3


def follow_upload(system: System, upload: UploadedVideo, display: Display) -> dict[str, Any]:
    """Shows the progress of an upload's job, and returns its item in the ledger once the execution has ended.

    Raises:
        CommandError: The upload did not become a job in time; the message has the functions' last log lines.
    """
    job = _wait_for_job(system, upload)
    if execution_arn := job.get("execution_arn"):
        display.done(
            f"Job {job['job_id']} created; it is polled once a minute, and a minute takes {60 * WAIT_SCALE:g} s here"
        )
        with display.execution() as execution:
            for step in _follow_execution(system, upload, execution_arn, execution):
                execution.step(step)
    return find_job(system.aws.clients, system.pipeline.jobs_table, upload) or job


def receive_notice(system: System) -> ReceivedNotice:
    """Waits for the notice of a job that has ended. Raises `CommandError` if none is delivered in time."""
    notices = receive_notices(system.aws.clients, system.notices_queue_url, timeout_seconds=_NOTICE_TIMEOUT_SECONDS)
    if not notices:
        raise CommandError(f"No notice was delivered in {_NOTICE_TIMEOUT_SECONDS:g} s.")
    return notices[0]


def _wait_for_job(system: System, upload: UploadedVideo) -> dict[str, Any]:
    deadline = time.monotonic() + _JOB_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        job = find_job(system.aws.clients, system.pipeline.jobs_table, upload)
        if job and ("execution_arn" in job or job["status"] == "rejected"):
            return job
        time.sleep(_LOOK_INTERVAL_SECONDS)
    last_words = "\n".join(read_last_words(system.aws.clients)) or "(nothing)"
    raise CommandError(
        f"The upload did not become a job in {_JOB_TIMEOUT_SECONDS:g} s. The functions' last log lines:\n{last_words}"
    )


def _follow_execution(
    system: System, upload: UploadedVideo, execution_arn: str, display: ExecutionDisplay
) -> Iterator[Step]:
    clients = system.aws.clients
    shown = 0
    running = True
    while running:
        # The status is read before the history, so that the last events are not missed.
        running = clients.stepfunctions.describe_execution(executionArn=execution_arn)["status"] == "RUNNING"
        steps = list(list_steps(read_history(clients, execution_arn)))
        yield from steps[shown:]
        shown = len(steps)
        job = find_job(clients, system.pipeline.jobs_table, upload) or {}
        display.progress(job.get("progress"))
        if running:
            time.sleep(_LOOK_INTERVAL_SECONDS)
