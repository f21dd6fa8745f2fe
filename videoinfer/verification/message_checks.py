"""The checks of what the stack tells others: notices and events, and what the ledger says of the same job."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from videoinfer.verification.verdicts import Verdict, judge, ok, wrong
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
    """Whether SNS's envelope holds a notice of `outcome` about `upload`; other jobs' come to the same queue."""
    subject, text = message.get("Subject", ""), message.get("Message", "")
    return subject.startswith(f"{outcome.capitalize()}: ") and f"{upload.uri}\n" in text


def is_event(upload: Upload, message: Message) -> bool:
    """Whether a message is an event about `upload`."""
    return bool(message["source"] == SOURCE and message["detail"]["upload"]["key"] == upload.key)


def check_end(item: Item | None, seconds: float) -> Verdict:
    """The video's job has ended, and has results."""
    if item is None:
        return wrong(f"No job came of it in {seconds:.0f} s: `videoinfer doctor` says whether the queue is read.")
    if item["status"] not in ENDED_STATES:
        return wrong(f"After {seconds:.0f} s it is {item['status']}. {item.get('error', '')}")
    if item["status"] != "done":
        return wrong(f"It is {item['status']}: {item.get('error')}")
    return ok(f"done, {item['polls']} {'poll' if item['polls'] == 1 else 'polls'}", float(item.get("cost_usd", 0)))


def check_ledger(item: Item, truth: Truth, results_uri: str) -> Verdict:
    """The job's item: the same counts, where the results are, what it cost, and that its end is told."""
    counts = {model: dict(classes) for model, classes in item.get("counts", {}).items()}
    faults = [
        f"Its {name} is {found}; {expected} was expected."
        for name, found, expected in (
            ("frames", item.get("frames"), truth.frames),
            ("counts", counts, truth.counts),
            ("results_location", item.get("results_location"), results_uri),
        )
        if found != expected
    ]
    if not item.get("cost_usd", 0) > 0:
        faults.append("It does not say what the job cost.")
    told = {"notice_id": "notice", "event_id": "event"}
    faults += [f"It knows of no {what} about the end." for name, what in told.items() if name not in item]
    return judge(faults, "the same counts; notice and event are out")


def check_execution(status: str, events: Sequence[HistoryEventTypeDef]) -> Verdict:
    """The execution that waited for the job has ended well; or else what failed last."""
    if status == "SUCCEEDED":
        return ok("succeeded")
    return wrong(f"It is {status.lower()}. {describe_failure(events) or ''}")


def describe_failure(events: Sequence[HistoryEventTypeDef]) -> str | None:
    """The last failure of a step in an execution's history, or None."""
    state, failure = "", None
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            state = entered["name"]
        if failed := event.get("taskFailedEventDetails"):
            failure = f"{state} failed last with {failed.get('error')}: {_read_cause(failed.get('cause', ''))}"
    return failure


def check_notice(messages: Sequence[Message], outcome: str, notice_id: str | None, contents: Sequence[str]) -> Verdict:
    """One notice, with the attribute that subscriptions filter by, and `contents` in its text.

    Args:
        messages: SNS's envelopes around all notices of that outcome about one upload.
        notice_id: SNS's id of the message, as the ledger has it.
    """
    if not messages:
        return wrong("None has come.")
    notice = messages[0]
    faults = []
    if (times := len({message["MessageId"] for message in messages})) > 1:
        faults.append(f"It was published {times} times.")
    attribute = notice.get("MessageAttributes", {}).get("outcome", {}).get("Value")
    if attribute != outcome:
        faults.append(f"Its attribute outcome is {attribute}; {outcome} was expected.")
    if notice["MessageId"] != notice_id:
        faults.append("It is not the one that the ledger says was published.")
    faults += [f"It does not say {content!r}." for content in contents if printable(content) not in notice["Message"]]
    return judge(faults, f"came to a subscriber: {notice['Subject']}")


def check_event(messages: Sequence[Message], upload: Upload, item: Item) -> Verdict:
    """The event of a job's end as docs/events.md has it, with what the ledger says."""
    if not messages:
        return wrong("None has come.")
    event = messages[0]
    expected = json.loads(json.dumps(compose_detail(upload, int(item["attempt"]), item), default=_to_number))
    found = event["detail"]
    names = sorted({*expected, *found})
    faults = [
        f"Its {name} is {found.get(name)}; {expected.get(name)} was expected."
        for name in names
        if name not in found or name not in expected or found[name] != expected[name]
    ]
    return judge(faults, f"came to a rule of the event bus: {found.get('status')}")


def check_rejection(item: Item | None, seconds: float) -> Verdict:
    """A file that is no video is rejected with a reason, and no job is made of it."""
    if item is None:
        return wrong(f"Nothing came of it in {seconds:g} s.")
    faults = []
    if item["status"] != "rejected":
        faults.append(f"It is {item['status']}: {item.get('error')}")
    elif ".txt" not in item.get("error", ""):
        faults.append(f"The reason is another: {item.get('error')}")
    if "job_id" in item:
        faults.append(f"The API has made a job of it: {item['job_id']}.")
    return judge(faults, str(item.get("error")))


def _to_number(value: Any) -> float:
    """DynamoDB gives decimals."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{value!r} has no form in JSON.")


def _read_cause(cause: str) -> str:
    """Lambda puts an exception's words into JSON; Step Functions itself writes text."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, LookupError, TypeError):
        return cause
