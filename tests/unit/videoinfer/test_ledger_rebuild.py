"""A lost ledger is rebuilt from what the pipeline's own deliveries have written."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.pipeline_stacks import make_stack
from tests.unit.videojobs.deliveries import BOX, DELIVERED, DONE, build, make_results
from videoinfer.aws_clients import AwsClients
from videoinfer.backfill import plan_backfill
from videoinfer.ledger_rebuild import UNKNOWN_END, FoundJob, find_lost_job, plan_rebuild, restore
from videoinfer.ledger_view import LedgerView
from videojobs.delivery_progress import Polling
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.options import Model, Options
from videojobs.jobs.uploads import Upload
from videojobs.results.bucket import ResultsBucket

CREDENTIALS: Any = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
OPTIONS = Options(models=(Model("hands", "4", "object-detection"),), infer_fps=2.5, input_mode="presigned")


class Pipeline:
    """A pipeline on moto, whose jobs are delivered by the real delivery."""

    def __init__(self, clients: AwsClients, ledger: Ledger, table: Any) -> None:
        self.clients = clients
        self.stack = make_stack(clients)
        self.ledger, self.table = ledger, table
        for bucket in ("uploads", "results"):
            self.clients.s3.create_bucket(Bucket=bucket)
        self.clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
        sender = SimpleNamespace(topic=SimpleNamespace(partition="aws", region="us-east-1"), send=lambda *_: "notice-1")
        self.aws = SimpleNamespace(s3=self.clients.s3, ledger=ledger, sender=sender, results_bucket="results")

    def deliver(self, key: str, *, attempt: int = 1, options: Options = OPTIONS) -> Job:
        put = self.clients.s3.put_object(Bucket="uploads", Key=key, Body=b"video")
        upload = Upload(
            bucket="uploads", key=key, size_bytes=5, etag=put["ETag"].strip('"'), version_id=put.get("VersionId")
        )
        job = Job.begin(
            upload, attempt, f"job-of-{key.rpartition('/')[2]}", options, now=datetime.now(UTC), deadline_seconds=3600
        )
        created_at = datetime.now(UTC).isoformat(timespec="seconds")
        job = replace(
            job,
            created_at=created_at,
            start_offset=0.5,
            api_cost_usd=0.25,
            video_recorded_at="2026-11-02T08:15:30+01:00",
        )
        return self.finish(job)

    def finish(self, job: Job) -> Job:
        self.ledger.record(job.upload, job.attempt, status="running", options=job.options.to_dict(), **job.to_values())
        results = make_results(job, [{"predictions": [BOX]}, {"predictions": []}])
        delivery = replace(build(self.aws, DONE, (200, results)), outputs=("csv",))
        assert delivery.deliver(job, Polling(3, 0.5)) == DELIVERED
        return job

    def rewrite(self, job: Job, name: str, **values: Any) -> None:
        """Changes a file of a job; None removes a field."""
        where: Any = {"Bucket": "results", "Key": f"results/{job.upload.key}/{job.job_id}/{name}"}
        record = json.loads(self.clients.s3.get_object(**where)["Body"].read()) | values
        kept = {field: value for field, value in record.items() if value is not None or field not in values}
        self.clients.s3.put_object(**where, Body=json.dumps(kept).encode())

    def list_items(self) -> dict[tuple[str, int], dict[str, Any]]:
        return {(it["upload_id"], int(it["attempt"])): it for it in self.table.scan()["Items"]}

    def lose(self) -> None:
        for upload_id, attempt in self.list_items():
            self.table.delete_item(Key={"upload_id": upload_id, "attempt": attempt})

    def rebuild(self) -> list[FoundJob]:
        return [restore(self.ledger, job) for job in plan_rebuild(self.stack)]


@pytest.fixture(scope="module")
def connections() -> AwsClients:
    """Clients that are created once, because that takes longer than a test."""
    return AwsClients(boto3.Session(**CREDENTIALS))


@pytest.fixture
def pipeline(jobs: LedgerView, connections: AwsClients, ledger: Ledger, dynamodb_table: Any) -> Pipeline:
    return Pipeline(connections, ledger, dynamodb_table)


def test_a_delivered_job_is_as_it_was_but_for_what_the_buckets_do_not_tell(pipeline: Pipeline) -> None:
    job = pipeline.deliver("line 3/ü.mp4", options=replace(OPTIONS, classes=("Rock",), annotate=True))
    [before] = pipeline.list_items().values()
    pipeline.lose()

    assert [(it.key, it.job_id, it.action) for it in plan_rebuild(pipeline.stack)] == [
        (job.upload.key, job.job_id, "restore")
    ]
    assert pipeline.list_items() == {}
    pipeline.rebuild()

    [after] = pipeline.list_items().values()
    assert before.keys() - after.keys() == {"notice_id"}
    assert after.keys() - before.keys() == set()
    assert {name for name in after if after[name] != before[name]} <= {"recorded_at", "updated_at"}
    assert after["recorded_at"] == job.created_at


def test_a_ledger_that_has_everything_is_not_written(pipeline: Pipeline) -> None:
    pipeline.deliver("a.mp4")
    before = pipeline.list_items()
    assert [it.action for it in pipeline.rebuild()] == ["known"]
    assert pipeline.list_items() == before


def test_a_lost_job_is_found_behind_a_new_one_and_a_delivery_that_has_not_ended(pipeline: Pipeline) -> None:
    """Uploads become jobs again as soon as there is a table."""
    lost = pipeline.deliver("c.mp4")
    pipeline.lose()
    pipeline.clients.s3.put_object(Bucket="results", Key="results/a.mp4/job-of-a.mp4/results.json", Body=b"{}")
    pipeline.deliver("b.mp4")
    found = find_lost_job(pipeline.stack)
    assert found
    assert found.job_id == lost.job_id
    pipeline.rebuild()
    assert find_lost_job(pipeline.stack) is None


def test_only_lists_reads_and_the_ledger_s_update_are_called(pipeline: Pipeline) -> None:
    """Neither the API nor a queue, a topic or an execution."""
    pipeline.deliver("a.mp4", attempt=2)
    pipeline.lose()
    calls = set[str]()
    for client in (pipeline.clients.s3, pipeline.table.meta.client, pipeline.clients.open_table("jobs").meta.client):
        client.meta.events.register("before-call", lambda model, **_: calls.add(model.name))
    pipeline.rebuild()
    assert calls == {"ListObjectsV2", "GetObject", "GetItem", "UpdateItem"}


def test_an_item_of_which_a_part_is_lost_is_completed_and_nothing_in_it_changes(pipeline: Pipeline) -> None:
    """A running execution records its job again without its options; a redelivery records less."""
    job = pipeline.deliver("a.mp4")
    pipeline.lose()
    pipeline.ledger.record(job.upload, job.attempt, status="done", polls=7, answer="newer", cost_usd=2.5)
    [part] = pipeline.list_items().values()
    pipeline.rebuild()
    [item] = pipeline.list_items().values()
    assert {name: item[name] for name in part} == part
    assert Job.from_item(item).options == OPTIONS
    assert [it.action for it in pipeline.rebuild()] == ["known"]


@pytest.mark.parametrize(
    "truth",
    [
        {"status": "running"},
        {"status": "failed", "job_id": "job-of-a.mp4"},
        {"status": "done", "job_id": "later-job"},
        {"job_id": "later-job"},
    ],
)
def test_what_the_ledger_says_wins(pipeline: Pipeline, truth: dict[str, Any]) -> None:
    job = pipeline.deliver("a.mp4")
    planned = [replace(it, action="restore") for it in plan_rebuild(pipeline.stack)]
    pipeline.lose()
    pipeline.ledger.record(job.upload, job.attempt, **truth)
    before = pipeline.list_items()
    assert [it.action for it in pipeline.rebuild()] == ["known"]
    assert [restore(pipeline.ledger, it).action for it in planned] == ["known"]  # it changed after the plan
    assert pipeline.list_items() == before


def test_earlier_attempts_are_known_to_have_been_so_that_backfill_bills_no_video_again(pipeline: Pipeline) -> None:
    job = pipeline.deliver("line-3/a.mp4", attempt=3)
    pipeline.lose()
    assert [it.action for it in plan_backfill(pipeline.stack, "uploads", "")] == ["ask"]

    assert [(it.attempt, it.action) for it in pipeline.rebuild()] == [(3, "restore"), (1, "restore"), (2, "restore")]

    items = pipeline.list_items()
    told = {attempt: (item["status"], item.get("error")) for (_, attempt), item in items.items()}
    assert told == {1: ("failed", UNKNOWN_END), 2: ("failed", UNKNOWN_END), 3: ("done", None)}
    assert [it.action for it in plan_backfill(pipeline.stack, "uploads", "")] == ["skip"]
    assert pipeline.stack.ledger.find_job("line-3/a.mp4")[0]["job_id"] == job.job_id
    assert list(pipeline.stack.ledger.list_jobs("failed")) == []
    assert [(it.attempt, it.action) for it in pipeline.rebuild()] == [(3, "known")]


def test_an_earlier_attempt_that_has_results_is_not_one_that_failed(pipeline: Pipeline) -> None:
    """In a bucket without versioning, each write of the same bytes is another attempt at the same upload."""
    pipeline.clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Suspended"})
    second = pipeline.deliver("a.mp4", attempt=2)
    first = replace(second, attempt=1, job_id="z-earlier", upload=replace(second.upload, sequencer="0055"))
    pipeline.finish(first)
    pipeline.lose()
    pipeline.rebuild()
    items = pipeline.list_items().values()
    assert {(it["job_id"], it["status"], it.get("sequencer")) for it in items} == {
        (second.job_id, "done", None),
        ("z-earlier", "done", "0055"),
    }


def test_a_dry_run_finds_what_is_restored(pipeline: Pipeline) -> None:
    pipeline.clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Suspended"})
    second = pipeline.deliver("a.mp4", attempt=2)
    pipeline.finish(replace(second, attempt=1, job_id="z-earlier"))
    pipeline.lose()
    planned = [(it.job_id, it.attempt, it.action) for it in plan_rebuild(pipeline.stack)]
    assert planned == [(it.job_id, it.attempt, it.action) for it in pipeline.rebuild()]


def test_what_a_newer_release_wrote_is_left_alone_and_the_others_are_restored(pipeline: Pipeline) -> None:
    record, item, other = (pipeline.deliver(key) for key in ("a.mp4", "b.mp4", "c.mp4"))
    pipeline.rewrite(record, "job.json", schema_version=2)
    newer = {name: pipeline.list_items()[item.upload.upload_id, 1][name] for name in ("status", "job_id")}
    newer |= {"upload_id": item.upload.upload_id, "attempt": 1, "schema_version": 2}
    planned = list(plan_rebuild(pipeline.stack))[1]
    pipeline.lose()
    pipeline.table.put_item(Item=newer)
    found = pipeline.rebuild()
    assert [it.action for it in found] == ["skip", "known", "restore"]
    assert "A newer release of the pipeline wrote this" in (found[0].why or "")
    assert restore(pipeline.ledger, replace(planned, action="restore")).action == "known"  # it changed after the plan
    assert pipeline.list_items()[item.upload.upload_id, 1] == newer
    assert pipeline.ledger.read(other.upload, 1)


@pytest.mark.parametrize("name", ["job.json", "summary.json"])
@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
def test_a_job_whose_files_may_not_be_read_is_left_out_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, code: str, name: str
) -> None:
    """Another key encrypts them, or they are archived. Without its summary, a job would stay restored in part."""
    pipeline.deliver("a.mp4")
    pipeline.deliver("c.mp4")
    pipeline.lose()
    read = ResultsBucket.read

    def refuse(bucket: ResultsBucket, key: str) -> Any:
        if key == f"results/a.mp4/job-of-a.mp4/{name}":
            raise ClientError({"Error": {"Code": code, "Message": "not this one"}}, "GetObject")
        return read(bucket, key)

    monkeypatch.setattr(ResultsBucket, "read", refuse)
    left_out, restored = pipeline.rebuild()
    assert left_out.why == f"S3 does not give its files: {code}: not this one"
    assert (left_out.action, restored.action) == ("skip", "restore")
    assert find_lost_job(pipeline.stack) is None
    monkeypatch.undo()
    assert [it.action for it in pipeline.rebuild()] == ["restore", "known"]


def test_where_no_file_may_be_read_it_is_not_known_whether_the_ledger_lacks_jobs(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`videoinfer doctor` then warns that it may not check this."""
    pipeline.deliver("a.mp4")

    def refuse(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    monkeypatch.setattr(ResultsBucket, "read", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        find_lost_job(pipeline.stack)


def test_an_outage_of_s3_leaves_no_job_out(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.deliver("a.mp4")

    def refuse(*_: Any) -> Any:
        status = {"HTTPStatusCode": 503}
        raise ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": status}, "GetObject")  # type: ignore[typeddict-item]

    monkeypatch.setattr(ResultsBucket, "read", refuse)
    with pytest.raises(ClientError, match="SlowDown"):
        pipeline.rebuild()


def test_a_record_of_an_older_version_lacks_what_the_video_s_version_tells(pipeline: Pipeline) -> None:
    job = pipeline.deliver("a.mp4")
    pipeline.rewrite(job, "job.json", etag=None, size_bytes=None, sequencer=None, deadline_at=None)
    pipeline.clients.s3.put_object(Bucket="uploads", Key="a.mp4", Body=b"a newer version")
    pipeline.lose()
    pipeline.rebuild()
    [item] = pipeline.list_items().values()
    assert Upload.from_item(item) == job.upload
    assert item["deadline_at"] == item["finished_at"]


def test_without_a_version_only_a_video_that_is_older_than_its_job_is_the_job_s(pipeline: Pipeline) -> None:
    job = pipeline.deliver("a.mp4")
    pipeline.clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Suspended"})
    pipeline.clients.s3.put_object(Bucket="uploads", Key="a.mp4", Body=b"another video")
    created_at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    pipeline.rewrite(job, "job.json", etag=None, size_bytes=None, version_id="", created_at=created_at)
    pipeline.lose()
    [found] = pipeline.rebuild()
    assert found.why
    assert "lacks the video's ETag, and the video is gone" in found.why
    assert pipeline.list_items() == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not JSON", "can't be used: Expecting value"),
        (b"[]", "can't be used: it is not a JSON object"),
        (b"[" * 100_000, "can't be used: maximum recursion depth"),
        (b"{}", "lacks 'upload'"),
        (b'{"upload": "s3://uploads/b.mp4", "job_id": "job-of-a.mp4"}', "is about job-of-a.mp4 of s3://uploads/b.mp4"),
    ],
)
def test_a_record_that_can_not_be_used_is_left_out_and_the_others_are_restored(
    pipeline: Pipeline, content: bytes, why: str
) -> None:
    pipeline.deliver("a.mp4")
    other = pipeline.deliver("c.mp4")
    pipeline.lose()
    pipeline.clients.s3.put_object(Bucket="results", Key="results/a.mp4/job-of-a.mp4/job.json", Body=content)
    left_out, restored = pipeline.rebuild()
    assert why in (left_out.why or "")
    assert restored.job_id == other.job_id
    assert [it["key"] for it in pipeline.list_items().values()] == ["c.mp4"]


def test_a_value_that_the_ledger_or_its_readers_can_not_take_is_left_out_alone(pipeline: Pipeline) -> None:
    job = pipeline.deliver("a.mp4")
    bad: list[tuple[str, Any]] = [
        ("attempt", float("inf")),
        ("attempt", 0),
        ("attempt", 10**30),
        ("polls", float("nan")),
        ("start_offset", "late"),
        ("start_offset", float("nan")),
        ("start_offset", 1e-300),
        ("deadline_at", "never"),
        ("video_recorded_at", "yesterday"),
        ("video_recorded_at", 5),
        ("results_location", 5),
        ("created_at", "2026-11-02T08:15:30"),
        ("version_id", 5),
        ("results_location", "\ud800"),
        ("upload", "s3:///a.mp4"),
    ]
    where: Any = {"Bucket": "results", "Key": f"results/a.mp4/{job.job_id}/job.json"}
    record = json.loads(pipeline.clients.s3.get_object(**where)["Body"].read())
    for number, (name, value) in enumerate(bad):
        changed = {**record, "job_id": f"bad-{number}", name: value}
        where["Key"] = f"results/a.mp4/bad-{number}/job.json"
        pipeline.clients.s3.put_object(**where, Body=json.dumps(changed).encode())
    pipeline.lose()
    found = pipeline.rebuild()
    assert {it.job_id for it in found if it.why} == {f"bad-{number}" for number in range(len(bad))}
    assert [it["job_id"] for it in pipeline.list_items().values()] == [job.job_id]


def test_an_item_that_is_too_large_for_dynamodb_is_left_out_alone(pipeline: Pipeline) -> None:
    job = pipeline.deliver("a.mp4")
    pipeline.deliver("c.mp4")
    pipeline.rewrite(job, "job.json", outputs={"detections.csv.gz": "x" * 500_000})
    pipeline.lose()
    left_out, restored = pipeline.rebuild()
    assert (left_out.action, restored.action) == ("skip", "restore")
    assert "DynamoDB can't store it: Item size to update has exceeded" in (left_out.why or "")


def test_results_without_a_record_are_those_of_a_delivery_that_has_not_ended(pipeline: Pipeline) -> None:
    pipeline.deliver("a.mp4")
    pipeline.lose()
    pipeline.clients.s3.delete_object(Bucket="results", Key="results/a.mp4/job-of-a.mp4/job.json")
    [found] = pipeline.rebuild()
    assert (found.action, found.why) == ("skip", "Its results have no job.json: its delivery has not ended.")


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"{}",
        b"not JSON",
        b"[" * 100_000,
        b'{"models": {"hands": {"frames": 1}}}',
        b'{"models": {}, "cost": {"total_usd": NaN}}',
        b'{"models": {}, "cost": {"usd": {"video_inference_api": "much"}, "total_usd": 1}}',
    ],
)
def test_without_its_summary_a_job_is_restored_without_what_was_found(
    pipeline: Pipeline, content: bytes | None
) -> None:
    pipeline.deliver("a.mp4")
    pipeline.lose()
    where: Any = {"Bucket": "results", "Key": "results/a.mp4/job-of-a.mp4/summary.json"}
    if content is None:
        pipeline.clients.s3.delete_object(**where)
    else:
        pipeline.clients.s3.put_object(**where, Body=content)
    pipeline.rebuild()
    [item] = pipeline.list_items().values()
    assert item["status"] == "done"
    assert not {"counts", "answer", "cost_usd"} & item.keys()


def test_media_outputs_are_found(pipeline: Pipeline) -> None:
    job = pipeline.deliver("a.mp4")
    uri = "s3://results/results/a.mp4/job-of-a.mp4/annotated.mp4"
    pipeline.rewrite(job, "job.json", outputs={"report.html": "s3://results/report", "annotated.mp4": uri})
    pipeline.lose()
    pipeline.rebuild()
    [item] = pipeline.list_items().values()
    assert (item["annotated_location"], item["outputs"]) == (uri, {"report.html": "s3://results/report"})
