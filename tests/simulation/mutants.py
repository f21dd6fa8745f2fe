"""Bugs that are put back on purpose. Some life of the first seeds must break with each of them."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, get_args
from unittest.mock import patch

from tests.simulation.life import live
from videojobs import check_job, deliver_results, delivery_end, record_media, report_failure, send_digest
from videojobs.api import statuses
from videojobs.api.client import ResultsStream, VideoInferenceApi
from videojobs.api.turns import SharedTurns, Turn
from videojobs.jobs import ends, states
from videojobs.jobs.ends import compose_detail
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.states import JobState
from videojobs.jobs.unanswered import Unanswered
from videojobs.notices import digest
from videojobs.notices.notices import compose_failure
from videojobs.results import derivation

type Mutant = Callable[[], AbstractContextManager[Any]]

_ANY_CHANGE = dict.fromkeys(get_args(JobState), frozenset(get_args(JobState)))


def _forget(name: str) -> AbstractContextManager[Any]:
    """The ledger does not record an attribute."""
    record = Ledger.record

    def record_others(ledger: Ledger, *arguments: Any, **values: Any) -> None:
        values.pop(name, None)
        record(ledger, *arguments, **values)

    return patch.object(Ledger, "record", record_others)


def _record_anything() -> AbstractContextManager[Any]:
    record = Ledger.record

    def record_always(ledger: Ledger, upload: Any, attempt: int, *_: Any, **values: Any) -> None:
        record(ledger, upload, attempt, _ANY_CHANGE, **values)

    return patch.object(Ledger, "record", record_always)


def _locate_early() -> AbstractContextManager[Any]:
    save = deliver_results._Work.save_progress

    def save_with_location(work: Any, **further: Any) -> None:
        work.is_read_whole = True
        save(work, **further)

    return patch.object(deliver_results._Work, "save_progress", save_with_location)


def _never_release() -> AbstractContextManager[Any]:
    find = send_digest.find_outcome
    return patch.object(send_digest, "find_outcome", lambda sfn, arn: "told" if find(sfn, arn) == "told" else "running")


def _drop_one() -> AbstractContextManager[Any]:
    compose = digest.compose_digest
    return patch.object(send_digest, "compose_digest", lambda some, link: compose(some[1:] or some, link))


def _run_cancelled() -> AbstractContextManager[Any]:
    allowed: Any = states.CHANGES
    return patch.dict(allowed, {state: before | {"cancelled"} for state, before in allowed.items()})


def _tell_early() -> AbstractContextManager[Any]:
    report = report_failure.FailureReport.report

    def tell_and_report(it: Any, job: Job, status: JobState, reason: str, **how: Any) -> Any:
        if "notice_id" not in (it.ledger.read(job.upload, job.attempt) or {}):
            it._send(job, compose_failure(job, reason, age_seconds=0, api_failed=False))
        return report(it, job, status, reason, **how)

    return patch.object(report_failure.FailureReport, "report", tell_and_report)


def _compose_done(upload: Any, attempt: int, item: Any) -> Any:
    detail = compose_detail(upload, attempt, item)
    return {**detail, "status": "done"} if item["status"] == "failed" else detail


def _is_punctual(it: Any, booked_at: float) -> bool:
    return bool(it._clock() < booked_at + it._limit.lateness)


MUTANTS: Mapping[str, Mutant] = {
    "a cancelled job runs": _run_cancelled,
    "results without lists are done": lambda: patch.object(derivation, "_check_lengths", lambda *_: None),
    "throttling is a failure": lambda: patch.object(statuses, "_PASSING", {408, 425}),
    "a turn is not waited for": lambda: patch.object(SharedTurns, "take", lambda *_, **__: Turn()),
    "the API's key is in an error": lambda: patch.object(VideoInferenceApi, "clean", lambda _, words: str(words)),
    "one 404 ends a job": lambda: patch.object(check_job, "REFUSALS_MAX", 1),
    "the ledger takes any change": _record_anything,
    "results are recorded before they are stored": _locate_early,
    "a redelivery is told twice": lambda: _forget("told_redelivery"),
    "an event is published twice": lambda: _forget("event_id"),
    "a claim is never released": _never_release,
    "a digest leaves a notice out": _drop_one,
    "unanswered calls are not counted": lambda: patch.object(Unanswered, "with_one_more", lambda it, *_: it),
    "an end is told before it is recorded": _tell_early,
    "an event has another end": lambda: patch.object(ends, "compose_detail", _compose_done),
    "a job is given up early": lambda: patch.object(Job, "is_overdue", lambda it, now: it.seconds_left(now) < 3 * 3600),
    "a redelivery changes the cost": lambda: patch.object(delivery_end, "choose_costs", lambda _: {}),
    "the API's bill is forgotten": lambda: patch.object(Job, "with_answer", lambda it, _: it),
    "the job's record loses outputs": lambda: patch.object(record_media, "RECORD_FILE", "other.json"),
    "a booked turn ignores a pause": lambda: patch.object(SharedTurns, "_is_valid", _is_punctual),
    "bytes are stored twice": lambda: patch.object(ResultsStream, "skip", lambda *_: None),
}
"""By its story, what puts a bug back. The first six have happened."""


@dataclass(frozen=True)
class Hunt:
    """The search for a bug: in how many lives it was found, or None; and what broke."""

    story: str
    lives: int | None
    breach: str = ""


def hunt(story: str, seeds: int) -> Hunt:
    """Lives with a bug until a life breaks."""
    with MUTANTS[story]():
        for seed in range(seeds):
            if breaches := live(seed).breaches:
                return Hunt(story, seed + 1, breaches[0])
    return Hunt(story, None)


def hunt_all(seeds: int) -> Iterator[Hunt]:
    """Hunts each bug, side by side."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(hunt, MUTANTS, [seeds] * len(MUTANTS))
