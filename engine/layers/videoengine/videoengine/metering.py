"""Measures what each invocation of a step costs. The state machine adds it to the job's record."""

import functools
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine.costs import (
    SEGMENT_TRANSITIONS,
    STEP_TRANSITIONS,
    Usage,
    measure_express_execution,
    measure_invocation,
    measure_storage,
)
from videoengine.logs import logger
from videoengine.settings import MeterSettings, read_settings
from videoengine.steps import Outcome

type Handler = Callable[[dict[str, Any], LambdaContext], Outcome]

INIT_SECONDS_MAX = 10.0
"""Lambda's limit: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""


class S3Meter:
    """Counts the requests to S3 of one invocation, and the bytes that it stores. `clients.s3` calls `count`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        self.writes = self.reads = self.stored_bytes = 0

    def count(self, request: Any, event_name: str, **_: Any) -> None:
        """Counts a request that botocore is about to send, each retry included."""
        operation = event_name.rpartition(".")[2]
        with self._lock:
            # S3 bills a list like a write, and nothing for a deletion: https://aws.amazon.com/s3/pricing/
            if request.method in ("PUT", "POST") or operation.startswith("List"):
                self.writes += 1
            elif request.method in ("GET", "HEAD"):
                self.reads += 1
            if operation in ("PutObject", "UploadPart"):
                # With a checksum at its end, the body is longer than what is stored.
                sizes = (request.headers.get(name) for name in ("X-Amz-Decoded-Content-Length", "Content-Length"))
                self.stored_bytes += int(next(filter(None, sizes), 0))

    def measure(self, retention_days: int) -> Usage:
        """The usage since the last `reset`."""
        requests = Usage(s3_writes=self.writes, s3_reads=self.reads)
        return requests + measure_storage(self.stored_bytes, retention_days)


S3_METER = S3Meter()


def metered(step: str) -> Callable[[Handler], Handler]:
    """Adds `cost_usd` to the outcome of a step's handler. Decorate the handler after all imports.

    The cost is that of the invocation, its requests to S3, what it stores for `RETENTION_DAYS`, and the states that the
    execution enters because of it. It includes `spent_usd` of the event, the cost of a step before it that is not in
    the job's record yet. An invocation that raises or is killed has no outcome, so its cost is lost. Nobody reads the
    outcome of an invocation that only warms a worker, so the worker's next outcome includes its cost.

    Lambda bills the time of the imports too, since August 2025:
    https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/

    Args:
        step: the name of the function's folder.
    """
    unbilled_seconds = [min(measure_process_seconds(), INIT_SECONDS_MAX)]
    unread_usd = 0.0

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def measured(event: dict[str, Any], context: LambdaContext) -> Outcome:
            nonlocal unread_usd
            started = time.monotonic() - (unbilled_seconds.pop() if unbilled_seconds else 0.0)
            S3_METER.reset()
            outcome = handler(event, context)
            seconds = time.monotonic() - started
            usage = measure_invocation(seconds, int(context.memory_limit_in_mb))
            usage += S3_METER.measure(read_settings(MeterSettings).retention_days)
            is_read = "busy_until" not in event
            usage += _measure_states(step, event, seconds) if is_read else Usage()
            logger.info("Measured", **asdict(usage))
            cost_usd = float(event.get("spent_usd", 0)) + unread_usd + usage.usd
            unread_usd = 0.0 if is_read else cost_usd
            return {**outcome, "cost_usd": f"{cost_usd:.9f}"}

        return measured

    return decorate


def measure_process_seconds() -> float:
    """The age of this process. Where there is no /proc, its CPU time."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return time.process_time()
    # Field 22 by the manual proc_pid_stat(5), in clock ticks since the machine started; field 3 is the first here.
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK")


def _measure_states(step: str, event: dict[str, Any], seconds: float) -> Usage:
    """The usage of the state machine. A segment's event has the type of its execution; an Express one lasts as long.

    A definition of the release before does not tell the type, and does not record costs.
    """
    if step in STEP_TRANSITIONS:
        return Usage(state_transitions=STEP_TRANSITIONS[step])
    execution = event.get("execution", "STANDARD")
    states = Usage(state_transitions=SEGMENT_TRANSITIONS[execution])
    return states + (measure_express_execution(seconds) if execution == "EXPRESS" else Usage())
