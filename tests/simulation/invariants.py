"""What must hold in every life, whatever its seed."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from datetime import datetime
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

from tests.simulation.api import COST_USD, ApiJob
from tests.simulation.executions import HISTORY_MAX
from tests.simulation.stack import RESULTS, Stack, add_costs

if TYPE_CHECKING:
    from tests.simulation.life import Owner, Put

BROKEN_ANSWERS_MAX = 3
"""After so many answers without a job's ID, an upload is rejected, says the documentation."""

FUNCTION_SECONDS_MAX = 900
"""So long functions go on that began with other parameters."""

BOOKED_SECONDS_MAX = 12 * 3600
"""So far ahead turns are booked."""

REFUSALS_MAX = 3
"""So many answers that there is no such job are believed, says the documentation."""

DELIVERIES_USD_MAX = 0.01
"""The most that the functions cost that deliver a job's results again and again."""

TURN_SECONDS_MAX = 20
"""So long after it was granted, a turn may be used, at most: with its wait, its lateness, the connection and clocks."""

CLOCKS_SECONDS_MAX = 3
"""By so much two clocks differ at most."""

_OUTPUTS = {"csv": "detections.csv.gz", "coco": "coco.json", "webvtt": "detections.vtt"}
"""By an output, its file."""

_TOLD_AS: dict[str, frozenset[str]] = {
    "done": frozenset(("done",)),
    "failed": frozenset(("failed", "overdue")),
    "cancelled": frozenset(("cancelled",)),
    "rejected": frozenset(("rejected",)),
}
"""By what a notice says of an end, the statuses that it stands for."""

ENDED = frozenset(("done", "failed", "overdue", "rejected", "cancelled"))
_BEFORE = frozenset((None, "sending", "creating", "waiting"))

ALLOWED: dict[str, frozenset[str | None]] = {
    "sending": _BEFORE,
    "creating": _BEFORE,
    "waiting": _BEFORE,
    "running": _BEFORE | {"running"},
    "done": _BEFORE | {"running", "done"},
    "failed": _BEFORE | {"running", "failed"},
    "overdue": _BEFORE | {"running", "overdue"},
    "rejected": _BEFORE | {"rejected"},
    "cancelled": _BEFORE | {"running", "cancelled"},
}
"""By a status, those that it may follow. Not the product's table, so that a mistake there is found."""

ALLOWED_REDELIVERY = frozenset(("done", "failed", "overdue", "cancelled", "running"))

_MEDIA = {
    "annotate": ("annotated_location", "annotation_error", "annotation_notice_id", "annotated video"),
    "dataset-frames": ("dataset_location", "dataset_error", "dataset_notice_id", "dataset"),
}
"""By an option, the ledger's attributes of its output, and its name."""


def find_breaches(stack: Stack, owner: "Owner") -> list[str]:
    """Returns what does not hold at the end of a life."""
    items = stack.tables.read("jobs")
    return [
        *_check_ends(stack, owner, items),
        *_check_changes(stack),
        *_check_results(stack, items),
        *_check_records(stack, owner, items),
        *_check_bill(stack, owner, items),
        *_check_answered(stack, items),
        *_check_fates(stack, owner, items),
        *_check_rejections(stack, owner, items),
        *_check_notices(stack, owner, items),
        *_check_told_ends(stack, items),
        *_check_events(stack, items),
        *_check_rules(stack, owner, items),
        *_check_media(stack, owner, items),
        *_check_limit(stack),
        *_check_pauses(stack),
        *_check_waiting(stack),
        *_check_secrets(stack),
    ]


def _name(item: Any) -> str:
    return f"{item['upload_id'][-28:]}/{item['attempt']}"


def _find_put(owner: "Owner", item: Any) -> "Put":
    """Returns what an attempt is about."""
    if "version_id" in item:
        return next(it for it in owner.puts if it.version_id == item["version_id"])
    if "sequencer" in item:
        return next(it for it in owner.puts if it.sequencer == item["sequencer"])
    return next(it for it in owner.puts if (it.key, it.etag) == (item["key"], item["etag"]))


def _read_metadata(stack: Stack, put: "Put") -> Mapping[str, str]:
    """Returns the metadata of a version. Without versioning, another write may have replaced it before it was read."""
    return put.metadata if stack.is_versioned else {}


def _check_ends(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """Every version comes to one end. Without versioning, only the last write of a key must."""
    firsts = Counter(_find_put(owner, it) for it in items if it["attempt"] == 1 or not stack.is_versioned)
    newest = {put.key: put for put in owner.puts}
    for put in owner.puts:
        has_to_end = stack.is_versioned or (put == newest[put.key] and put.key not in owner.deleted)
        may_end = 1 if not owner.retried or stack.is_versioned else inf
        if not has_to_end <= firsts[put] <= may_end:
            yield f"{put.key!r} of {put.at - stack.api_begin:.0f} s has {firsts[put]} first attempts in the ledger"
    for item in items:
        if item.get("status") not in ENDED:
            yield f"{_name(item)} is {item.get('status')} for ever"
        elif "finished_at" not in item:
            yield f"{_name(item)} has no finished_at"
        elif item["status"] == "overdue" and _count_seconds(item) < -CLOCKS_SECONDS_MAX:
            yield f"{_name(item)} is given up {-_count_seconds(item):.0f} s before its deadline"


def _count_seconds(item: Any) -> float:
    """Returns how long after its deadline a job has ended."""
    ended, deadline = (datetime.fromisoformat(item[it]) for it in ("finished_at", "deadline_at"))
    return (ended - deadline).total_seconds()


def _check_changes(stack: Stack) -> Iterator[str]:
    for change in stack.changes:
        if change.before is None or change.before == change.after or change.after is None:
            continue
        is_allowed = change.before in ALLOWED[change.after]
        if change.is_redelivery and change.after == "done":
            is_allowed = change.before in ALLOWED_REDELIVERY
        if not is_allowed:
            yield f"{change.job} became {change.after} after {change.before}, by {change.function}"


def _check_results(stack: Stack, items: list[dict[str, Any]]) -> Iterator[str]:
    """Done, if and only if the results are stored whole."""
    for item in items:
        if item["status"] == "done":
            job = stack.api.jobs.get(item.get("job_id", ""))
            location = item.get("results_location")
            if job is None or location is None:
                yield f"{_name(item)} is done without results"
                continue
            key = location.removeprefix(f"s3://{RESULTS}/")
            stored = stack.objects.read(RESULTS, key) or b""
            if stored != job.results:
                yield f"{_name(item)} is done with {len(stored)} of {len(job.results)} bytes of results"
            if job.fate != "done":
                yield f"{_name(item)} is done, but the API's job is: {job.fate}"
        elif "results_location" in item and item["status"] != "cancelled":
            yield f"{_name(item)} has results, but is {item['status']}"


def _check_records(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """What the ledger says of a job that is done is in its files, from which a lost ledger is rebuilt."""
    for item in items:
        if item["status"] != "done" or "outputs" not in item:  # the end of its delivery failed
            continue
        folder = item["results_location"].removeprefix(f"s3://{RESULTS}/").removesuffix("results.json")
        record, summary = (
            json.loads(stack.objects.read(RESULTS, f"{folder}{it}.json") or b"{}") for it in ("job", "summary")
        )
        media = {item[location].rpartition("/")[2] for location, *_ in _MEDIA.values() if location in item}
        if missing := (item["outputs"].keys() | media) - record.get("outputs", {}).keys():
            yield f"{_name(item)}: its job.json lacks {sorted(missing)}"
        # Another value of the parameter Outputs holds for later deliveries.
        wanted = () if owner.acts["change"] else stack.environment["OUTPUTS"].split(",")
        for name in wanted:
            if _OUTPUTS[name] not in item["outputs"] and name not in item.get("failed_outputs", ()):
                yield f"{_name(item)} has no {name}, and nothing says why"
        for uri in item["outputs"].values():
            if stack.objects.read(RESULTS, uri.removeprefix(f"s3://{RESULTS}/")) is None:
                yield f"{_name(item)}: nothing is at {uri}"
        costs = add_costs(summary)
        # What making an output cost is in the summary before it is in the ledger, where that may fail.
        is_known = not any(error in item for _, error, *_ in _MEDIA.values())
        if stack.api.knows_keys and costs < COST_USD:
            yield f"{_name(item)} cost ${costs}, without the API's bill"
        # Functions that deliver one after the other, or at once, write what each of them knows of its cost.
        most = 1e-9 if stack.deliveries[item["upload_id"], int(item["attempt"])] == 1 else DELIVERIES_USD_MAX
        if is_known and abs(float(item["cost_usd"]) - costs) > most:
            yield f"{_name(item)} cost ${item['cost_usd']} in the ledger, and ${costs} in its summary"


def _check_answered(stack: Stack, items: list[dict[str, Any]]) -> Iterator[str]:
    """A job of which the API's answer arrived is in the ledger, unless a fault came before its record."""
    known = {item.get("job_id") for item in items}
    for job_id, invocation in stack.answered.items():
        if job_id not in known and invocation not in stack.struck:
            yield f"{job_id} was created, and nothing tells of it"


def _check_bill(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """Jobs at the API are those in the ledger, and those counted as unanswered."""
    known = {item["job_id"] for item in items if "job_id" in item}
    if len(known) != sum("job_id" in item for item in items):
        yield "two attempts have the same job"
    unknown = _count_unknown(stack, owner, known)
    knows_job = stack.api.knows_keys and not _may_change_options(stack, owner)
    counted = Counter[tuple[str, str | None]]()
    for item in items:
        counted[item["key"], item.get("version_id")] += int(item.get("unanswered", 0))
        if knows_job and "job_id" in item and item.get("unanswered"):
            yield f"{_name(item)} counts unanswered calls at an API that knows keys"
    for place, count in unknown.items():
        about = [it for it in items if (it["key"], it.get("version_id")) == place]
        if count > counted[place]:
            yield f"{count} jobs at the API for {place}, of which {counted[place]} are counted"
        if knows_job and all("job_id" in it for it in about):
            yield f"{count} jobs at an API that knows keys for {place}, besides those in the ledger"
    for job_id in known - stack.api.jobs.keys():
        yield f"the API has no {job_id}"


def _may_change_options(stack: Stack, owner: "Owner") -> bool:
    """Returns whether an attempt may ask the API again with other options, which is another job.

    Without versioning, another write of the same bytes replaces the metadata that the attempt reads.
    """
    metadata = defaultdict[tuple[str, str], list[Mapping[str, str]]](list)
    for put in owner.puts:
        metadata[put.key, put.etag].append(put.metadata)
    is_replaced = any(it != some[0] for some in metadata.values() for it in some)
    return bool(owner.acts["change"]) or (is_replaced and not stack.is_versioned)


def _count_unknown(stack: Stack, owner: "Owner", known: set[str]) -> Counter[tuple[str, str | None]]:
    """Counts the API's jobs that are not in the ledger, by the key and the version of what they are about."""
    sent = {put.body: (put.key, put.version_id) for put in owner.puts}
    unknown = Counter[tuple[str, str | None]]()
    for job in stack.api.jobs.values():
        source = job.source
        if job.job_id not in known:
            unknown[(source.key, source.version_id) if source.key else sent[source.video or b""]] += 1
    return unknown


def _check_fates(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """A job ends as it did at the API, unless a person has cancelled it."""
    for item in items:
        name, job = (item["upload_id"], int(item["attempt"])), stack.api.jobs.get(item.get("job_id", ""))
        status = item["status"]
        if status == "cancelled":
            if name not in owner.cancelled:
                yield f"{_name(item)} is cancelled by nobody"
            continue
        if job is None:
            if status != "rejected":
                yield f"{_name(item)} is {status} without a job"
            continue
        expected = _expect(job)
        is_believed = status == "failed" and stack.api.lies_most[job.job_id] >= REFUSALS_MAX
        is_stopped = status == "failed" and f"{name[0]}-{name[1]}" in owner.stopped
        if status not in expected and not is_believed and not is_stopped:
            yield f"{_name(item)} is {status}, but the API's job is: {job.fate} ({item.get('error')})"


def _check_rejections(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """What can't be a job is rejected, and nothing else."""
    newest = {put.key: put for put in owner.puts}
    for item in items:
        put, is_rejected = _find_put(owner, item), item["status"] == "rejected"
        is_replaced = not stack.is_versioned and put != newest[put.key]
        if put.kind == "rejected" and not is_replaced and item["status"] not in ("rejected", "cancelled"):
            yield f"{_name(item)} should be rejected, and is {item['status']}"
        is_cut_off = str(item.get("error", "")).startswith("Sending the video to the API was cut off 3 times")
        is_broken = is_cut_off or int(item.get("broken_answers", 0)) >= BROKEN_ANSWERS_MAX
        is_key_refused = bool(owner.acts["revoke"]) and "The API key is not accepted" in str(item.get("error", ""))
        may_be_rejected = put.key in owner.deleted or is_replaced or is_broken or is_key_refused
        if put.kind == "video" and is_rejected and not may_be_rejected:
            yield f"{_name(item)} is rejected: {item.get('error')}"


def _check_rules(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """A job whose conditions did not hold is not told, and each other one is."""
    for item in items:
        put, job = _find_put(owner, item), stack.api.jobs.get(item.get("job_id", ""))
        is_first = f"{item['upload_id']}-{item['attempt']}" not in owner.redelivered
        if "notify-when" not in _read_metadata(stack, put) or item["status"] != "done" or job is None or not is_first:
            continue
        results = json.loads(job.results)
        classes = {
            prediction["class"]
            for name, elements in results.items()
            if not name.endswith("_offset")
            for element in elements
            for prediction in element["predictions"]
        }
        held = {it["class"] for it in json.loads(put.metadata["notify-when"])} <= classes
        is_silent = item.get("no_notice") == "notify_when did not hold"
        if held == is_silent and "failed_outputs" not in item:
            yield f"{_name(item)}: its rules {'held' if held else 'did not hold'}: notice {item['notice_id']}"
        if held != bool(item.get("found_rules")) and "failed_outputs" not in item:
            yield f"{_name(item)}: its rules {'held' if held else 'did not hold'}: {item.get('found_rules')}"


def _check_media(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """A job that is done has the media outputs that it asks for, or the ledger says why not, and its owner is told."""
    for item in items:
        metadata = _read_metadata(stack, _find_put(owner, item))
        for option, (location, error, notice, name) in _MEDIA.items():
            if option not in metadata or item["status"] != "done":
                continue
            if location not in item and error not in item:
                yield f"{_name(item)} has no {name}, and nothing says why"
            if (
                location in item
                and stack.objects.read(RESULTS, item[location].removeprefix(f"s3://{RESULTS}/")) is None
            ):
                yield f"{_name(item)}: its {name} is not at {item[location]}"
            if notice not in item:
                yield f"{_name(item)}: nobody is told about its {name}"


def _expect(job: ApiJob) -> frozenset[str]:
    match job.fate:
        case "done":
            return frozenset(("done",))
        case "endless":
            return frozenset(("overdue",))
        case "forgotten":
            return frozenset(("failed", "overdue"))
        case _:
            return frozenset(("failed",))


def _check_notices(stack: Stack, owner: "Owner", items: list[dict[str, Any]]) -> Iterator[str]:
    """The owner is told each end once; twice only if something came between the notice and its record."""
    for item in items:
        if "notice_id" not in item:
            yield f"{_name(item)} is {item['status']}, and its owner is not told"
    told = defaultdict(list)
    for notice in stack.told:
        told[notice.subject, notice.outcome].append(notice)
    for (subject, outcome), notices in told.items():
        for first, second in pairwise(notices):
            if not stack.may_repeat(first, second):
                yield f"{subject} is told twice that it is {outcome}"
    digests = Counter(it for digest in stack.digests for it in digest)
    for notice_id in stack.pending:
        if not 1 <= digests[notice_id] <= 1 + stack.digests_lost[notice_id]:
            yield f"the notice {notice_id} is in {digests[notice_id]} digests"


def _check_told_ends(stack: Stack, items: list[dict[str, Any]]) -> Iterator[str]:
    """What is told of an end is what the ledger says by then, and the last end of each job is told.

    Only a rejection is told before it is recorded, and a person may cancel the upload in between.
    """
    heard = defaultdict[tuple[str, int], set[str]](set)
    told = [(it.subject[0], it.subject[1], it.outcome, it.at) for it in stack.told]
    for notice_id in stack.pending:
        upload_id, number, _, outcome = notice_id.split("/")
        told.append((upload_id, int(number), outcome, inf))
    for upload_id, attempt, outcome, at in told:
        heard[upload_id, attempt].add(outcome)
        statuses = _TOLD_AS.get(outcome, frozenset()) - {"rejected"}
        if statuses and not _was(stack, (upload_id, attempt), statuses, at):
            yield f"{upload_id}/{attempt} is told to be {outcome}, and is not by then"
    for item in items:
        told_as = {outcome for outcome, statuses in _TOLD_AS.items() if item["status"] in statuses}
        if item.get("notice_id") != "not sent" and not told_as & heard[item["upload_id"], int(item["attempt"])]:
            yield f"{_name(item)} is {item['status']}, and its owner is not told that"


def _was(stack: Stack, job: tuple[str, int], statuses: Set[str], at: float) -> bool:
    """Returns whether a job had one of some statuses in the ledger, at some time up to `at`."""
    return any(it.job == job and it.at <= at and it.after in statuses for it in stack.changes)


def _check_events(stack: Stack, items: list[dict[str, Any]]) -> Iterator[str]:
    """Each end has an event; a second one only if something came between it and its record (docs/events.md)."""
    events = defaultdict(list)
    for event in stack.events:
        events[event.detail["execution"]].append(event)
        upload_id, _, attempt = event.detail["execution"].rpartition("-")
        if not _was(stack, (upload_id, int(attempt)), {event.detail["status"]}, event.at):
            yield f"an event says that {upload_id}/{attempt} is {event.detail['status']}, and it is not by then"
    for item in items:
        found = events.pop(f"{item['upload_id']}-{item['attempt']}", [])
        if not found:
            yield f"{_name(item)} ended without an event"
        if "event_id" not in item:
            yield f"{_name(item)}: its event is not recorded"
        for first, second in pairwise(found):
            if not stack.may_repeat(first, second):
                yield f"{_name(item)} has two events: {first.detail['status']} and {second.detail['status']}"
    for execution in events:
        yield f"an event about {execution}, which is not in the ledger"


def _check_limit(stack: Stack) -> Iterator[str]:
    """No minute has more requests than the limit. Functions of before a change and turns that they booked go on."""
    moments = sorted(stack.api.arrivals)
    changes = [*stack.limits, (inf, 0)]
    for number, ((begin, limit), (end, _)) in enumerate(pairwise(changes)):
        before = max((it for _, it in changes[:number]), default=0)
        settled = begin + BOOKED_SECONDS_MAX if number else begin
        allowed = [(begin if not number else begin + FUNCTION_SECONDS_MAX, limit + before), (settled, limit)]
        is_unlimited = not limit or 0 in (it for at, it in changes[:number] if it != limit)
        for since, most in allowed if not is_unlimited else ():
            within = [it for it in moments if since <= it < end]
            for first, last in zip(within, within[most:], strict=False):
                if last - first < 60:
                    yield f"more than {most} requests within a minute, from {first - stack.api_begin:.1f} s on"
                    return


def _check_pauses(stack: Stack) -> Iterator[str]:
    """While the API asks for a pause, nothing is sent but what had its turn before."""
    if not all(limit for _, limit in stack.limits):
        return  # without a limit each function obeys for its own job
    for since, until in stack.pauses:
        for moment in stack.api.arrivals:
            if since + TURN_SECONDS_MAX < moment < until - CLOCKS_SECONDS_MAX:
                yield f"a request at {moment - stack.api_begin:.1f} s is in a pause of {until - since:.0f} s"
                return


def _check_waiting(stack: Stack) -> Iterator[str]:
    for queue in (stack.uploads, stack.ends):
        if queue.messages or queue.dead:
            yield f"the queue {queue.name} has {len(queue.messages)} messages and {len(queue.dead)} dead letters"
    for execution in stack.executions.values():
        if execution.status == "RUNNING":
            yield f"{execution.name} runs for ever"
        if execution.events > HISTORY_MAX:
            yield f"{execution.name} has {execution.events} events"


def _check_secrets(stack: Stack) -> Iterator[str]:
    """Besides what was written down in calls and steps, the log, and results that are compressed."""
    stack.write_down("the log", stack.log.getvalue())
    for key, text in _read_results(stack):
        stack.write_down(f"the object {key}", text)
    yield from sorted(stack.breaches)


def _read_results(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yields the key and the text of each object in the results bucket."""
    for key, content in stack.objects.list(RESULTS):
        yield key, (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("latin-1")
