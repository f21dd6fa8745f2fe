"""Step Functions in simulated time: the real definitions, with their waits, retriers and time limits.

By AWS's documentation:

- retriers are tried in order, and each counts its own retries:
  https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html;
- how StartExecution answers for a name that exists:
  https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html;
- the event about an execution that ended:
  https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.timeline import Killed, Timeline, Worker
from tests.stand_ins.state_machine import StateMachine, _find
from tests.workflow.retriers import find_delay

type Invoke = Callable[["Execution", str, Any], Any]

HISTORY_MAX = 25_000
"""Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

_EVENTS = {"Wait": 2, "Choice": 2, "Succeed": 1, "Fail": 1, "Pass": 2}
_TASK_EVENTS, _TRY_EVENTS = 2, 3


class TaskFailed(Exception):
    """A task failed. Its class's name is the error's name, which a retrier compares."""


def fail_task(name: str, cause: str) -> TaskFailed:
    """Returns the error of a task, under its name."""
    kind: type[TaskFailed] = type(name, (TaskFailed,), {})
    return kind(cause)


@dataclass
class Execution:
    """One execution.

    Attributes:
        events: How many events its history has.
    """

    arn: str
    input: str
    started_at: float
    status: str = "RUNNING"
    machine: "TimedMachine | None" = None
    worker: Worker | None = None
    events: int = 1
    states: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]


class TimedMachine(StateMachine):
    """A state machine that waits, and retries as its retriers say."""

    def __init__(
        self,
        definition: Mapping[str, Any],
        execution: Execution,
        invoke: Invoke,
        timeline: Timeline,
        order: random.Random,
        publish: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(
            definition, lambda function, event: invoke(execution, function, event), None, publish, execution.arn
        )
        self._timeline = timeline
        self._order = order
        self._execution = execution

    def _run_state(self, state: Mapping[str, Any], data: Any) -> tuple[Any, str | None]:
        self._execution.events += _EVENTS.get(state["Type"], _TASK_EVENTS)
        if state["Type"] == "Wait":
            self._timeline.sleep(max(0.0, float(_find(state["SecondsPath"], data))))
        return super()._run_state(state, data)

    def _try(self, state: Mapping[str, Any], data: Any) -> Any:
        used = Counter[int]()
        tries = 0
        while True:
            self._execution.events += _TRY_EVENTS
            try:
                return self._work(state, data, tries)
            except Exception as error:
                delay = self._find_retry(state, type(error).__name__, used)
                if delay is None:
                    raise
            tries += 1
            self._timeline.sleep(delay)

    def _find_retry(self, state: Mapping[str, Any], error: str, used: Counter[int]) -> float | None:
        for number, retrier in enumerate(state.get("Retry", ())):
            if error in retrier["ErrorEquals"] or "States.ALL" in retrier["ErrorEquals"]:
                if used[number] >= retrier["MaxAttempts"]:
                    return None
                delay = find_delay(retrier, used[number])
                used[number] += 1
                return self._order.uniform(0, delay) if retrier["JitterStrategy"] == "FULL" else delay
        return None


def run_execution(execution: Execution, definition: Mapping[str, Any]) -> None:
    """Runs an execution to its end, and sets its status."""
    assert execution.machine
    data: Any = json.loads(execution.input)
    name: str | None = definition["StartAt"]
    try:
        while name:
            execution.states.append(name)
            data, name = execution.machine.run_state(name, data)
        execution.status = "SUCCEEDED"
    except Killed:
        execution.status = "TIMED_OUT" if execution.status == "RUNNING" else execution.status
    except Exception:
        execution.status = "FAILED"
    kind = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "ABORTED": "Aborted", "TIMED_OUT": "TimedOut"}
    execution.machine.history.append({"type": f"Execution{kind[execution.status]}"})
