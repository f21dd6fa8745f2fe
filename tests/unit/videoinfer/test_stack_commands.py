"""The commands that operate a stack, on moto's AWS."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from tests.pipeline_stacks import make_stack
from tests.unit.videoinfer.test_ledger_view import CLIP
from videoinfer import stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videojobs.jobs.ledger import Ledger


@pytest.mark.parametrize(("limit", "is_cut"), [(2, True), (3, False)])
def test_a_list_of_jobs_that_is_cut_says_so(
    jobs: LedgerView, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, limit: int, is_cut: bool
) -> None:
    for number in range(3):
        ledger.record(replace(CLIP, key=f"{number}.mp4"), 1, status="done")
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: SimpleNamespace(ledger=jobs))

    result = CliRunner().invoke(app, ["jobs", "--limit", str(limit)])

    assert result.exit_code == 0, result.output
    assert ("--limit 20 lists up to 20" in result.output) == is_cut


def backfill(clients: AwsClients, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """Runs the command on a bucket `archive` with two videos; the uploads bucket has another object at one key."""
    for bucket in ("uploads", "archive"):
        clients.s3.create_bucket(Bucket=bucket)
    clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    clients.s3.put_object(Bucket="uploads", Key="2024/a.mp4", Body=b"the first video")
    for key in ("2024/a.mp4", "2024/b.mp4"):
        clients.s3.put_object(Bucket="archive", Key=key, Body=b"video")
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients))
    return CliRunner().invoke(app, ["backfill", *arguments])


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--json"]])
def test_a_backfill_in_conflict_with_an_upload_fails_and_keeps_the_upload(
    clients: AwsClients, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    result = backfill(clients, monkeypatch, "s3://archive/2024", *options)

    assert result.exit_code == 1
    assert "s3://uploads/2024/a.mp4 is another object than s3://archive/2024/a.mp4" in result.output
    if "--json" not in options:
        assert "requested: 1. Left out: 1, in conflict with other objects: 1." in result.output
    assert clients.s3.head_object(Bucket="uploads", Key="2024/a.mp4")["ContentLength"] == len(b"the first video")
    copied = clients.s3.list_objects_v2(Bucket="uploads", Prefix="2024/b.mp4")["KeyCount"]
    assert copied == (0 if "--dry-run" in options else 1)


def test_a_backfill_without_conflicts_succeeds(clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    result = backfill(clients, monkeypatch, "s3://archive/2024/b")

    assert result.exit_code == 0
    assert "Jobs requested: 1. Left out: 0." in result.output


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--json"]])
def test_a_backfill_of_nothing_fails(clients: AwsClients, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    result = backfill(clients, monkeypatch, "s3://archive/2042", *options)

    assert result.exit_code == 1
    assert "There are no videos below s3://archive/2042: `aws s3 ls s3://archive/`" in result.output
    assert "requested" not in result.output
