"""What a verification made is removed, all of it and nothing else, whatever went wrong before or meanwhile."""

import pytest
from botocore.exceptions import ClientError

from tests.pipeline_stacks import make_stack
from tests.unit.videoinfer.verification.accounts import Account
from videoinfer.verification.mailboxes import open_mailboxes
from videoinfer.verification.traces import REASON, Traces


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
    assert f"Cancelled: the job of {upload.key}. Its item remains in the ledger." in verdict.what
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
