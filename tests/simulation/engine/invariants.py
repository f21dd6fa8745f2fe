"""What must hold in every life of the engine, whatever its seed."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.simulation.engine import storage
from tests.simulation.engine.stack import STEPS, WARMING_CALLS, Stack
from tests.simulation.engine.worker_calls import WARM_UP

if TYPE_CHECKING:
    from tests.simulation.engine.life import People, Poll

DONE, RUNNING, FAILED = "0", "1", "2"

ALLOWED = frozenset(((None, RUNNING), (RUNNING, DONE), (RUNNING, FAILED)))
"""Changes of a record's status. Not the product's conditions, so that a mistake there is found."""

_OBJECT = re.compile(r"jobs/([0-9a-f-]{36})/(video|results\.json|segments/\w+(\.json)?|parts/\d{5}/[\w.-]+\.jsonl)")

TRIES = 4
"""How often a step is tried before the state machine blames it."""

CALL_SECONDS_MAX = 3.5
"""How long a job may wait for a call of a function. In a life, calls are made one after the other."""

type Expected = Mapping[tuple[str, int], bytes]


def find_breaches(stack: Stack, people: "People", expected: Expected) -> list[str]:
    """Returns what does not hold at the end of a life."""
    records = storage.list_records()
    polls = defaultdict[str, list["Poll"]](list)
    for poll in sorted(people.polls, key=lambda it: it.answered_at):
        polls[poll.job_id].append(poll)
    breaches = [
        *_check_changes(stack, people, expected),
        *_check_creations(people),
        *_check_objects(stack, people),
        *_check_waiting(stack),
        *_check_workers_calls(stack),
        *_check_secrets(stack, people, records),
    ]
    for job_id in stack.requests:
        breaches += [f"{job_id[:8]} {it}" for it in _check_polls(stack, people, expected, job_id, polls[job_id])]
        if job_id in people.deleted:
            if job_id in records and "models" not in records[job_id]:
                breaches.append(f"{job_id[:8]} was deleted, and is there in part")
        else:
            breaches += [f"{job_id[:8]} {it}" for it in _check_end(stack, people, job_id, polls[job_id])]
            breaches += [f"{job_id[:8]} {it}" for it in _check_segments(records[job_id])]
            breaches += [f"{job_id[:8]} {it}" for it in _check_cost(stack, job_id, records[job_id])]
    return breaches


def _list_results(stack: Stack, people: "People", expected: Expected, job_id: str) -> list[bytes]:
    """Returns the results that a job may have: those of its video, or of the one that replaced it."""
    request = stack.requests[job_id]
    videos = {
        people.videos[request.place],
        *([people.replaced[request.place]] if request.place in people.replaced else []),
    }
    return [expected[video, request.infer_fps] for video in sorted(videos) if (video, request.infer_fps) in expected]


def _check_changes(stack: Stack, people: "People", expected: Expected) -> Iterator[str]:
    for change in stack.changes:
        if (change.before, change.after) not in ALLOWED and change.job_id not in people.deleted:
            yield f"{change.job_id[:8]} became {change.after} after {change.before}, by {change.by}"
        if (
            change.job_id not in people.deleted
            and change.after == DONE
            and change.results not in _list_results(stack, people, expected, change.job_id)
        ):
            yield f"{change.job_id[:8]} became done with other results than one sequential run"


def _check_polls(stack: Stack, people: "People", expected: Expected, job_id: str, polls: "list[Poll]") -> Iterator[str]:
    """What clients see never goes backwards, and there is one end."""
    owner = people.group_of_digest(stack.requests[job_id].key_digest)
    allowed = _list_results(stack, people, expected, job_id)
    shown = list["Poll"]()
    for poll in polls:
        if people.group_of(poll.api_key) != owner:
            if poll.status_code == 200:
                yield "is shown to another key"
            continue
        if poll.status_code == 404 and job_id not in people.deleted:
            yield "is not found"
        if poll.status_code != 200:
            continue
        known = [it for it in shown if it.answered_at <= poll.sent_at]
        yield from _compare(known, poll) if job_id not in people.deleted else ()
        if poll.body["status"] == 0 and poll.results not in allowed and job_id not in people.deleted:
            yield "is done with other results than one sequential run"
        if poll.body["status"] == 2 and not poll.body.get("error"):
            yield "has failed without a reason"
        shown.append(poll)


def _compare(known: "list[Poll]", poll: "Poll") -> Iterator[str]:
    status, progress, cost = (poll.body.get(it) for it in ("status", "progress", "cost_usd"))
    ends = {it.body["status"] for it in known} - {1}
    if ends - {status}:
        yield f"was shown as {ends}, then as {status}"
    highest = max((it.body.get("progress", -1) for it in known if it.body["status"] == 1), default=-1)
    if status == 1 and (-1 if progress is None else progress) < highest:
        yield f"had progress {highest}, then {progress}"
    if not 0 <= (progress or 0) <= 100:
        yield f"has progress {progress}"
    if (cost or 0) < max((it.body.get("cost_usd", 0) for it in known), default=0):
        yield f"its cost went back to {cost}"


def _check_end(stack: Stack, people: "People", job_id: str, polls: "list[Poll]") -> Iterator[str]:
    """Every job comes to an end, and one that fails has a reason for that."""
    *_, last = [
        it for it in polls if people.group_of(it.api_key) == people.group_of_digest(stack.requests[job_id].key_digest)
    ]
    status = last.body.get("status")
    if last.status_code != 200 or status not in (0, 2):
        yield f"never ends: {last.status_code} {last.body}"
    elif status == 2 and not _is_explained(stack, people, job_id, last.body["error"]):
        yield f"failed: {last.body['error']}"
    elif status == 0 and "cost_usd" not in last.body:
        yield "is done, and does not say what it cost"


def _is_explained(stack: Stack, people: "People", job_id: str, reason: str) -> bool:
    """Whether what happened to a job explains why it failed."""
    request = stack.requests[job_id]
    struck = stack.struck_jobs
    is_changed = bool(people.taken) or request.place in people.replaced
    if people.videos[request.place] not in ("belt", "gate") or is_changed:
        return True
    if found := re.search(r"(\w+) failed each time it was tried", reason):
        return struck[job_id, found[1]] + struck[job_id, "state machine"] >= TRIES
    if "could not record" in reason:
        return struck[job_id, "state machine"] >= TRIES
    if "can't be run" in reason:
        return bool(people.broken_at)
    if "could not be fetched" in reason:
        return struck[job_id, "fetch_video"] > 0
    if "There is no video" in reason:
        return request.place in people.missing
    if "did not finish within" in reason:
        ended = [it for it in stack.executions.values() if it.job_id == job_id]
        strikes = sum(struck[job_id, it] for it in (*STEPS, "state machine"))
        return not ended or job_id in stack.stopped or strikes >= TRIES
    return False


def _check_segments(record: Any) -> Iterator[str]:
    """Each segment of a done job has counted once."""
    segments, done = record.get("segments", {"N": "0"})["N"], record.get("segments_done", {"NS": []})["NS"]
    if record["status"]["N"] == DONE and int(segments) != len(done):
        yield f"has {segments} segments, of which {len(done)} are done"


def _check_cost(stack: Stack, job_id: str, record: Any) -> Iterator[str]:
    """A job costs what its steps say, each counted once, or again only if the answer to a write was lost."""
    answers = [it for it in stack.answers if it.job_id == job_id]
    for it in answers:
        if it.cost_usd < it.least_usd - 1e-8:
            yield f"{it.function} cost ${it.cost_usd}, and its worker took time for ${it.least_usd}"
    cost = float(record.get("cost_usd", {"N": "0"})["N"])
    highest = max((it.cost_usd for it in answers), default=0.0)
    most = sum(it.cost_usd for it in answers) + 2 * highest * stack.repeats[job_id]
    least = 0.0
    if record["status"]["N"] == DONE:
        for step in STEPS:
            for segment in {it.segment for it in answers if it.function == step}:
                least += min(it.cost_usd for it in answers if (it.function, it.segment) == (step, segment))
    if not least - 1e-8 <= cost <= most + 1e-8:
        yield f"cost ${cost}, which is not within ${least} and ${most}"


def _check_creations(people: "People") -> Iterator[str]:
    """A key is one job with one body, for those who belong together."""
    made = defaultdict[tuple[str, str], set[tuple[str, str]]](set)
    for creation in people.creations:
        if creation.job_id and creation.idempotency_key and creation.job_id not in people.deleted:
            owner = people.group_of(creation.api_key), creation.idempotency_key
            made[owner].add((creation.job_id, creation.body))
        owner = people.group_of(creation.api_key), creation.idempotency_key or ""
        if (
            creation.status_code == 409
            and len(
                {
                    it.body
                    for it in people.creations
                    if it.idempotency_key == creation.idempotency_key and people.group_of(it.api_key) == owner[0]
                }
            )
            == 1
        ):
            yield f"the key of {owner} is refused, and had no other body"
    for owner, jobs in made.items():
        if len(jobs) > 1:
            yield f"the key of {owner} made {len(jobs)} jobs"
    owners = [{job_id for job_id, _ in jobs} for jobs in made.values()]
    if len(set().union(*owners)) < sum(map(len, owners)):
        yield "two owners have the same job"


def _check_objects(stack: Stack, people: "People") -> Iterator[str]:
    """Nothing lies elsewhere than a job's or an upload's objects, which the bucket's lifecycle deletes."""
    for key in [*storage.list_keys(storage.VIDEOS), *storage.list_uploads()]:
        found = _OBJECT.fullmatch(key)
        if key not in people.uploads.values() and not (found and found[1] in stack.requests):
            yield f"{key} belongs to nothing"


def _check_waiting(stack: Stack) -> Iterator[str]:
    for execution in [*stack.executions.values(), *stack.children]:
        if execution.status == "RUNNING":
            yield f"execution {execution.name} never ends"


def _check_workers_calls(stack: Stack) -> Iterator[str]:
    """Only fetching calls functions, which then only read models. No job fails, or waits long, because of it."""
    for it in stack.ended:
        told = f"{it.job_id[:8]} {it.function}"
        waits = [end - at for (at, call), (end, _) in pairwise([*it.calls, (it.at, "")]) if call == "lambda:Invoke"]
        if waits and it.function != "fetch_video":
            yield f"{told} called a function"
        if it.function == WARM_UP and not all(call.endswith(" model") for _, call in it.calls):
            yield f"{told} did more than reading models"
        is_killed = it.error and it.error.startswith(("Sandbox", "Runtime"))
        if it.error and not is_killed and it.calls and f"{it.function} {it.calls[-1][1]}" in WARMING_CALLS:
            yield f"{told} failed because of its calls: {it.error}"
        if sum(waits) > CALL_SECONDS_MAX * len(waits) and not is_killed:
            yield f"{told} waited {sum(waits):.1f} s for {len(waits)} calls"


def _check_secrets(stack: Stack, people: "People", records: Mapping[str, Any]) -> Iterator[str]:
    runs = [*stack.executions.values(), *stack.children]
    written = {
        "log": stack.log.getvalue(),
        "executions": "".join(text for run in runs for text in (run.input, run.name, *run.written)),
        "records": json.dumps(list(records.values())),
        "objects": b"".join(
            key.encode() + (b"" if key.endswith(("mp4", "/video")) else storage.read_object(key) or b"")
            for key in storage.list_keys(storage.VIDEOS)
        ).decode(errors="replace"),
        "answers": json.dumps([{**it.body, "output_signed_url": ""} for it in people.polls]),
    }
    for place, text in written.items():
        for secret in people.secrets:
            if secret in text:
                yield f"{place}: {secret} is there"
