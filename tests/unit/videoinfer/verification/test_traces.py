"""Everything that a verification created is removed, and nothing else, whatever went wrong."""

import pytest
from botocore.exceptions import ClientError

from tests.pipeline_stacks import make_stack
from tests.unit.videoinfer.verification.accounts import Account
from videoinfer.verification.mailboxes import open_mailboxes
from videoinfer.verification.traces import REASON, Traces
from videojobs.jobs.media_outputs import ANNOTATION


@pytest.mark.slow
def test_everything_that_was_created_is_removed_and_nothing_else(account: Account) -> None:
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


def test_a_cleanup_with_nothing_to_remove_succeeds(account: Account) -> None:
    before = account.list_everything()
    assert account.traces.remove().level == "ok"
    assert account.list_everything() == before


@pytest.mark.slow
@pytest.mark.parametrize(("status", "after"), [("running", "cancelled"), ("done", "done")])
def test_a_running_job_is_stopped_and_keeps_its_item(account: Account, status: str, after: str) -> None:
    """This includes a `done` job whose notice can't be published, because its results would appear again."""
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


@pytest.mark.slow
@pytest.mark.parametrize("status", [None, "waiting", "creating"])
def test_a_job_that_was_not_created_yet_is_never_created(account: Account, status: str | None) -> None:
    upload = account.traces.send("clip.mp4", b"video", {})
    if status:
        account.record(upload, status=status, job_id=None, created_at=None, event_id=None)
    assert account.traces.remove().level == "wrong"
    item = account.traces.find_item(upload)
    assert item
    assert (item["status"], item["error"]) == ("cancelled", REASON)


def test_an_upload_whose_sending_was_interrupted_is_found(account: Account) -> None:
    before = account.list_everything()
    account.add_job("clip.mp4")
    account.traces.uploads.clear()
    assert account.traces.remove().level == "ok"
    assert account.list_everything() == before


def test_a_resource_that_cannot_be_removed_is_reported_and_the_others_are_removed(
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


def test_objects_that_s3_keeps_are_reported(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = account.add_job("clip.mp4")
    errors = [{"Key": upload.key, "Message": "Access Denied"}]
    monkeypatch.setattr(account.clients.s3, "delete_objects", lambda **_arguments: {"Errors": errors})
    assert f"Not removed: s3://uploads/{upload.key}. Access Denied" in account.traces.remove().what


def test_two_runs_have_nothing_in_common() -> None:
    one, other = (Traces.begin(make_stack(None)) for _ in range(2))  # type: ignore[arg-type]
    assert one.prefix != other.prefix
    assert one.name != other.name
    # SQS allows 80 characters, EventBridge 64 for a rule.
    assert len(one.name) <= 64
    assert max(map(len, one.queue_names)) <= 80


def test_an_item_that_changes_just_before_its_execution_ends_is_read_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = account.add_job("clip.mp4", execution_arn="arn")

    def end(item: object) -> bool:
        account.ledger.record(upload, 1, annotation_notice_id="n2")
        return True

    monkeypatch.setattr(account.traces, "_is_over", end)
    item = account.traces.find_with(upload, ANNOTATION)
    assert item
    assert item["annotation_notice_id"] == "n2"
