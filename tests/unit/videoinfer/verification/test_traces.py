"""What a verification made is removed, all of it and nothing else, whatever went wrong before or meanwhile."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.pipeline_stacks import make_stack
from videoinfer.aws_clients import AwsClients
from videoinfer.ledger_view import LedgerView
from videoinfer.verification.mailboxes import Mailboxes, compose_pattern, open_mailboxes
from videoinfer.verification.traces import REASON, Traces
from videojobs.jobs.ledger import Ledger, name_execution
from videojobs.jobs.uploads import Upload

TIMES = {"created_at": "2026-11-02T08:15:33+00:00", "deadline_at": "2026-11-03T08:15:33+00:00"}


class Account:
    """One with a stack, and with things of others."""

    def __init__(self, jobs: LedgerView, ledger: Ledger) -> None:
        self.jobs, self.ledger = jobs, ledger
        self.clients = clients = AwsClients(boto3.Session(region_name="us-east-1"))
        for bucket in ("uploads", "results"):
            clients.s3.create_bucket(Bucket=bucket)
            clients.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            clients.s3.put_object(Bucket=bucket, Key="line-3/belt.mp4", Body=b"video")
        topic = clients.sns.create_topic(Name="notices")["TopicArn"]
        end: dict[str, Any] = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
        self.machine = clients.stepfunctions.create_state_machine(
            name="video-job", definition=json.dumps(end), roleArn="arn:aws:iam::123456789012:role/role"
        )["stateMachineArn"]
        clients.events.put_rule(Name="another", EventPattern=json.dumps({"source": ["videoinfer"]}))
        clients.sqs.create_queue(QueueName="another")
        clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:another")
        stack = make_stack(clients, notices_topic_arn=topic, state_machine_arn=self.machine)
        self.traces = Traces.begin(stack)

    def add_job(self, name: str, **values: Any) -> Upload:
        """An upload with a job that has come to its end, or has what `values` say."""
        upload = self.traces.send(name, b"video", {})
        self.record(upload, **values)
        return upload

    def record(self, upload: Upload, **values: Any) -> None:
        job_id = f"job-of-{upload.key.rpartition('/')[2]}"
        values = {"status": "done", "job_id": job_id, "event_id": "e1", **TIMES, **values}
        self.ledger.record(upload, 1, **{key: value for key, value in values.items() if value})

    def start(self, upload: Upload) -> str:
        """The execution that waits for the upload's job; moto's never end."""
        name = name_execution(upload, 1)
        return self.clients.stepfunctions.start_execution(stateMachineArn=self.machine, name=name)["executionArn"]

    def put_result(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.clients.s3.put_object(Bucket="results", Key=key, Body=b"{}")

    def list_everything(self) -> dict[str, Any]:
        clients = self.clients
        topic = self.traces.stack.notices_topic_arn
        versions = [clients.s3.list_object_versions(Bucket=bucket) for bucket in ("uploads", "results")]
        return {
            "keys": sorted(it["Key"] for page in versions for it in page.get("Versions", [])),
            "markers": [it["Key"] for page in versions for it in page.get("DeleteMarkers", [])],
            "queues": clients.sqs.list_queues()["QueueUrls"],
            "rules": [rule["Name"] for rule in clients.events.list_rules()["Rules"]],
            "subscriptions": len(clients.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]),
            "items": clients.dynamodb.scan(TableName="jobs")["Items"],
        }


@pytest.fixture
def account(jobs: LedgerView, ledger: Ledger) -> Account:
    return Account(jobs, ledger)


def test_all_of_it_is_removed_and_nothing_else(account: Account) -> None:
    before = account.list_everything()
    open_mailboxes(account.traces)
    account.add_job("clip.mp4")
    account.add_job("no-video.txt", status="rejected", job_id=None, created_at=None)
    prefix = f"results/{account.traces.prefix}clip.mp4/job-of-clip.mp4"
    account.put_result(f"{prefix}/results.json", times=2)
    account.clients.s3.delete_object(Bucket="results", Key=f"{prefix}/results.json")
    for table in ("detections", "frames"):
        account.put_result(f"tables/{table}/day=2026-11-02/job-of-clip.mp4.parquet")
    account.traces.queries.append("q1")
    account.put_result("queries/q1.csv")
    account.put_result("queries/q1.csv.metadata")

    verdict = account.traces.remove()

    assert verdict.level == "ok", verdict.what
    assert "removed 2 ledger items, 1 subscription, 1 rule, 2 queues, 7 objects;" in verdict.what
    assert account.list_everything() == before


def test_where_nothing_was_made_nothing_is_missed(account: Account) -> None:
    before = account.list_everything()
    assert account.traces.remove().level == "ok"
    assert account.list_everything() == before


@pytest.mark.parametrize(("status", "after"), [("running", "cancelled"), ("done", "done")])
def test_a_job_that_goes_on_is_stopped_and_keeps_its_item(account: Account, status: str, after: str) -> None:
    """A `done` one, too, whose notice can't be published: its results would appear again."""
    before = account.list_everything()
    upload = account.traces.send("clip.mp4", b"video", {})
    arn = account.start(upload)
    account.record(upload, status=status, execution_arn=arn, event_id=None)
    account.put_result("tables/frames/day=2026-11-02/job-of-clip.mp4.parquet")

    verdict = account.traces.remove()

    assert verdict.level == "wrong"
    assert f"Stopped: the job of {upload.key}, which keeps its item in the ledger." in verdict.what
    item = account.traces.find_item(upload)
    assert item
    assert item["status"] == after
    assert account.clients.stepfunctions.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert account.list_everything()["keys"] == before["keys"]


@pytest.mark.parametrize("status", [None, "waiting", "creating"])
def test_a_job_that_is_still_to_be_created_will_not_be(account: Account, status: str | None) -> None:
    upload = account.traces.send("clip.mp4", b"video", {})
    if status:
        account.record(upload, status=status, job_id=None, created_at=None, event_id=None)
    assert account.traces.remove().level == "wrong"
    item = account.traces.find_item(upload)
    assert item
    assert (item["status"], item["error"]) == ("cancelled", REASON)


def test_an_upload_that_was_interrupted_while_it_was_sent_is_found(account: Account) -> None:
    before = account.list_everything()
    account.add_job("clip.mp4")
    account.traces.uploads.clear()
    assert account.traces.remove().level == "ok"
    assert account.list_everything() == before


def test_what_can_not_be_removed_is_told_and_the_rest_is_removed(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_arguments: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Not you."}}, "RemoveTargets")

    before = account.list_everything()
    open_mailboxes(account.traces)
    account.add_job("clip.mp4")
    monkeypatch.setattr(account.clients.events, "remove_targets", refuse)

    verdict = account.traces.remove()

    assert verdict.level == "wrong"
    assert "Not removed: rules. AWS refused RemoveTargets: Not you." in verdict.what
    assert account.list_everything() == {**before, "rules": sorted(["another", account.traces.name])}


def test_objects_that_s3_keeps_are_told(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = account.add_job("clip.mp4")
    errors = [{"Key": upload.key, "Message": "Access Denied"}]
    monkeypatch.setattr(account.clients.s3, "delete_objects", lambda **_arguments: {"Errors": errors})
    assert f"Not removed: s3://uploads/{upload.key}. Access Denied" in account.traces.remove().what


def test_two_runs_have_nothing_in_common() -> None:
    one, other = (Traces.begin(make_stack(None)) for _ in range(2))  # type: ignore[arg-type]
    assert one.prefix != other.prefix
    assert one.name != other.name
    # SQS takes 80 characters, a rule 64.
    assert len(one.name) <= 64
    assert max(map(len, one.queue_names)) <= 80


def test_mailboxes_hear_what_they_are_for_and_nobody_else_may_send(account: Account) -> None:
    boxes = open_mailboxes(account.traces)
    clients, topic = account.clients, account.traces.stack.notices_topic_arn
    assert boxes.wait_until_heeded(account.traces, 10)
    clients.sns.publish(TopicArn=topic, Subject="Done: clip.mp4", Message="Video    s3://uploads/clip.mp4")
    [notice] = boxes.notices.wait_for(lambda message: message["Subject"] == "Done: clip.mp4", 10)
    assert boxes.notices.wait_for(lambda message: message is notice, 0) == [notice]  # it is kept
    assert boxes.events.wait_for(lambda event: event["source"] == "videoinfer", 0) == []
    for name, service, source in zip(
        account.traces.queue_names,
        ("sns.amazonaws.com", "events.amazonaws.com"),
        (topic, f"arn:aws:events:us-east-1:123456789012:rule/{account.traces.name}"),
        strict=True,
    ):
        url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        statement = json.loads(attributes["Policy"])["Statement"]
        assert statement["Principal"] == {"Service": service}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": source}}
        assert statement["Resource"] == attributes["QueueArn"]


def test_a_rule_that_passes_on_nothing_is_noticed(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: Mailboxes = open_mailboxes(account.traces)
    monkeypatch.setattr(account.clients.events, "put_events", lambda **_entries: None)
    assert not boxes.wait_until_heeded(account.traces, 1)


def test_the_rule_takes_this_run_s_events_alone() -> None:
    pattern = compose_pattern("videoinfer-verify/run/")
    assert pattern["detail"] == {"upload": {"key": [{"prefix": "videoinfer-verify/run/"}]}}
    assert pattern["detail-type"] == ["Video Job Ended"]
