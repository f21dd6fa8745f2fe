"""Notices and events are compared with the ledger."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from videoinfer.verification.message_checks import (
    check_end,
    check_event,
    check_execution,
    check_ledger,
    check_notice,
    check_rejection,
    check_unsent,
    describe_failure,
    is_event,
    is_notice,
)
from videoinfer.verification.truth import Truth
from videojobs.jobs.uploads import Upload

RESULTS = "s3://results/results/videoinfer-verify/run/clip.mp4/job-1/results.json"

ITEM = {
    "status": "done",
    "attempt": Decimal(1),
    "job_id": "job-1",
    "recorded_at": "2026-11-02T08:15:30+00:00",
    "created_at": "2026-11-02T08:15:31+00:00",
    "finished_at": "2026-11-02T08:19:40+00:00",
    "polls": Decimal(4),
    "frames": Decimal(2),
    "counts": {"hands": {"Rock": Decimal(2), "a <b>": Decimal(1)}},
    "results_location": RESULTS,
    "cost_usd": Decimal("0.0008"),
    "answer": "2 Rock",
    "found_classes": ["Rock", "a <b>"],
    "notice_id": "n1",
    "event_id": "e1",
}


@pytest.mark.parametrize(
    ("item", "level", "words"),
    [
        (ITEM, "ok", "done, 4 polls"),
        ({**ITEM, "polls": 1}, "ok", "done, 1 poll"),
        (None, "wrong", "It did not become a job in 60 s"),
        ({"status": "waiting", "error": "The API answered 503."}, "wrong", "it is waiting. The API answered 503."),
        ({"status": "rejected", "error": "The API key is not accepted."}, "wrong", "rejected: The API key is not"),
    ],
)
def test_the_job_s_end_is_checked(item: dict[str, Any] | None, level: str, words: str) -> None:
    verdict = check_end(item, 60)
    assert verdict.level == level
    assert words in verdict.what


def test_a_good_ledger_is_ok(truth: Truth) -> None:
    assert check_ledger(ITEM, truth, RESULTS).level == "ok"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": 3}, "frames: 3 instead of 2."),
        ({"counts": {}}, "counts: {} instead of"),
        ({"results_location": "s3://elsewhere"}, "results_location: s3://elsewhere instead of"),
        ({"cost_usd": 0}, "It has no cost."),
        ({"notice_id": None}, "It has no notice_id."),
        ({"event_id": None}, "It has no event_id."),
    ],
)
def test_each_error_in_the_ledger_is_named(truth: Truth, change: dict[str, Any], words: str) -> None:
    item = {name: value for name, value in {**ITEM, **change}.items() if value is not None}
    verdict = check_ledger(item, truth, RESULTS)
    assert verdict.level == "wrong"
    assert words in verdict.what


def make_notice(**fields: Any) -> dict[str, Any]:
    return {
        "MessageId": "n1",
        "Subject": "clip.mp4: Rock",
        "Message": f"Video: s3://uploads/videoinfer-verify/run/clip.mp4\nResults: {RESULTS}\nJob: job-1",
        "MessageAttributes": {"outcome": {"Type": "String", "Value": "done"}},
        **fields,
    }


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([make_notice()], None),
        ([make_notice(), make_notice()], None),  # SQS delivers at least once
        ([], "No notice was received."),
        ([make_notice(), make_notice(MessageId="n2")], "It was published 2 times."),
        ([make_notice(MessageAttributes={})], "attribute outcome: None instead of done."),
        ([make_notice(MessageId="n2")], "It does not have the ledger's notice_id."),
        ([make_notice(Message="Video: s3://uploads/clip.mp4")], f"It lacks '{RESULTS}'."),
    ],
)
def test_the_notice_is_checked(messages: list[dict[str, Any]], words: str | None) -> None:
    verdict = check_notice(messages, "done", "n1", [RESULTS, "job-1"])
    assert (verdict.level == "ok") == (words is None)
    assert not words or words in verdict.what


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"notice_id": "4a7f"}, None),
        ({}, None),
        ({"notice_id": "not sent", "no_notice": "Notices is problems"}, "none is sent: Notices is problems"),
        ({"notice_id": "u/1/first/done"}, "waits for the next digest, because the stack's Notices is digest"),
        ({"notice_id": "u/1/first/failed"}, None),
    ],
)
def test_a_notice_that_is_not_sent_at_once_is_no_fault(item: dict[str, str], words: str | None) -> None:
    verdict = check_unsent(item, "notice_id", "done")
    assert (verdict and verdict.level, verdict and verdict.what) == (words and "ok", words)


def test_a_notice_about_another_upload_or_outcome_does_not_match(upload: Upload) -> None:
    assert is_notice(upload, "done", make_notice())
    assert not is_notice(upload, "annotated", make_notice())
    assert not is_notice(replace(upload, key="videoinfer-verify/run/clip.mp"), "done", make_notice())
    assert not is_notice(upload, "done", {"Message": "An alarm, for one."})


def make_event(upload: Upload, **fields: Any) -> dict[str, Any]:
    detail = {
        "schema_version": "1",
        "execution": f"{upload.upload_id}-1",
        "status": "done",
        "reason": None,
        "upload": {"bucket": upload.bucket, "key": upload.key, "version_id": upload.version_id, "size_bytes": 5},
        "attempt": 1,
        **{name: ITEM[name] for name in ("job_id", "recorded_at", "created_at", "finished_at", "results_location")},
        "video_recorded_at": None,
        "polls": 4,
        "frames": 2,
        "counts": {"hands": {"Rock": 2, "a <b>": 1}},
        "region_counts": None,
        "omitted_classes": 0,
        "omitted_region_counts": 0,
        "failed_outputs": [],
        "summary": "2 Rock",
        "notice_sent": True,
        "prefix": "videoinfer-verify/run/",
        "classes": ["Rock", "a <b>"],
        "regions": [],
        "rules": [],
        "cost_usd": 0.0008,
        "api_cost_usd": None,
    }
    return {"source": "videoinfer", "detail-type": "Video Job Ended", "detail": {**detail, **fields}}


def test_the_event_is_checked(upload: Upload) -> None:
    assert check_event([make_event(upload)], upload, ITEM).level == "ok"
    assert check_event([], upload, ITEM).what == "No event was received."
    assert is_event(upload, make_event(upload))
    assert not is_event(replace(upload, key="other.mp4"), make_event(upload))
    assert not is_event(upload, {**make_event(upload), "source": "videoinfer.verify"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "failed"}, "status: failed instead of done."),
        ({"frames": 1}, "frames: 1 instead of 2."),
        ({"counts": {}}, "counts: {} instead of"),
        ({"schema_version": "2"}, "schema_version: 2 instead of 1."),
        ({"more": 1}, "more: 1 instead of no field."),
    ],
)
def test_each_error_in_an_event_is_named(upload: Upload, fields: dict[str, Any], words: str) -> None:
    verdict = check_event([make_event(upload, **fields)], upload, ITEM)
    assert verdict.level == "wrong"
    assert words in verdict.what


@pytest.mark.parametrize(
    ("cost_usd", "level"), [(0.0006, "ok"), (0.0009, "wrong"), (0, "wrong"), (None, "wrong"), ("0.0006", "wrong")]
)
def test_the_ledger_may_know_of_later_costs(upload: Upload, cost_usd: Any, level: str) -> None:
    # An annotated video and a dataset are made after the event.
    assert check_event([make_event(upload, cost_usd=cost_usd)], upload, ITEM).level == level


def test_a_failed_job_s_event_has_no_cost(upload: Upload) -> None:
    item = {name: value for name, value in ITEM.items() if name != "cost_usd"}
    assert check_event([make_event(upload, cost_usd=None)], upload, item).level == "ok"
    assert check_event([make_event(upload, cost_usd=0.0006)], upload, item).level == "wrong"


def test_an_event_without_a_field_is_wrong(upload: Upload) -> None:
    event = make_event(upload)
    del event["detail"]["reason"]
    assert "reason: no field instead of None." in check_event([event], upload, ITEM).what


HISTORY: Any = [
    {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Check Job"}},
    {"type": "TaskFailed", "taskFailedEventDetails": {"error": "Lambda.Unknown", "cause": "It ended."}},
    {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Deliver Results"}},
    {"type": "TaskFailed", "taskFailedEventDetails": {"error": "Oops", "cause": '{"errorMessage": "No \\u001b[2J."}'}},
]


def test_an_unsuccessful_execution_is_reported_with_its_last_error() -> None:
    assert check_execution("SUCCEEDED", HISTORY).level == "ok"
    assert check_execution("FAILED", []).what == "It is failed."
    assert (
        check_execution("RUNNING", HISTORY).what
        == "It is running. Deliver Results failed last with Oops: No \\u001b[2J."
    )
    assert describe_failure(HISTORY[:2]) == "Check Job failed last with Lambda.Unknown: It ended."


REJECTED = {"status": "rejected", "error": "The API does not take files that end in .txt."}


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (REJECTED, None),
        (None, "It has no item in the ledger after 60 s."),
        ({**REJECTED, "status": "failed"}, "It is failed: The API does not"),
        ({**REJECTED, "error": "The file is empty."}, "It is rejected for another reason: The file is empty."),
        ({**REJECTED, "job_id": "job-2"}, "The API has created a job: job-2."),
    ],
)
def test_the_rejection_is_checked(item: dict[str, Any] | None, words: str | None) -> None:
    verdict = check_rejection(item, 60)
    assert (verdict.level == "ok") == (words is None)
    assert not words or words in verdict.what
