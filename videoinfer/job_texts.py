"""Formats a job of the ledger or a dead letter: as a row of a list, as a list of facts, or as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from videoinfer.backfill import Action
from videoinfer.dead_letters import DeadLetter
from videoinfer.ledger_view import Item, name_job, shorten_name
from videoinfer.listed_keys import list_key
from videoinfer.own_command import spell_command
from videojobs.jobs.inference_types import describe_type
from videojobs.jobs.media_outputs import MEDIA_OUTPUTS
from videojobs.jobs.notify_when import compose_name
from videojobs.jobs.options import OTHER_CLASSES
from videojobs.jobs.recorded_at import format_moment
from videojobs.jobs.states import ENDED_STATES, OPEN_STATES, JobState
from videojobs.jobs.times import format_duration
from videojobs.jobs.unanswered import Unanswered

HEADINGS = ("STATUS", "SEEN", "TOOK", "VIDEO", "JOB")


_OTHER_CELLS = 51
"""Those of all columns but VIDEO, with the gaps: `running 100 %  11-25 23:23  23 h 59 min    0123abcd`."""


def compose_row(item: Item, now: datetime, width: int = 80) -> tuple[str, ...]:
    """A job's row, with the columns of `HEADINGS`, which has at most `width` cells if that is at least 80."""
    attempt = f" (attempt {item['attempt']})" if item["attempt"] > 1 else ""
    return (
        " ".join(filter(None, [item["status"], _describe_progress(item)])),
        _format_briefly(item["recorded_at"], now),
        _duration(item, now),
        f"{list_key(item['key'], max(width, 80) - _OTHER_CELLS - len(attempt))}{attempt}",
        shorten_name(item),
    )


def _format_briefly(time: str, now: datetime) -> str:
    """A time of today, or a day of this year or another, in this machine's time zone."""
    at, today = datetime.fromisoformat(time).astimezone(), now.astimezone()
    if at.date() == today.date():
        return at.strftime("%H:%M:%S")
    return at.strftime("%m-%d %H:%M" if at.year == today.year else "%Y-%m-%d")


STATE_STYLES: Mapping[JobState, str] = {
    **dict.fromkeys(OPEN_STATES, "cyan"),
    "waiting": "yellow",
    "done": "green",
    "failed": "red",
    "overdue": "red",
    "rejected": "red",
    "cancelled": "dim",
}


def compose_list(
    items: Sequence[Item], now: datetime, width: int
) -> tuple[list[tuple[str, ...]], list[str | None], list[str]]:
    """The rows of jobs with headings, their notes, and the styles of their states, for `Display.columns`."""
    rows = [HEADINGS, *(compose_row(item, now, width) for item in items)]
    return rows, [compose_note(item) for item in items], [STATE_STYLES[item["status"]] for item in items]


def compose_note(item: Item) -> str | None:
    """The note below a row: why a job has no results, no notice or lacks outputs, and which calls were not answered."""
    missing = f"Missing: {describe_missing(item)}" if describe_missing(item) else None
    kept = f"Not made again: {describe_kept(item)}" if describe_kept(item) else None
    parts = [item.get("error"), missing, kept, _describe_silence(item), Unanswered.from_item(item).describe()]
    return " ".join(filter(None, parts)) or None


def _describe_silence(item: Item) -> str | None:
    """Why no notice of the job's results was sent, or None if one was."""
    return f"no notice: {item['no_notice']}" if item.get("no_notice") else None


def describe_missing(item: Item) -> str:
    """The outputs of a job that could not be made, and why; empty if none is missing."""
    return "; ".join(_list_missing(item))


def describe_kept(item: Item) -> str:
    """The media outputs that the last delivery could not make again, and why; those of an earlier one are kept."""
    return "; ".join(_list_kept(item))


def _list_missing(item: Item) -> Iterator[str]:
    yield from (f"{name}: {reason}" for name, reason in item.get("failed_outputs", {}).items())
    yield from (
        f"{it.file_name}: {item[it.error]}" for it in MEDIA_OUTPUTS if it.error in item and it.location not in item
    )


def _list_kept(item: Item) -> Iterator[str]:
    yield from (f"{it.file_name}: {item[it.error]}" for it in MEDIA_OUTPUTS if it.error in item and it.location in item)


def compose_facts(
    item: Item, attempts: Sequence[Item], now: datetime, link: str | None = None
) -> list[tuple[str, str]]:
    """The names and values that `videoinfer show` prints for a job.

    Args:
        link: The link to its report, if there is one.
    """
    options = item.get("options")
    models = options["models"] if options else []
    recorded = item.get("video_recorded_at")
    facts = [
        ("Video", f"s3://{item['bucket']}/{item['key']}"),
        ("Version", item.get("version_id")),
        ("Upload", item["upload_id"]),
        ("Attempt", f"{item['attempt']} of {attempts[-1]['attempt']}"),
        ("Status", item["status"]),
        ("Progress", _describe_progress(item)),
        ("Reason", item.get("error")),
        ("Unanswered", Unanswered.from_item(item).describe()),
        ("Notice", f"none: {item['no_notice']}" if item.get("no_notice") else None),
        *(("Model", _describe_model(model)) for model in models),
        ("Frames", _describe_frames(item, options) if options else None),
        ("Input mode", options["input_mode"] if options else None),
        *(_describe_given(options) if options else ()),
        ("Recorded", format_moment(datetime.fromisoformat(recorded)) if recorded else None),
        ("Took", _duration(item, now)),
        ("Deadline", format_local(item["deadline_at"]) if item.get("deadline_at") else None),
        ("Polls", str(item["polls"]) if item.get("polls") else None),
        ("Found", _count(item["counts"]) if item.get("counts") else None),
        ("Cost", _describe_cost(item)),
        ("Report", link),
        ("Results", item.get("results_location")),
        *(("Output", uri) for _, uri in sorted(item.get("outputs", {}).items())),
        *(("Output", item.get(output.location)) for output in MEDIA_OUTPUTS),
        *(("Missing", each) for each in _list_missing(item)),
        *(("Not made again", f"{each} The one that is there is kept.") for each in _list_kept(item)),
        ("Job", item.get("job_id")),
        ("Execution", item.get("execution_arn")),
    ]
    return [(name, value) for name, value in facts if value]


def _describe_cost(item: Item) -> str | None:
    """What a job cost, as its notices tell it. A failed job has only what the API says that the inference cost."""
    told = f"${item['cost_usd']:.4f} on AWS" if "cost_usd" in item else None
    if "api_cost_usd" not in item:
        return told
    api = f"${item['api_cost_usd']:.4f}"
    return f"{told}, {api} of it for the inference" if told else f"{api} for the inference"


def _describe_progress(item: Item) -> str | None:
    """How much of a running job the API has done, at the last poll."""
    return f"{item['progress']} %" if "progress" in item else None


def _describe_model(model: Mapping[str, Any]) -> str:
    params = [f"{name} {to_json(value, None)}" for name, value in model.get("inference_params", {}).items()]
    return (
        f"{model['model_id']}/{model['model_version']} ({', '.join([describe_type(model['inference_type']), *params])})"
    )


def _describe_given(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The options that are only set if somebody sets them."""
    if classes := options.get("classes"):
        yield "Classes", ", ".join(classes)
    if confidence := options.get("min_confidence"):
        named = (f"{number} for {'others' if name == OTHER_CLASSES else name}" for name, number in confidence.items())
        is_one = [*confidence] == [OTHER_CLASSES]
        yield "Confidence", f"at least {confidence[OTHER_CLASSES] if is_one else ', '.join(named)}"
    if regions := options.get("regions"):
        kinds = ((region["name"], "line" if "line" in region else "polygon") for region in regions)
        yield "Regions", ", ".join(f"{name} ({kind})" for name, kind in kinds)
    for combination, conditions in (options.get("notify_when") or {}).items():
        names = "; ".join(condition.get("name") or compose_name(condition) for condition in conditions)
        yield "Notify when", f"{combination} of: {names}" if len(conditions) > 1 else names
    if frames := options.get("dataset_frames"):
        yield "Dataset of", frames


def _describe_frames(item: Item, options: Mapping[str, Any]) -> str:
    rate = f"{options['infer_fps']} a second"
    return f"{item['frames']:,} ({rate})" if item.get("frames") is not None else rate


def refuse_results(item: Item, what: str) -> str:
    """Why a job has no results yet, or never, and the command that says more."""
    further = "show" if item["status"] in ENDED_STATES else "wait"
    command = spell_command(f"videoinfer {further} {name_job(item)}")
    return f"{list_key(item['key'])} has no {what}: its status is {item['status']}. See `{command}`."


LETTER_HEADINGS = ("SINCE", "VIDEO")


def compose_letter_row(letter: DeadLetter) -> tuple[str, ...]:
    """A dead letter's row, with the columns of `LETTER_HEADINGS`."""
    return format_local(letter.sent_at), name_letter(letter)


def name_letter(letter: DeadLetter) -> str:
    """The keys of its videos, as lists show them, or the message's id."""
    return ", ".join(list_key(request.upload.key) for request in letter.requests) or f"message {letter.message_id}"


def describe_letter(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter as data for JSON."""
    requests = [request.to_dict() for request in letter.requests]
    return {"message_id": letter.message_id, "sent_at": letter.sent_at, "why": letter.why, "job_requests": requests}


def describe_action(action: Action, *, dry_run: bool) -> str:
    """What a backfill does, or would do, with a video."""
    done = {"ask": "job requested", "copy": "copied into the uploads bucket"}
    would = {"ask": "a job would be requested", "copy": "would be copied into the uploads bucket"}
    return (would if dry_run else done).get(action, "left out")


def format_local(time: str | datetime) -> str:
    """A time in this machine's time zone."""
    parsed = datetime.fromisoformat(time) if isinstance(time, str) else time
    return parsed.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def to_json(value: Any, indent: int | None = 2) -> str:
    """JSON for programs, in ASCII for any output encoding. Numbers are numbers; times are in ISO 8601.

    Args:
        indent: None for one line, if output is written item by item.
    """
    return json.dumps(value, indent=indent, default=_to_plain)


def _to_plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    raise TypeError(f"{value!r} can't be written as JSON.")


def _duration(item: Mapping[str, Any], now: datetime) -> str:
    """The time from the API's answer to the end, or until now."""
    if "created_at" not in item:
        return ""
    end = datetime.fromisoformat(item["finished_at"]) if "finished_at" in item else now
    return format_duration(round((end - datetime.fromisoformat(item["created_at"])).total_seconds()))


def _count(counts: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{count:,} {name}" for classes in counts.values() for name, count in classes.items())
