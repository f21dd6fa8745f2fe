"""How a job of the ledger or a dead letter reads: a row of a list, a sheet of facts, or JSON."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from videoinfer.backfill import Action
from videoinfer.dead_letters import DeadLetter
from videoinfer.ledger_view import Item
from videojobs.jobs.unanswered import Unanswered
from videojobs.notices.notices import format_duration

HEADINGS = ("STATUS", "SEEN", "TOOK", "VIDEO", "JOB")


def compose_row(item: Item, now: datetime) -> tuple[str, ...]:
    """A job under `HEADINGS`."""
    attempt = f" (attempt {item['attempt']})" if item["attempt"] > 1 else ""
    name = item.get("job_id") or item["upload_id"]
    return item["status"], format_local(item["recorded_at"]), _duration(item, now), f"{item['key']}{attempt}", name


def compose_note(item: Item) -> str | None:
    """What is to be said below a row: why a job has no results, or lacks outputs, and which calls brought no answer."""
    missing = f"Missing: {describe_missing(item)}" if describe_missing(item) else None
    return " ".join(filter(None, [item.get("error"), missing, Unanswered.from_item(item).describe()])) or None


def describe_missing(item: Item) -> str:
    """The outputs that could not be made of a job's results, and why; empty where all are there."""
    return "; ".join(f"{name}: {reason}" for name, reason in item.get("failed_outputs", {}).items())


def compose_facts(item: Item, attempts: Sequence[Item], now: datetime) -> list[tuple[str, str]]:
    """All that a person may want to know of a job, by name."""
    options = item.get("options")
    models = options["models"] if options else []
    facts = [
        ("Video", f"s3://{item['bucket']}/{item['key']}"),
        ("Version", item.get("version_id")),
        ("Upload", item["upload_id"]),
        ("Attempt", f"{item['attempt']} of {attempts[-1]['attempt']}"),
        ("Status", item["status"]),
        ("Reason", item.get("error")),
        ("Unanswered", Unanswered.from_item(item).describe()),
        *(("Model", f"{model['model_id']}/{model['model_version']} ({model['inference_type']})") for model in models),
        ("Frames", f"{options['infer_fps']} a second" if options else None),
        ("Took", _duration(item, now)),
        ("Deadline", format_local(item["deadline_at"]) if item.get("deadline_at") else None),
        ("Polls", str(item["polls"]) if item.get("polls") else None),
        ("Found", _count(item["counts"]) if item.get("counts") else None),
        ("Results", item.get("results_location")),
        ("Missing", describe_missing(item)),
        ("Job", item.get("job_id")),
        ("Execution", item.get("execution_arn")),
    ]
    return [(name, value) for name, value in facts if value]


LETTER_HEADINGS = ("SINCE", "VIDEO")


def compose_letter_row(letter: DeadLetter) -> tuple[str, ...]:
    """A dead letter under `LETTER_HEADINGS`."""
    return format_local(letter.sent_at), name_letter(letter)


def name_letter(letter: DeadLetter) -> str:
    """The videos that it is about."""
    return ", ".join(request.upload.key for request in letter.requests) or f"message {letter.message_id}"


def describe_letter(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter for programs."""
    names = ("message_id", "sent_at", "why")
    requests = [request.to_dict() for request in letter.requests]
    return {**{name: getattr(letter, name) for name in names}, "job_requests": requests}


def describe_action(action: Action, *, dry_run: bool) -> str:
    """What a backfill does, or would do, with a video."""
    done = {"ask": "its job is asked for", "copy": "copied into the uploads bucket", "skip": "left out"}
    would = {"ask": "its job would be asked for", "copy": "would be copied into the uploads bucket", "skip": "left out"}
    return (would if dry_run else done)[action]


def format_local(time: str | datetime) -> str:
    """A time in the zone of whoever reads it."""
    parsed = datetime.fromisoformat(time) if isinstance(time, str) else time
    return parsed.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def to_json(value: Any) -> str:
    """JSON for programs, in ASCII, whatever the encoding of the output: numbers as numbers, times in ISO 8601."""
    return json.dumps(value, indent=2, default=_to_plain)


def to_json_line(value: Any) -> str:
    """JSON on a line of its own, for what comes one after another."""
    return json.dumps(value, default=_to_plain)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    raise TypeError(f"{value!r} has no form in JSON.")


def _duration(item: Mapping[str, Any], now: datetime) -> str:
    """From the API's answer to the end, or until now."""
    if "created_at" not in item:
        return ""
    end = datetime.fromisoformat(item["finished_at"]) if "finished_at" in item else now
    return format_duration(round((end - datetime.fromisoformat(item["created_at"])).total_seconds()))


def _count(counts: Mapping[str, Mapping[str, Any]]) -> str:
    by_class = [f"{count:,} {name}" for classes in counts.values() for name, count in classes.items()]
    return ", ".join(by_class)
