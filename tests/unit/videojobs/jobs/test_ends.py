"""A job's end, as other systems are notified of it."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from videoinfer.repository import ROOT
from videojobs.jobs.ends import JobEnds
from videojobs.jobs.ledger import Job

DOCS = ROOT / "docs" / "events.md"
COUNTS = {"hands": {"Rock": 39}}


@pytest.fixture
def events_queue(aws: Any) -> str:
    """A queue that receives every event of the pipeline."""
    url: str = aws.sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.events.put_rule(Name="ours", EventPattern='{"source": ["videoinfer"], "detail-type": ["Video Job Ended"]}')
    aws.events.put_targets(Rule="ours", Targets=[{"Id": "1", "Arn": arn}])
    return url


def receive(aws: Any, url: str) -> list[dict[str, Any]]:
    messages = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"])["detail"] for message in messages]


def read_metrics(output: str) -> dict[str, float]:
    lines = [json.loads(line) for line in output.splitlines() if "CloudWatchMetrics" in line]
    names = {metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in lines} <= {"videoinfer"}
    assert {line["service"] for line in lines} <= {"stack"}
    return {name: value[0] for line in lines for name, value in line.items() if name in names}


def test_an_end_is_published_and_counted_once(
    aws: Any, job: Job, events_queue: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "stack")
    aws.ledger.record(job.upload, job.attempt, status="done", job_id=job.job_id, counts=COUNTS)
    seen_at = datetime.fromisoformat(aws.ledger.read(job.upload, job.attempt)["recorded_at"])
    aws.ledger.record(job.upload, job.attempt, finished_at=(seen_at + timedelta(seconds=150)).isoformat())
    for _ in range(2):
        JobEnds(aws.events, aws.ledger).publish(job.upload, job.attempt)

    [detail] = receive(aws, events_queue)
    assert detail["execution"] == job.execution_name
    assert (detail["status"], detail["reason"], detail["job_id"]) == ("done", None, job.job_id)
    assert detail["upload"]["key"] == job.upload.key
    assert detail["counts"] == COUNTS
    assert read_metrics(capsys.readouterr().out) == {"JobsDone": 1.0, "MinutesWaited": 2.5}


@pytest.mark.parametrize("status", ["creating", "waiting", "running"])
def test_a_job_that_has_not_ended_is_not_published(aws: Any, job: Job, events_queue: str, status: str) -> None:
    aws.ledger.record(job.upload, job.attempt, status=status)
    JobEnds(aws.events, aws.ledger).publish(job.upload, job.attempt)
    assert receive(aws, events_queue) == []


@pytest.mark.slow
@pytest.mark.parametrize("status", ["failed", "overdue", "rejected", "cancelled"])
def test_an_end_without_results_has_a_reason(
    aws: Any, job: Job, events_queue: str, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    finished_at = "2026-01-02T03:06:35+00:00"
    aws.ledger.record(job.upload, job.attempt, status=status, error="No GPU.", finished_at=finished_at)
    JobEnds(aws.events, aws.ledger).publish(job.upload, job.attempt)
    [detail] = receive(aws, events_queue)
    assert (detail["status"], detail["reason"], detail["results_location"]) == (status, "No GPU.", None)
    assert f'"Jobs{status.capitalize()}"' in capsys.readouterr().out


def test_an_event_that_eventbridge_refuses_is_sent_again(aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = {"Entries": [{"ErrorCode": "ThrottlingException"}], "FailedEntryCount": 1}
    monkeypatch.setattr(aws.events, "put_events", lambda **_: refused)
    aws.ledger.record(job.upload, job.attempt, status="done")
    with pytest.raises(RuntimeError, match="ThrottlingException"):
        JobEnds(aws.events, aws.ledger).publish(job.upload, job.attempt)
    assert "event_id" not in aws.ledger.read(job.upload, job.attempt)


def test_the_documented_event_is_the_one_that_is_sent(aws: Any, job: Job, events_queue: str) -> None:
    text = DOCS.read_text().split("## Filters of notices")[0]
    example = json.loads(text.split("```json")[1].split("```")[0])["detail"]
    documented = [
        name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    finished_at = "2026-01-02T03:06:35+00:00"
    aws.ledger.record(job.upload, job.attempt, status="done", frames=50, finished_at=finished_at)
    JobEnds(aws.events, aws.ledger).publish(job.upload, job.attempt)
    [detail] = receive(aws, events_queue)
    assert list(detail) == list(example) == documented
    assert list(detail["upload"]) == list(example["upload"])
