"""Publishes the end of a job: metrics, and one EventBridge event, whose schema is in docs/events.md."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from videojobs.jobs.ledger import NOT_SENT, Ledger, name_execution
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.uploads import Upload
from videojobs.logs import logger
from videojobs.metrics import measure

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "videoinfer"
DETAIL_TYPE = "Video Job Ended"
SCHEMA_VERSION = "1"


class JobEnds:
    """Publishes the ends of jobs."""

    def __init__(self, events: "EventBridgeClient", ledger: Ledger) -> None:
        self._events = events
        self._ledger = ledger

    def publish(self, upload: Upload, attempt: int) -> None:
        """Publishes the event and the metrics of a job, if the ledger says that it has ended and was not published.

        Like a notice, the event is published before that is recorded: a crash between the two repeats it.

        Raises:
            RuntimeError: EventBridge did not accept it.
        """
        item = self._ledger.read(upload, attempt) or {}
        if item.get("status") not in ENDED_STATES or "event_id" in item:
            return
        detail = json.dumps(compose_detail(upload, attempt, item), default=_to_number, allow_nan=False)
        entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail}
        [answer] = self._events.put_events(Entries=[entry])["Entries"]  # type: ignore[list-item]
        if "EventId" not in answer:
            raise RuntimeError(f"EventBridge did not accept the event: {answer.get('ErrorCode')}")
        self._ledger.record(Upload.from_item(item), attempt, event_id=answer["EventId"])
        measure(f"Jobs{item['status'].capitalize()}")  # type: ignore[arg-type]
        measure("MinutesWaited", _find_minutes(item))
        logger.info("The end of the job has been published.", status=item["status"], event_id=answer["EventId"])


def compose_detail(upload: Upload, attempt: int, item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the event's `detail`. Every field is always there, null if the job did not get that far."""
    names = (
        *("job_id", "recorded_at", "created_at", "finished_at", "video_recorded_at"),
        *("polls", "frames", "counts", "region_counts", "results_location", "cost_usd", "api_cost_usd"),
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "execution": name_execution(upload, attempt),
        "status": item["status"],
        "reason": item.get("error"),
        "upload": {
            "bucket": upload.bucket,
            "key": upload.key,
            "version_id": upload.version_id,
            "size_bytes": upload.size_bytes,
        },
        "attempt": attempt,
        **{name: item.get(name) for name in names},
        "omitted_classes": item.get("omitted_classes", 0),
        "omitted_region_counts": item.get("omitted_region_counts", 0),
        "failed_outputs": sorted(item.get("failed_outputs", ())),
        "summary": item.get("answer") or item.get("error") or f"The job is {item['status']}.",
        "notice_sent": item.get("notice_id", NOT_SENT) != NOT_SENT,
        "prefix": upload.prefix,
        **{name: item.get(f"found_{name}", []) for name in ("classes", "regions", "rules")},
    }


def _find_minutes(item: Mapping[str, Any]) -> float:
    begun, ended = (datetime.fromisoformat(item[name]) for name in ("recorded_at", "finished_at"))
    return max(0.0, (ended - begun).total_seconds() / 60)


def _to_number(value: Any) -> int | float:
    """Converts DynamoDB's decimals for JSON."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{value!r} can't be written as JSON.")
