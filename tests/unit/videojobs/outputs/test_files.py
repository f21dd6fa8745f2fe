"""The files of one output: all of them are stored, or none."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from videojobs.jobs.ledger import Job
from videojobs.outputs.files import OutputFiles
from videojobs.results.bucket import PART_BYTES, ResultsBucket


def open_files(aws: Any, job: Job) -> OutputFiles:
    return OutputFiles(ResultsBucket(aws.s3, aws.results_bucket), job, "https://share.example.com")


def list_objects(aws: Any) -> dict[str, int]:
    """Sizes in bytes by key."""
    listed = aws.s3.list_objects_v2(Bucket=aws.results_bucket).get("Contents", [])
    return {entry["Key"].rpartition("/")[2]: entry["Size"] for entry in listed}


def test_files_become_objects_together(aws: Any, job: Job) -> None:
    files = open_files(aws, job)
    order: list[str] = []
    files.call_at_exit(lambda: order.append("first"))
    for name in ("a.json", "b.json"):
        files.open(name, "application/json").write(b"{}")
    files.call_at_exit(lambda: order.append(f"then, beside {len(list_objects(aws))} objects"))
    assert list_objects(aws) == {}
    files.complete()
    assert order == ["then, beside 0 objects", "first"]
    assert list_objects(aws) == {"a.json": 2, "b.json": 2}
    assert [uri.rpartition("/")[2] for uri in files.locations.values()] == list(files.locations) == ["a.json", "b.json"]
    assert (files.requests, files.size_bytes) == (2, 4)


def test_abandoned_files_leave_nothing_behind(aws: Any, job: Job) -> None:
    files = open_files(aws, job)
    files.open("large.csv", "text/csv").write(bytes(PART_BYTES + 1))
    files.open("small.json", "application/json").write(b"{}")
    files.discard()
    assert list_objects(aws) == {}
    assert "Uploads" not in aws.s3.list_multipart_uploads(Bucket=aws.results_bucket)


def test_a_file_that_is_saved_at_once_exists_and_costs_but_is_not_listed(aws: Any, job: Job) -> None:
    files = open_files(aws, job)
    files.save("piece.json.gz", b"12345", "application/gzip")
    assert list_objects(aws) == {"piece.json.gz": 5}
    assert (files.locations, files.requests, files.size_bytes) == ({}, 1, 5)


@pytest.mark.parametrize(("code", "status", "passes"), [("SlowDown", 503, True), ("AccessDenied", 403, False)])
def test_an_outage_is_distinguished_from_a_denied_request(
    aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch, code: str, status: int, passes: bool
) -> None:
    def refuse(**_: Any) -> None:
        response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(response, "PutObject")  # type: ignore[arg-type]

    monkeypatch.setattr(aws.s3, "put_object", refuse)
    files = open_files(aws, job)
    files.open("a.json", "application/json").write(b"{}")
    assert files.outage is None
    with pytest.raises(ClientError) as raised:
        files.complete()
    assert files.outage is (raised.value if passes else None)
