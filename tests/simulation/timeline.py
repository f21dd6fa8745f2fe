"""Simulated time: what happens next, and workers that the simulation lets go on one at a time.

A worker is a greenlet. Wherever it waits (a call to AWS, a sleep), it hands over to the timeline, which continues with
whoever is next. So the seed's random delays decide how workers interleave, and the same seed interleaves them again.
"""

import datetime as real
import heapq
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Any

from greenlet import getcurrent, greenlet

BEGIN = real.datetime(2026, 11, 1, tzinfo=real.UTC).timestamp()

SIMULATED_PACKAGES = (
    "videojobs",
    "videoengine",
    "videoinfer",
    "aws_lambda_powertools",
    "awslambdaric",
    "tests.lambda_runtime",
    "tests.stand_ins.state_machine",
    "tests.simulation.media",
)
"""The packages whose clock is the simulation's. AWS (moto) and boto3 keep the real one."""

_CLOCKS: tuple[Any, ...] = (real.datetime, real, time)


class Killed(BaseException):
    """Ends a worker where it waits: no code of a function may catch it."""


class Worker:
    """Something that takes simulated time: an invocation, an execution, or a person.

    Attributes:
        clock_ahead: How many seconds its clock is ahead.
        deadline: When it is killed; None for never.
        trickle: How many seconds each piece of the next file takes that it downloads.
        is_dead: It was killed, and must not act any more while its `finally` blocks run.
    """

    def __init__(self, timeline: "Timeline", act: Callable[[], None], name: str) -> None:
        self._greenlet = greenlet(act, timeline.hub)
        self.timeline = timeline
        self.name = name
        self.clock_ahead = 0.0
        self.deadline: float | None = None
        self.is_dead = False
        self.trickle = 0.0
        self._turn = 0

    def pause(self, seconds: float) -> None:
        """Waits. Raises Killed if that is over the deadline, or if somebody kills it meanwhile."""
        self.check_alive()
        until = self.timeline.now + seconds
        is_late = self.deadline is not None and until > self.deadline
        self.resume_at(min(until, self.deadline) if self.deadline is not None else until)
        self._switch()
        if is_late:
            self.is_dead = True
            raise Killed("timed out")

    def wait(self) -> None:
        """Waits until somebody calls `resume_at`. Raises Killed at the deadline."""
        self.check_alive()
        if self.deadline is not None:
            self.resume_at(self.deadline)
        self._switch()
        if self.deadline is not None and self.timeline.now >= self.deadline:
            self.is_dead = True
            raise Killed("timed out")

    def resume_at(self, moment: float) -> None:
        """Lets the worker go on then, unless something else has done that before."""
        turn = self._turn
        self.timeline.at(moment, lambda: self._go_on(turn))

    def kill(self, why: str = "killed") -> None:
        """Kills the worker where it waits."""
        if not self._greenlet.dead and not self.is_dead:
            self.is_dead = True
            has_begun = self.has_begun
            self._turn += 1
            if has_begun:
                self.timeline.enter(self, lambda: self._greenlet.throw(Killed(why)))

    @property
    def has_begun(self) -> bool:
        return self._turn > 0

    def die(self) -> None:
        """Ends at once. Raises Killed."""
        self.is_dead = True
        raise Killed("killed")

    def check_alive(self) -> None:
        if self.is_dead:
            raise Killed("dead")

    def _go_on(self, turn: int) -> None:
        if turn == self._turn and not self._greenlet.dead:
            self._turn += 1
            self.timeline.enter(self, self._greenlet.switch)

    def _switch(self) -> None:
        self.timeline.hub.switch()
        self.check_alive()


def _make_datetime(read_clock: Callable[[], float]) -> type[real.datetime]:
    """Returns a `datetime` whose `now` is the simulation's."""

    class IsDatetime(type):
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, real.datetime)

    class Clock(real.datetime, metaclass=IsDatetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            moment = real.datetime.fromtimestamp(read_clock(), tz or real.UTC)
            return moment if tz else moment.replace(tzinfo=None)

    return Clock


class Timeline:
    """What happens when.

    Attributes:
        now: In seconds since the epoch.
        worker: The worker that runs now.
    """

    def __init__(self) -> None:
        self.now = BEGIN
        self.hub = getcurrent()
        self.steps = 0
        self.worker: Worker | None = None
        self.datetime = _make_datetime(self.read_clock)
        self._events = list[tuple[float, int, Callable[[], None]]]()
        self._numbers = count()

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Calls `act` at a time, or at once if it is over."""
        heapq.heappush(self._events, (max(moment, self.now), next(self._numbers), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now + seconds, act)

    def spawn(self, act: Callable[[], None], name: str, after: float = 0.0) -> Worker:
        """Starts a worker."""
        worker = Worker(self, act, name)
        worker.resume_at(self.now + after)
        return worker

    def run(self, until: float) -> bool:
        """Lets everything happen in order. Returns whether nothing is left to happen before `until`."""
        while self._events and self._events[0][0] <= until:
            self.now, _, act = heapq.heappop(self._events)
            self.steps += 1
            act()
        return not self._events

    def enter(self, worker: Worker, switch: Callable[[], Any]) -> None:
        """Lets a worker run until it waits again."""
        self.worker = worker
        try:
            switch()
        finally:
            self.worker = None

    def read_clock(self) -> float:
        """Returns the time by the clock of the worker that runs now."""
        worker = self.worker
        return self.now + (worker.clock_ahead if worker else 0.0)

    def sleep(self, seconds: float) -> None:
        worker = self.worker
        assert worker, "only a worker may sleep"
        worker.pause(seconds)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Gives the simulation's clock to `SIMULATED_PACKAGES`."""
        clocks: tuple[Any, ...] = (
            self.datetime,
            SimpleNamespace(**{**vars(real), "datetime": self.datetime}),
            SimpleNamespace(**{**vars(time), **self._clocks()}),
        )
        places = _find_places(len(sys.modules))
        try:
            for module, name, number in places:
                setattr(module, name, clocks[number])
            yield
        finally:
            for module, name, number in places:
                setattr(module, name, _CLOCKS[number])

    def _clocks(self) -> dict[str, Any]:
        return {
            "time": self.read_clock,
            "monotonic": self.read_clock,
            "sleep": self.sleep,
            "time_ns": lambda: int(self.read_clock() * 10**9),
        }


@cache
def _find_places(_modules: int) -> list[tuple[ModuleType, str, int]]:
    """Finds where modules keep a clock: the module, the name, and the number of `_CLOCKS`.

    Args:
        _modules: How many modules are imported; if there are more, the places are found again.
    """
    simulated = [it for name, it in sys.modules.items() if _is_simulated(name)]
    return [
        (module, name, number)
        for module in simulated
        for name, value in vars(module).items()
        for number, clock in enumerate(_CLOCKS)
        if value is clock
    ]


def _is_simulated(name: str) -> bool:
    is_module = isinstance(sys.modules[name], ModuleType)
    return is_module and any(name == it or name.startswith(f"{it}.") for it in SIMULATED_PACKAGES)
