"""The ten commonest faults in pairs: `python -m tests.faults --pairs` prints how they end.

Each two faults happen to one upload together, one after the other, and in the reverse order. Together means that both
wait for their calls from the beginning, so that they may happen within one invocation.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Literal

from tests.faults.bench import Bench, Story, WireFaults
from tests.faults.cases import RESULTS
from tests.faults.function_host import WireFault
from tests.faults.table import Expected, Row, count_further, find_surprises, is_lost
from tests.local_aws.pipelines import list_executions
from tests.stand_ins.faulty_api import Fault, Script
from videojobs.jobs.ledger import name_execution
from videojobs.jobs.uploads_queue import RECEIVES_MAX

type Order = Literal["together", "in order"]
type End = Literal["done", "failed"]


@dataclass(frozen=True)
class CommonFault:
    """A fault that every pipeline of this kind meets in its first month.

    Attributes:
        why: Its usual causes.
        creations, statuses: The API's answers.
        downloads: The answers of the API's storage, by invocation of `deliver_results`.
        wire: What happens to the functions' calls; `report_failure` runs only for failed jobs, `deliver_results` only
            for jobs that are done.
        is_repeated: Whether each message of the uploads queue, and each event of a failed execution, is delivered
            twice.
        unanswered: How many calls the ledger must report as unanswered.
        jobs: How many further jobs the API creates that no execution waits for.
    """

    name: str
    why: str
    creations: Sequence[Fault] = ()
    statuses: Sequence[Fault] = ()
    downloads: Sequence[Sequence[Fault]] = ()
    wire: WireFaults = field(default_factory=dict)
    is_repeated: bool = False
    unanswered: int = 0
    jobs: int = 0

    @property
    def is_about_results(self) -> bool:
        """Whether it affects only the delivery of results, or uploads."""
        return bool(self.downloads or (self.wire and "report_failure" not in self.wire))

    def count_invocations(self, function: str) -> int:
        """How many invocations of a function fail because of this fault alone."""
        answers = {
            "create_job": len(self.creations),
            "check_job": len(self.statuses),
            "deliver_results": len(self.downloads),
        }
        return max(answers.get(function, 0), len(self.wire.get(function, ())))


def _refuse(call: str, code: str, status_code: int = 400, after: str = "") -> list[list[WireFault]]:
    """Refuses all such calls of one invocation, more often than boto3 retries."""
    return [[WireFault("refuse", call=call, after=after, times=99, code=code, status_code=status_code)]]


_THROTTLED = "ProvisionedThroughputExceededException"
_RETRY_LATER = {"Retry-After": "90"}

FAULTS = (
    CommonFault(
        "API 503",
        "a deployment or overload of the API",
        [Fault(503, {})],
        [Fault(503, {})],
        unanswered=1,  # a gateway may answer so after the API has acted
    ),
    CommonFault(
        "API 429", "a bulk upload, or others who use the key", [Fault(429, {})], [Fault(429, {}, _RETRY_LATER)]
    ),
    CommonFault(
        "answer lost",
        "a connection that breaks, or a gateway's time-out, after the API has made the job",
        [Fault(ending="reset", acts=True)],
        unanswered=1,
        jobs=1,
    ),
    CommonFault("link expired", "results that wait for a delivery", downloads=[[Fault(403, b""), Fault(403, b"")]]),
    CommonFault(
        "storage",
        "storage that slows down (503), then resets a long download",
        downloads=[[Fault(503, b"")], [Fault(ending="reset in the body", acts=True)]],
    ),
    CommonFault(
        "DynamoDB",
        "throttling of a table that scales up",
        wire={
            "create_job": _refuse("dynamodb:", _THROTTLED, after="api:POST videoinfer"),
            "check_job": _refuse("dynamodb:", _THROTTLED),
            "deliver_results": _refuse("dynamodb:", _THROTTLED, after="s3:PutObject"),
            "report_failure": _refuse("dynamodb:", _THROTTLED),
        },
    ),
    CommonFault(
        "SNS",
        "throttling of Publish",
        wire={name: _refuse("sns:", "Throttling") for name in ("deliver_results", "report_failure")},
    ),
    CommonFault(
        "S3",
        "503 SlowDown of a new prefix",
        wire={
            "create_job": _refuse("s3:HeadObject", "SlowDown", 503),
            "deliver_results": _refuse("s3:PutObject", "SlowDown", 503),
        },
    ),
    CommonFault(
        "killed",
        "time-outs, too little memory, hosts that are replaced",
        wire={
            "create_job": [[WireFault("kill before", call="stepfunctions:StartExecution")]],
            "check_job": [[WireFault("kill before", call="dynamodb:UpdateItem")]],
            "deliver_results": [[WireFault("kill after", call="s3:PutObject")]],  # only the results are stored by then
            "report_failure": [[WireFault("kill before", call="sns:Publish")]],
        },
    ),
    CommonFault("twice", "S3, SQS and EventBridge deliver at least once", is_repeated=True),
)


@dataclass(frozen=True)
class Pair:
    """Two faults that happen to one upload, whose job is `done` or `failed` at the API."""

    first: CommonFault
    second: CommonFault
    order: Order
    end: End = "done"

    @property
    def name(self) -> str:
        joined = " with " if self.order == "together" else ", then "
        return f"{self.first.name}{joined}{self.second.name}" + (", and the job fails" if self.end == "failed" else "")

    @property
    def script(self) -> Script:
        """The API's answers."""
        both = (self.first, self.second)
        final = [Fault(body={"status": 2, "error": "It failed."})] * 10 if self.end == "failed" else []
        return Script(
            [answer for fault in both for answer in fault.creations],
            [answer for fault in both for answer in fault.statuses] + final,
            [answer for fault in both for answers in fault.downloads for answer in answers],
        )

    @property
    def wire(self) -> WireFaults:
        """What happens to the functions' calls."""
        functions = ["create_job", "check_job", "deliver_results" if self.end == "done" else "report_failure"]
        return {function: self._order(function) for function in functions}

    def _order(self, function: str) -> Sequence[Sequence[WireFault]]:
        first, second = (list(fault.wire.get(function, ())) for fault in (self.first, self.second))
        if self.order == "together":
            nothing: Sequence[WireFault] = ()
            return [[*one, *other] for one, other in itertools.zip_longest(first, second, fillvalue=nothing)]
        before = self.first.count_invocations(function)
        return [*first, *([[]] * (before - len(first))), *second]

    @property
    def expected(self) -> Expected:
        """How the story must end."""
        jobs, unanswered = STATED.get((self.first.name, self.second.name, self.order), (0, 0))
        both = (self.first, self.second)
        return Expected(
            self.end,
            ("done",) if self.end == "done" else ("failed",),
            jobs=1 + jobs + sum(fault.jobs for fault in both),
            unanswered=unanswered + sum(fault.unanswered for fault in both),
            reason="" if self.end == "done" else "It failed.",
            results=RESULTS if self.end == "done" else None,
        )


STATED: Mapping[tuple[str, str, Order], tuple[int, int]] = {
    # The call is counted before it is made, and DynamoDB refuses to record the API's 429: the count is too high.
    ("API 429", "DynamoDB", "together"): (0, 1),
    ("DynamoDB", "API 429", "in order"): (0, 1),
    # DynamoDB refuses to record the API's answer, and the function dies before it has started the execution.
    ("DynamoDB", "killed", "together"): (1, 1),
}
"""Pairs that cost more than the sum of their faults: further jobs, and further calls that the ledger must report.

docs/architecture.md gives the reason: the hosted API has no idempotency keys.
"""


def list_pairs(end: End) -> Iterator[Pair]:
    """All pairs; a fault paired with itself happens twice in a row. Some faults need a job that is done."""
    faults = [fault for fault in FAULTS if end == "done" or not fault.is_about_results]
    for fault in faults:
        yield Pair(fault, fault, "in order", end)
    for first, second in itertools.combinations(faults, 2):
        yield Pair(first, second, "together", end)
        yield Pair(first, second, "in order", end)
        yield Pair(second, first, "in order", end)


ALL_PAIRS = (*list_pairs("done"), *list_pairs("failed"))
SOME_PAIRS = ALL_PAIRS[::7]


@dataclass
class PairStory:
    """What happened to an upload under a pair of faults; `surprises` lists what is wrong."""

    pair: Pair
    story: Story
    surprises: Sequence[str] = ()

    @property
    def bill(self) -> str:
        """The matrix's cell: how many jobs the API created, and whether anything is wrong."""
        bill = "1" if self.story.jobs == 1 else f"{self.story.jobs}, told"
        return f"WRONG: {bill}" if self.surprises else bill


def run_pairs(bench: Bench, pool: Executor, pairs: Sequence[Pair]) -> list[PairStory]:
    """Runs every pair's story; `judge` finds what is wrong once the bench has finished."""
    stories = pool.map(lambda it: run_pair(bench, *it), enumerate(pairs))
    return list(map(PairStory, pairs, stories))


def run_pair(bench: Bench, number: int, pair: Pair) -> Story:
    """Runs an upload from its event to its end."""
    copies = 1 + pair.first.is_repeated + pair.second.is_repeated
    story = bench.begin(bench.upload(f"pair-{number}.mp4", pair.script), pair.wire)
    receive_copies(bench, story, copies)
    event = bench.execute(story)
    for _ in range(copies if event else 0):
        bench.report(story, event)
    if copies > 1:
        receive_copies(bench, story, 1)
    return story


def receive_copies(bench: Bench, story: Story, copies: int) -> None:
    """Passes several copies of the upload's message in turn, each until it is processed."""
    left = list(range(copies))
    for _ in range(RECEIVES_MAX):
        left = [copy for copy in left if not bench.receive(story, receives_max=1)]
        if not left:
            return


def judge(bench: Bench, stories: Sequence[PairStory]) -> None:
    """Finds the surprises, after the bench has finished."""
    listed = list_executions(bench.aws.clients, bench.pipeline.pipeline.state_machine_arn)
    executions = Counter(arn.rpartition(":")[2] for arn in listed)
    for it in stories:
        started = executions[name_execution(it.story.upload, it.story.attempt)]
        it.surprises = [
            *find_surprises(it.story, it.pair.expected),
            *find_idle_faults(bench, it),
            *([] if started == 1 else [f"{started} executions were started"]),
        ]


def find_idle_faults(bench: Bench, it: PairStory) -> Iterator[str]:
    """Yields the faults that never happened, because such a story shows nothing about them.

    A fault may affect fewer functions than it could: once there is a job, `create_job` makes fewer calls.
    """
    left = {function: list(itertools.chain(*faults)) for function, faults in it.story.faults.items()}
    for fault in (it.pair.first, it.pair.second):
        wire = {function: faults for function, faults in fault.wire.items() if function in it.pair.wire}
        if wire and all(faults[0][0] in left[function] for function, faults in wire.items()):
            yield f"{fault.name} did not strike"
    script = bench.api.scripts[it.story.upload.key]
    if script.creations or script.downloads or (script.statuses and it.pair.end == "done"):
        yield f"these answers were not asked for: {script}"


def make_row(stories: Sequence[PairStory]) -> Row:
    """Summarizes all pairs as one row of the fault table."""
    surprises = [f"{it.pair.name}: {surprise}" for it in stories for surprise in it.surprises]
    told = sum(it.story.item.get("status") == it.pair.end and bool(it.story.notices) for it in stories)
    lost, further = (sum(count(it.story) for it in stories) for count in (is_lost, count_further))
    injected = f"{len(stories)} of {len(ALL_PAIRS)} pairs of the {len(FAULTS)} commonest faults"
    seen = f"{told} of {len(stories)}: the end that the API said, told"
    return Row("two faults strike one upload", injected, seen, lost, further, surprises)


def print_matrix(stories: Sequence[PairStory], end: End) -> None:
    """Prints, in Markdown, how many jobs were billed for one upload.

    Above the diagonal, the faults of row and column happen together. Below it, they happen in the order row, column
    and, after the slash, in the order column, row. On it, one fault happens twice.
    """
    names = [fault.name for fault in FAULTS]
    bills = {(it.pair.first.name, it.pair.second.name, it.pair.order): it.bill for it in stories if it.pair.end == end}

    def cell(row: int, column: int) -> str:
        first, second = names[row], names[column]
        if row < column:
            return bills.get((first, second, "together"), "-")
        orders = [bills.get((first, second, "in order"), "-"), bills.get((second, first, "in order"), "-")]
        return orders[0] if len(set(orders)) == 1 else " / ".join(orders)

    print(f"| the job is {end} | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for row, name in enumerate(names):
        print(f"| {name} | " + " | ".join(cell(row, column) for column in range(len(names))) + " |", flush=True)
