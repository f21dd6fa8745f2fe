"""The fault table: what was injected, what the user got, and whether anything was lost or billed twice."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.bench import Story
from videojobs.jobs.states import ENDED_STATES

TOLD = "got no usable answer"
"""Words of the notice that reports a call that may have created a further job."""


@dataclass(frozen=True)
class Expected:
    """How a story must end.

    Attributes:
        status: The ledger's status.
        notices: The outcomes of the notices.
        jobs: How many jobs the API creates, and so bills.
        unanswered: How many unanswered calls the ledger and the notice must report; each may have created a further
            job.
        reason: Words in the ledger's `error`.
        results: The results in the bucket; None for whatever the API sent.
        failed_outputs: The outputs that the ledger and the last notice must name as missing.
        told: Words in the last notice.
    """

    status: str = "done"
    notices: tuple[str, ...] = ("done",)
    jobs: int = 1
    unanswered: int = 0
    reason: str = ""
    results: bytes | None = None
    failed_outputs: tuple[str, ...] = ()
    told: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the table; `surprises` lists what is not as expected, and is empty when the test passes."""

    case: str
    injected: str
    seen: str
    lost: int = 0
    billed_twice: int = 0
    surprises: Sequence[str] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        twice = f"{self.billed_twice}, told" if self.billed_twice else "no"
        return self.case, self.injected, self.seen, str(self.lost) if self.lost else "no", twice


HEADINGS = ("case", "injected", "seen", "lost", "billed twice")


@dataclass
class Group:
    """The stories of one case, from which a row is made, each with its expected end.

    Attributes:
        seen: What the row's third column says; by default it describes the stories' ends.
    """

    case: str
    injected: str
    stories: list[Story] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    seen: str = ""

    def add(self, story: Story, expected: Expected) -> None:
        """Adds a story and its expected end."""
        self.stories.append(story)
        self.expected.append(expected)

    def to_row(self) -> Row:
        """Makes the row, once the bench has read how all uploads ended."""
        told = Counter(describe(story) for story in self.stories)
        of_how_many = f" of {len(self.stories)}: " if len(self.stories) > 1 else None
        seen = self.seen or "; ".join(f"{n}{of_how_many}{what}" if of_how_many else what for what, n in told.items())
        surprises = [
            surprise
            for story, expected in zip(self.stories, self.expected, strict=True)
            for surprise in find_surprises(story, expected)
        ]
        lost, further = sum(map(is_lost, self.stories)), sum(map(count_further, self.stories))
        return Row(self.case, self.injected, seen, lost, further, surprises)


def describe(story: Story) -> str:
    """Describes what the user got."""
    notices = Counter(notice.outcome for notice in story.notices)
    parts = [
        " and ".join(f"{name} {count} times" if count > 1 else name for name, count in notices.items()) or "no notice"
    ]
    if (reason := story.item.get("error")) and story.item.get("status") in ENDED_STATES:
        parts.append(f"“{reason}”")
    if failed := story.item.get("failed_outputs"):
        parts.append(f"missing: {', '.join(sorted(failed))}")
    calls = Counter(name for name, _ in story.outcomes)
    parts += [f"{name} {count} times" for name, count in calls.items() if count > 1]
    if unanswered := story.item.get("unanswered"):
        parts.append(f"told: {unanswered} unanswered")
    return "; ".join(parts)


def is_lost(story: Story) -> bool:
    """Tells whether an upload never ended, nobody was notified of its end, or its results are missing."""
    ended = story.item.get("status") in ENDED_STATES and "event_id" in story.item
    return not (ended and story.notices and (story.item["status"] != "done" or story.results is not None))


def count_further(story: Story) -> int:
    """Counts the jobs that are billed beyond one per attempt; an operator asked for the later attempts."""
    return max(0, story.jobs - story.attempt)


def find_surprises(story: Story, expected: Expected) -> Iterator[str]:
    """Yields every difference between a story's end and its expected end."""
    key, item = story.upload.key, story.item
    if item.get("status") != expected.status:
        yield f"{key}: it is {item.get('status')}, not {expected.status}: {item.get('error')}"
    if expected.reason not in (item.get("error") or ""):
        yield f"{key}: {item.get('error')!r} does not say {expected.reason!r}"
    if story.jobs != expected.jobs:
        yield f"{key}: the API made {story.jobs} jobs, not {expected.jobs}"
    if item.get("unanswered", 0) != expected.unanswered:
        yield f"{key}: {item.get('unanswered', 0)} calls are said to be unanswered, not {expected.unanswered}"
    if count_further(story) > item.get("unanswered", 0):
        yield f"{key}: {story.jobs} jobs are billed, and the ledger tells of {item.get('unanswered', 0)} calls"
    if expected.results is not None and story.results != expected.results:
        yield f"{key}: the results are not those that the API gave last"
    if is_lost(story):
        yield f"{key}: it is lost"
    missing = tuple(sorted(item.get("failed_outputs") or ()))
    if missing != expected.failed_outputs:
        yield f"{key}: the ledger names {missing} as missing, not {expected.failed_outputs}"
    yield from find_untold(story, expected)


def find_untold(story: Story, expected: Expected) -> Iterator[str]:
    """Yields what the notices fail to say, or say too often."""
    key = story.upload.key
    outcomes = tuple(notice.outcome for notice in story.notices)
    if outcomes != expected.notices:
        yield f"{key}: the notices are {outcomes}, not {expected.notices}"
    if any((TOLD in notice.text) != bool(expected.unanswered) for notice in story.notices):
        yield f"{key}: a notice does not tell of {expected.unanswered} unanswered calls"
    last_words = story.notices[-1].text if story.notices else ""
    for words in (*expected.failed_outputs, expected.told):
        if words not in last_words:
            yield f"{key}: the last notice does not say {words!r}"


def print_table(rows: Iterable[Row]) -> None:
    """Prints the table in Markdown."""
    print("| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS))
    for row in rows:
        print("| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in row.cells) + " |", flush=True)
