"""The timeline of a job, from the ledger and the history of its execution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from videoinfer.aws_clients import AwsClients
from videoinfer.upload_progress import Step, list_steps, read_history

_POLL = "Check Job: "


@dataclass(frozen=True)
class Moment:
    """One line of a job's history."""

    at: datetime
    what: str


def read_job_history(clients: AwsClients, item: Mapping[str, Any]) -> list[Moment]:
    """The history of a job in the ledger, the earliest first.

    Step Functions keeps a history for 90 days after its end. Without it, the timeline has only the ledger's times.
    """
    steps: Sequence[Step] = []
    if arn := item.get("execution_arn"):
        with suppress(clients.stepfunctions.exceptions.ExecutionDoesNotExist):
            steps = list(list_steps(read_history(clients, arn)))
    return compose_job_history(item, steps)


def compose_job_history(item: Mapping[str, Any], steps: Iterable[Step]) -> list[Moment]:
    """The moments from the ledger and from an execution's steps. Polls with the same outcome become one, the last.

    The end comes after the polls, whatever the clocks say: the clock of a person's machine writes the end of a canceled
    job, while a poll may still be in progress.
    """
    told = [("recorded_at", "Upload seen"), ("created_at", f"Job {item.get('job_id')} created at the API")]
    if item["status"] == "waiting" and "error" in item:
        told.append(("updated_at", f"Not created yet: {item['error']}"))
    ended = [("finished_at", f"Ended: {item['status']}")]
    passed = [*_read_times(item, told), *_compose_steps(steps)]
    last_poll = max((moment.at for moment in passed if moment.what.startswith(_POLL)), default=None)
    # The ledger's times are whole seconds. Within one second, beginnings come before the steps, and the end after them.
    placed = [(moment.at, moment) for moment in passed]
    placed += [(max(moment.at, last_poll or moment.at), moment) for moment in _read_times(item, ended)]
    return [moment for _, moment in sorted(placed, key=lambda place: place[0].replace(microsecond=0))]


def _read_times(item: Mapping[str, Any], told: Iterable[tuple[str, str]]) -> Iterator[Moment]:
    return (Moment(datetime.fromisoformat(item[name]), what) for name, what in told if item.get(name))


def _compose_steps(steps: Iterable[Step]) -> Iterator[Moment]:
    outcomes = [step for step in steps if step.outcome is not None]
    for (state, outcome), group in groupby(outcomes, key=lambda step: (step.state, step.outcome)):
        same = list(group)
        yield Moment(same[-1].at, f"{state}: {outcome}{_count(same)}")


def _count(same: Sequence[Step]) -> str:
    first, last = same[0].polls, same[-1].polls
    if first is None:
        return f" ({len(same)} times)" if len(same) > 1 else ""
    return f" (poll {first})" if first == last else f" (polls {first} to {last})"
