"""Lambda's asynchronous calls in simulated time, with which `fetch_video` starts the functions of a long job early.

Lambda puts an event into a queue and answers. It delivers the event at least once, but may drop it:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html. By the template, it drops an event after a minute
and does not retry one that failed.
"""

import io
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from tests.simulation.engine.storage import make_error
from tests.simulation.faults import DELIVERY_FAULTS

if TYPE_CHECKING:
    from tests.simulation.engine.stack import Stack

WARM_UP = "warm_up"
"""What the simulation calls a function that is only warmed."""

CALL_FAULTS = ("killed before", "killed after", "no connection", "refused", "down", "lost", "slow")
"""Of a call. `no connection`: the connection is never made. `lost`: the answer comes too late, but Lambda took the
event. `slow`: it comes just in time.
"""

EVENT_FAULTS = (*DELIVERY_FAULTS, "never", "timed out")
"""Of an event that Lambda took. `timed out`: the function hangs until its time is over, or almost."""

ERRORS = {"refused": ("TooManyRequestsException", 429), "down": ("ServiceException", 500)}

MAX_AGE_SECONDS = 60.0
"""As in the template."""


def call_function(stack: "Stack", client: Any, operation: str, parameters: Any, fault: str) -> Any:
    """Answers a call of a function, or raises boto3's error."""
    worker, config = stack.timeline.worker, client.meta.config
    assert worker
    assert (operation, parameters["InvocationType"]) == ("Invoke", "Event")
    tries = config.retries["total_max_attempts"]
    worker.pause(stack.order.uniform(0.001, 0.05))
    if fault == "killed before":
        worker.die()
    if fault == "no connection":
        worker.pause(config.connect_timeout * tries)
        raise ConnectTimeoutError(endpoint_url="lambda")
    if fault in ERRORS:
        raise make_error(operation, *ERRORS[fault], client)
    _queue_event(stack, parameters["FunctionName"].replace("-", "_"), json.loads(parameters["Payload"]))
    if fault == "killed after":
        worker.die()
    if fault == "lost":
        worker.pause(config.read_timeout * tries)
        raise ReadTimeoutError(endpoint_url="lambda")
    worker.pause(0.95 * config.read_timeout if fault == "slow" else stack.order.uniform(0.001, 0.05))
    return {"StatusCode": 202, "Payload": io.BytesIO()}


def _queue_event(stack: "Stack", function: str, event: Any) -> None:
    job_id = event["job"]["job_id"]
    fault = stack.strike(EVENT_FAULTS, job_id, WARM_UP, "event")
    delays = {
        "late": [stack.order.uniform(1.0, MAX_AGE_SECONDS)],
        "twice": [0.0, stack.order.choice((0.0, 1.0, MAX_AGE_SECONDS))],
        "never": [],
    }
    for delay in delays.get(fault, [0.0]):
        start = partial(stack.start, function, event, job_id, lambda _: None, stack.draw_hang(fault))
        stack.timeline.after(delay + stack.order.uniform(0.005, 0.1), start)
