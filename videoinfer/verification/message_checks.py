"""The checks of notices and events, and of the ledger's item and the execution of the same job."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from videoinfer.verification.verdicts import Verdict, compare, judge, ok, wrong
from videojobs.foreign_text import printable
from videojobs.jobs.ends import SOURCE, compose_detail
from videojobs.jobs.states import ENDED_STATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

    from videoinfer.ledger_view import Item
    from videoinfer.verification.mailboxes import Message
    from videoinfer.verification.truth import Truth
    from videojobs.jobs.uploads import Upload


def is_notice(upload: Upload, outcome: str, message: Message) -> bool:
    """Whether SNS's envelope contains a notice of `outcome` about `upload`. The queue also gets other jobs' notices."""
    attribute = message.get("MessageAttributes", {}).get("outcome", {}).get("Value")
    return attribute == outcome and f"Video: {upload.uri}" in message["Message"].splitlines()


def is_event(upload: Upload, message: Message) -> bool:
    """Whether a message is an event about `upload`, and not a probe."""
    return bool(message["source"] == SOURCE and message["detail"]["upload"]["key"] == upload.key)


def check_end(item: Item | None, seconds: float) -> Verdict:
    """Checks that the video's job has ended with results.

    Args:
        item: The job's item in the ledger, or None.
        seconds: How long the command waited.
    """
    if item is None:
        return wrong(f"It did not become a job in {seconds:.0f} s: `videoinfer doctor` says whether the queue is read.")
    if item["status"] not in ENDED_STATES:
        return wrong(f"After {seconds:.0f} s it is {item['status']}. {item.get('error', '')}")
    if item["status"] != "done":
        return wrong(f"It is {item['status']}: {item.get('error')}")
    return ok(f"done, {item['polls']} {'poll' if item['polls'] == 1 else 'polls'}", float(item.get("cost_usd", 0)))


def check_ledger(item: Item, truth: Truth, results_uri: str) -> Verdict:
    """Checks that the job's item has the results' counts and location, a cost, and the ids of notice and event."""
    faults = [
        *compare("frames", item.get("frames"), truth.frames),
        *compare("counts", item.get("counts", {}), truth.counts),
        *compare("results_location", item.get("results_location"), results_uri),
    ]
    if not item.get("cost_usd", 0) > 0:
        faults.append("It has no cost.")
    faults += [f"It has no {name}." for name in ("notice_id", "event_id") if name not in item]
    return judge(faults, "the same counts; notice and event are sent")


def check_execution(status: str, events: Sequence[HistoryEventTypeDef]) -> Verdict:
    """Checks that the job's execution has succeeded. If it has not, the verdict names its last failure."""
    if status == "SUCCEEDED":
        return ok("succeeded")
    return wrong(f"It is {status.lower()}. {describe_failure(events) or ''}")


def describe_failure(events: Sequence[HistoryEventTypeDef]) -> str | None:
    """The last failure of a task in an execution's history, or None."""
    state, failure = "", None
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            state = entered["name"]
        if failed := event.get("taskFailedEventDetails"):
            failure = f"{state} failed last with {failed.get('error')}: {_read_cause(failed.get('cause', ''))}"
    return failure


def check_unsent(item: Item, name: str, outcome: str) -> Verdict | None:
    """The verdict about a notice that is not sent, or not yet; None if it is sent.

    Args:
        item: The job's item in the ledger.
        name: The item's attribute with the notice's ID.
    """
    if reason := item.get("no_notice"):
        return ok(f"none is sent: {reason}")
    if item.get(name, "").endswith(f"/{outcome}"):
        return ok("waits for the next digest, because the stack's Notices is digest")
    return None


def check_notice(messages: Sequence[Message], outcome: str, notice_id: str | None, contents: Sequence[str]) -> Verdict:
    """Checks that there is one notice, with the attribute that subscriptions filter by, and `contents` in its text.

    Args:
        messages: SNS's envelopes around all notices of that outcome about one upload.
        notice_id: SNS's id of the message, according to the ledger.
    """
    if not messages:
        return wrong("No notice was received.")
    notice = messages[0]
    faults = []
    if (times := len({message["MessageId"] for message in messages})) > 1:
        faults.append(f"It was published {times} times.")
    attribute = notice.get("MessageAttributes", {}).get("outcome", {}).get("Value")
    faults += compare("attribute outcome", attribute, outcome)
    if notice["MessageId"] != notice_id:
        faults.append("It does not have the ledger's notice_id.")
    faults += [f"It lacks {content!r}." for content in contents if printable(content) not in notice["Message"]]
    return judge(faults, f"received by a subscriber: {notice['Subject']}")


def check_event(messages: Sequence[Message], upload: Upload, item: Item) -> Verdict:
    """Checks that the event has exactly the fields of docs/events.md, with the ledger's values.

    The event's cost may be lower: what an annotated video or a dataset costs is added to the ledger later.
    """
    if not messages:
        return wrong("No event was received.")
    expected = json.loads(json.dumps(compose_detail(upload, int(item["attempt"]), item), default=_to_number))
    found = messages[0]["detail"]
    match found.get("cost_usd"), expected["cost_usd"]:
        case float(cost), float(whole) if 0 < cost < whole:
            expected["cost_usd"] = cost
    faults = []
    for name in sorted({*expected, *found}):
        faults += compare(name, found.get(name, "no field"), expected.get(name, "no field"))
    return judge(faults, f"received from a rule of the event bus: {found.get('status')}")


def check_rejection(item: Item | None, seconds: float, expected: str = ".txt") -> Verdict:
    """Checks that a file that is not a video is rejected, and that the API has no job for it.

    Args:
        item: The upload's item in the ledger, or None.
        seconds: How long the command waited.
        expected: What the reason contains.
    """
    if item is None:
        return wrong(f"It has no item in the ledger after {seconds:g} s.")
    faults = []
    if item["status"] != "rejected":
        faults.append(f"It is {item['status']}: {item.get('error')}")
    elif expected not in item.get("error", ""):
        faults.append(f"It is rejected for another reason: {item.get('error')}")
    if "job_id" in item:
        faults.append(f"The API has created a job: {item['job_id']}.")
    return judge(faults, str(item.get("error")))


def _to_number(value: Any) -> float:
    """Converts DynamoDB's decimals for JSON."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{value!r} can't be written as JSON.")


def _read_cause(cause: str) -> str:
    """The message in a cause: Lambda wraps an exception in JSON, Step Functions writes plain text."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, LookupError, TypeError):
        return cause
