"""The engine's state machine in simulated time: its distributed maps, their children, and time limits.

By AWS's documentation, under https://docs.aws.amazon.com/step-functions/latest/dg/:

- state-map-distributed.html: each item is an execution of its own; the first that fails ends the map, which stops the
  others. Functions that they called go on;
- express-at-least-once-execution.html: an Express execution may run more than once;
- service-quotas.html: an Express execution ends after five minutes;
- redrive-executions.html, redrive-map-run.html: a redriven execution goes on with the state that did not succeed, and
  a map with the items that did not.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.simulation.executions import Execution, TimedMachine, fail_task
from tests.simulation.timeline import Timeline, Worker
from tests.stand_ins.state_machine import _fill_in, _find

if TYPE_CHECKING:
    from tests.simulation.engine.stack import Stack

EXPRESS_SECONDS = 300

EXPRESS_FAULTS = ("runs twice", "runs again later")


class Mailbox:
    """What a worker waits for. What arrives after it has stopped waiting changes nothing."""

    def __init__(self, timeline: Timeline) -> None:
        assert timeline.worker
        self._timeline, self._worker = timeline, timeline.worker
        self._letters = deque[Any]()
        self._is_open = True

    def put(self, letter: Any) -> None:
        self._letters.append(letter)
        if self._is_open:
            self._worker.resume_at(self._timeline.now)

    def take(self, seconds: float | None = None) -> Any:
        """Waits for the next letter; None if none comes in time."""
        until = None if seconds is None else self._timeline.now + seconds
        while not self._letters and (until is None or self._timeline.now < until):
            if until is not None:
                self._worker.resume_at(until)
            self._worker.wait()
        return self._letters.popleft() if self._letters else None

    def close(self) -> None:
        self._is_open = False


@dataclass
class EngineExecution(Execution):
    """An execution of the engine's state machine, or a child of it.

    Attributes:
        position: The state that it is in, with its input.
        outputs: The outputs of the children that have succeeded, by their type and their index.
    """

    job_id: str = ""
    position: tuple[str, Any] = ("", None)
    outputs: dict[tuple[str, int], Any] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)


class EngineMachine(TimedMachine):
    """A `TimedMachine` with distributed maps and time limits of tasks."""

    def __init__(self, definition: Mapping[str, Any], execution: EngineExecution, stack: "Stack") -> None:
        super().__init__(definition, execution, self._call, stack.timeline, stack.order)
        self._stack = stack
        self._run = execution
        self._seconds = 0.0

    def run_from(self, name: str, data: Any) -> Any:
        """Runs from a state to the end, and returns the output."""
        following: str | None = name
        while following:
            self._run.position = following, data
            self._run.states.append(following)
            data, following = self.run_state(following, data)
            self._run.written.append(json.dumps(data))
        return data

    def _call(self, _: Execution, function: str, event: Any) -> Any:
        return self._stack.run_task(self._run, function, event, self._seconds)

    def _do_work(self, state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Any:
        match state:
            case {"Type": "Map"}:
                return self._run_map(state, data)
            case {"Resource": "arn:aws:states:::dynamodb:updateItem", "TimeoutSeconds": seconds}:
                parameters = _fill_in(state["Parameters"], data) | {"TableName": "jobs"}
                return self._stack.update_record(self._run, parameters, seconds, self._run.position[0])
            case {"Type": "Task", "TimeoutSeconds": seconds}:
                self._seconds = seconds
        return super()._do_work(state, data, context)

    def _run_map(self, state: Mapping[str, Any], data: Any) -> list[Any]:
        items = [_fill_in(state["ItemSelector"], data, item) for item in _find(state["ItemsPath"], data)]
        kind: str = state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"]
        outputs, box = self._run.outputs, Mailbox(self._timeline)
        waiting = deque(index for index in range(len(items)) if (kind, index) not in outputs)
        running = dict[int, list[Worker]]()
        try:
            while waiting or running:
                while waiting and len(running) < state["MaxConcurrency"]:
                    index = waiting.popleft()
                    running[index] = self._start_child(state["ItemProcessor"], kind, index, items[index], box)
                index, status, output = box.take()
                del running[index]
                if status != "SUCCEEDED":
                    raise fail_task("States.ExceedToleratedFailureThreshold", f"child {index} {status}")
                outputs[kind, index] = output
        finally:
            box.close()
            for workers in running.values():
                for worker in workers:
                    self._timeline.after(0, partial(stop_worker, worker))
        return [outputs[kind, index] for index in range(len(items))]

    def _start_child(
        self, processor: Mapping[str, Any], kind: str, index: int, item: Any, box: Mailbox
    ) -> list[Worker]:
        """Starts a child. Returns the workers that end with the map."""
        is_express, ended = kind == "EXPRESS", list[str]()

        def run(run: int) -> None:
            arn = f"{self._run.arn}/{kind}:{index}" + ("" if run == 1 else f" run {run}")
            child = EngineExecution(arn, json.dumps(item), self._timeline.now, job_id=self._run.job_id)
            worker = self._timeline.worker
            assert worker
            child.worker = worker
            worker.deadline = self._timeline.now + EXPRESS_SECONDS if is_express else None
            output = self._stack.run_execution(child, processor, processor["StartAt"], item)
            self._stack.children.append(child)
            if not ended and child.status != "ABORTED":
                box.put((index, child.status, output))
            ended.append(child.status)

        fault = (
            self._stack.strike(EXPRESS_FAULTS, self._run.job_id, "state machine", "express child") if is_express else ""
        )
        delay = self._stack.order.uniform(0.01, 0.3)
        workers = [self._timeline.spawn(partial(run, 1), f"{self._run.name}/{index}", delay)]
        if fault:
            later = self._stack.order.choice((0.0, 0.3, 1.0, 30.0) if fault == "runs twice" else (150.0, 400.0, 2000.0))
            again = self._timeline.spawn(partial(run, 2), f"{self._run.name}/{index} again", delay + later)
            if fault == "runs twice":
                workers.append(again)
        return workers


def stop_worker(worker: Worker) -> None:
    """Kills a worker, from outside of any worker."""
    if worker.has_begun:
        worker.kill("aborted")
    else:
        worker.is_dead = True
