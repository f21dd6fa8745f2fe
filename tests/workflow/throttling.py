"""Simulates a bulk upload in an account that may run 10 functions at once: what do retries cost, compared to functions?

Both applications' steps compete for the account's concurrency, with the retriers of the real definitions.
`python -m tests.workflow.throttling` prints the table.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from tests.templates import find_resources
from tests.workflow.retriers import find_delay
from tests.workflow.test_definitions import find_tasks
from videojobs.jobs.costs import PRICES

CONCURRENCY = 10
"""The concurrency of a new account: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

VIDEOS = 1_000

SECONDS = {
    "Create Job": 1.0,
    "Check Job": 0.4,
    "Deliver Results": 1.5,
    "Fetch Video": 3.0,
    "Plan Job": 1.5,
    "Infer Segment": 2.7,
    "Merge Results": 1.0,
}
"""Seconds that a warm function takes for a minute of 1080p30 at 5 frames a second.

Cold starts would add compute, but no retries. `python -m bench.price` measures 0.37 s of one CPU with AVX-512 for each
second of video, `python -m bench.delivery` measures the delivery.
"""

SEGMENTS = 8
"""How many segments the engine cuts such a video into: it considers 2 s of work worth a worker."""

CREATORS = 5
"""How many uploads become jobs at the same time: the queue's MaximumConcurrency."""

POLL_SECONDS = 60

EXPRESS_USD_PER_SECOND = 64 / 1024 * 0.00001667
"""An Express execution's price, in the first tier: 64 MB. Requests cost $1 a million more.

Source: https://aws.amazon.com/step-functions/pricing/
"""

EXPRESS = "Infer Segment in Express"

QUEUE_SECONDS = 1.0
"""Seconds before the queue's poller tries again, which costs no state transition."""


@dataclass
class Account:
    """Runs functions while the account has room, and retries the others.

    Attributes:
        retriers: Each step's retrier for Lambda's refusals.
        memory_gigabytes: Memory of each step's function.
        seed: Seed of the jitter.
        now: The simulated time in seconds.
        running: How many functions are running.
        runs, retries: Counts by step.
        express_seconds: How long Express executions waited for functions.
    """

    retriers: Mapping[str, Mapping[str, Any]]
    memory_gigabytes: Mapping[str, float]
    seed: int = 1
    now: float = 0.0
    running: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    express_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  # a simulation
        self._events = list[tuple[float, int, Callable[[], None]]]()
        self._numbers = count()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Calls `act` after some simulated seconds."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), act))

    def run_express(self, then: Callable[[], None], leave: Callable[[], None], attempt: int = 0) -> None:
        """Infers a segment in an Express execution, in which retries are free, but time is not.

        Args:
            leave: Called in place of `then` after the last retry.
        """
        if self.running < CONCURRENCY:
            self.run("Infer Segment", then)
        elif attempt == self.retriers[EXPRESS]["MaxAttempts"]:
            leave()
        else:
            delay = find_delay(self.retriers[EXPRESS], attempt) * self._random.random()
            self.express_seconds += delay
            self.after(delay, lambda: self.run_express(then, leave, attempt + 1))

    def run(self, step: str, then: Callable[[], None], attempt: int = 0) -> None:
        """Runs a step's function, at once or after retries, and then calls `then`."""
        if self.running == CONCURRENCY:
            if step in self.retriers:
                self.retries[step] += 1
                delay = find_delay(self.retriers[step], attempt) * self._random.random()
            else:
                delay = QUEUE_SECONDS
            self.after(delay, lambda: self.run(step, then, attempt + 1))
            return
        self.running += 1
        self.runs[step] += 1
        self.after(SECONDS[step], lambda: self._end(then))

    def _end(self, then: Callable[[], None]) -> None:
        self.running -= 1
        then()

    def finish(self) -> None:
        """Runs the simulation until nothing is left to do."""
        while self._events:
            self.now, _, act = heapq.heappop(self._events)
            act()

    @property
    def compute_usd(self) -> float:
        """What the functions' runs cost."""
        gigabyte_seconds = sum(n * SECONDS[step] * self.memory_gigabytes[step] for step, n in self.runs.items())
        requests = self.runs.total() * PRICES["lambda_requests"].usd
        return gigabyte_seconds * PRICES["lambda_gigabyte_seconds"].usd + requests

    @property
    def retries_usd(self) -> float:
        """What the retries cost; each is a state transition: https://aws.amazon.com/step-functions/pricing/"""
        waits = self.express_seconds * EXPRESS_USD_PER_SECOND
        return self.retries.total() * PRICES["state_transitions"].usd + waits

    @property
    def busy_seconds(self) -> float:
        """Seconds that everything would take at full concurrency."""
        return sum(n * SECONDS[step] for step, n in self.runs.items()) / CONCURRENCY


def open_account(application: str, seed: int) -> Account:
    """Makes an account with an application's own retriers and memory."""
    retriers = {name: task["Retry"][0] for name, task in find_tasks(application)}
    express = dict(find_tasks(application, express=True))
    if express:
        retriers[EXPRESS] = express["Infer Segment"]["Retry"][0]
    functions = find_resources(application, "AWS::Serverless::Function")
    memory = {
        step: functions[f"{step.replace(' ', '')}Function"]["Properties"]["MemorySize"] / 1024
        for step in SECONDS
        if f"{step.replace(' ', '')}Function" in functions
    }
    return Account(retriers, memory, seed)


def run_pipeline(account: Account, polls_max: int = 3) -> None:
    """Uploads become jobs as fast as the queue allows; the hosted API is done after some polls."""
    uploads, choose = count(), random.Random(account.seed)  # noqa: S311

    def create() -> None:
        if next(uploads) < VIDEOS:
            account.run("Create Job", created)

    def created() -> None:
        polls = choose.randint(1, polls_max)
        account.after(POLL_SECONDS, lambda: check(polls))
        create()

    def check(polls: int) -> None:
        account.run("Check Job", lambda: checked(polls - 1))

    def checked(polls: int) -> None:
        if polls:
            account.after(POLL_SECONDS, lambda: check(polls))
        else:
            account.run("Deliver Results", lambda: None)

    for _ in range(CREATORS):
        create()
    account.finish()


def run_engine(account: Account) -> None:
    """All jobs start at once."""

    def plan() -> None:
        account.run("Plan Job", infer)

    def infer() -> None:
        left = list[bool]()

        def end(*, is_left: bool) -> None:
            left.append(is_left)
            if len(left) == SEGMENTS:
                infer_remaining(account, sum(left))

        for _ in range(SEGMENTS):
            account.run_express(partial(end, is_left=False), partial(end, is_left=True))

    for _ in range(VIDEOS):
        account.run("Fetch Video", plan)
    account.finish()


def infer_remaining(account: Account, segments: int) -> None:
    """Infers what Express executions left, and merges the results."""
    left = iter(range(segments - 1, -1, -1))

    def inferred() -> None:
        if next(left, 0) == 0:
            account.run("Merge Results", lambda: None)

    for _ in range(segments):
        account.run("Infer Segment", inferred)
    if not segments:
        inferred()


RUNS: Mapping[str, Callable[[Account], None]] = {"pipeline": run_pipeline, "engine": run_engine}


def describe(application: str, account: Account) -> Sequence[str]:
    """The cells of an application's row."""
    retries = account.retries.total() / VIDEOS
    return (
        application,
        f"{account.busy_seconds / 60:.0f} min",
        f"{account.now / 60:.0f} min",
        f"{retries:.1f}",
        f"${account.retries_usd:.3f}",
        f"${account.compute_usd:.3f}",
    )


def main() -> None:
    print("| of 1,000 videos | busy | took | retries a video | retries | compute |\n|---|---|---|---|---|---|")  # noqa: T201
    for application, run in RUNS.items():
        account = open_account(application, 1)
        run(account)
        print("| " + " | ".join(describe(application, account)) + " |")  # noqa: T201


if __name__ == "__main__":
    main()
