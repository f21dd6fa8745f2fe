"""A digest: one mail about all notices since the last one."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from videojobs.notices.notices import PROBLEMS, SUBJECT_MAX_CHARACTERS, Outcome
from videojobs.notices.pending_notices import PendingNotice
from videojobs.results.sightings import show_count

MESSAGE_MAX_BYTES = 100_000
"""Maximum size of a digest in JSON, which escapes characters: it is in the data of an execution, which may have 256 KB.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

LAST_LINES_BYTES = 500
"""Room for saying how many notices are left out."""

type Link = Callable[[PendingNotice], str]
"""Returns the link to the results of a notice's job, at the first moment when a condition held."""


@dataclass(frozen=True)
class Digest:
    """A mail."""

    subject: str
    message: str


def compose_digest(notices: Sequence[PendingNotice], link: Link) -> Digest:
    """Composes the digest of at least one notice: counts, conditions that held, problems, and then the others.

    If they don't all fit, it says how many are left out; the counts include them.
    """
    ordered = sorted(notices, key=lambda notice: (_rank(notice), notice.recorded_at, notice.id))
    counts = Counter(notice.outcome for notice in ordered)
    held = Counter(notice.outcome for notice in ordered if notice.rules)
    told = [
        f"{count:,} {outcome}" + (f" ({held[outcome]:,} with a condition that held)" if held[outcome] else "")
        for outcome, count in sorted(counts.items(), key=_rank_count)
    ]
    first, last = (pick(notice.recorded_at for notice in ordered) for pick in (min, max))
    count = show_count(len(ordered), "notice", "notices")
    lines = [f"{count} from {_show(first)} to {_show(last)} UTC", ", ".join(told)]
    room = MESSAGE_MAX_BYTES - LAST_LINES_BYTES - _measure(lines)
    for number, (title, notice) in enumerate(_walk_titles(ordered)):
        entry = [*(["", title] if title else []), "", *_describe(notice, link)]
        room -= _measure(entry)
        if room < 0:
            left = len(ordered) - number
            lines += ["", f"{left:,} more did not fit. To list all jobs, run:", "", "  videoinfer jobs"]
            break
        lines += entry
    return Digest(_compose_subject(told), "\n".join(lines))


_TITLES = ("A CONDITION HELD", "PROBLEMS", "OTHERS")


def _compose_subject(told: Sequence[str]) -> str:
    """Returns a subject with the first counts that fit."""
    subject = f"Digest: {', '.join(told)}"
    if len(subject) <= SUBJECT_MAX_CHARACTERS:
        return subject
    return f"{subject[: SUBJECT_MAX_CHARACTERS - len(', ...')].rpartition(', ')[0]}, ..."


def _rank_count(counted: tuple[Outcome, int]) -> tuple[bool, int, str]:
    """Problems come first, and then what occurs most."""
    outcome, count = counted
    return outcome not in PROBLEMS, -count, outcome


def _rank(notice: PendingNotice) -> int:
    return 0 if notice.rules else 1 if notice.is_problem else 2


def _walk_titles(ordered: Sequence[PendingNotice]) -> Iterator[tuple[str, PendingNotice]]:
    """Yields each notice, with a title if it is the first below it."""
    before = None
    for notice in ordered:
        rank = _rank(notice)
        yield ("" if rank == before else _TITLES[rank]), notice
        before = rank


def _describe(notice: PendingNotice, link: Link) -> Iterator[str]:
    yield f"{notice.outcome}: {PurePosixPath(notice.video).name}"
    if notice.brief:
        yield f"  {notice.brief}"
    if notice.outcome in ("done", "annotated", "dataset"):
        yield f"  {link(notice)}"
    if notice.is_problem:
        command = notice.next_step or f"videoinfer show {notice.upload_id}-{notice.attempt}"
        yield from (f"  {line.strip()}" for line in command.splitlines())
    yield f"  {notice.video}"


def _measure(lines: Sequence[str]) -> int:
    return len(json.dumps("\n".join(lines))) + len("\\n")


def _show(time: str) -> str:
    return time[: len("2026-11-28T22:30")].replace("T", " ")
