"""The commands that operate a stack, on moto's AWS."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.pipeline_stacks import make_stack
from tests.unit.videoinfer.test_ledger_view import CLIP
from videoinfer import stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.exit_codes import ExitCode
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videoinfer.terminal import Console
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.states import JobState
from videojobs.jobs.uploads import Upload, read_requests


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

    assert result.exit_code == 3
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


def put_job(clients: AwsClients, ledger: Ledger, key: str, status: JobState) -> Upload:
    put = clients.s3.put_object(Bucket="uploads", Key=key, Body=b"video")
    upload = replace(CLIP, key=key, version_id=put["VersionId"])
    ledger.record(upload, 1, status=status)
    return upload


def retry(clients: AwsClients, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    url = clients.sqs.create_queue(QueueName="uploads")["QueueUrl"]
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients, uploads_queue_url=url))
    return CliRunner().invoke(app, ["retry", *arguments])


@pytest.fixture
def uploads(clients: AwsClients) -> AwsClients:
    clients.s3.create_bucket(Bucket="uploads")
    clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    return clients


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_retry_of_all_failed_jobs_fails_if_one_is_refused(
    jobs: LedgerView, ledger: Ledger, uploads: AwsClients, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    put_job(uploads, ledger, "belt.mp4", "failed")
    put_job(uploads, ledger, "notes.txt", "rejected")

    result = retry(uploads, monkeypatch, "--failed", *options)

    assert result.exit_code == 3
    assert "a retry does not help" in result.output
    if not options:
        assert "belt.mp4: attempt 2 is in the queue" in result.output


def test_a_retry_of_all_failed_jobs_that_are_accepted_succeeds(
    jobs: LedgerView, ledger: Ledger, uploads: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_job(uploads, ledger, "belt.mp4", "failed")

    assert retry(uploads, monkeypatch, "--failed").exit_code == 0


def test_a_job_whose_video_was_replaced_is_never_billed_again(
    jobs: LedgerView, ledger: Ledger, uploads: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the notices suggest: the rejected video is copied in place, with corrected options."""
    rejected = put_job(uploads, ledger, "belt.mp4", "rejected")
    put_job(uploads, ledger, "belt.mp4", "done")

    result = retry(uploads, monkeypatch, "--failed")
    assert (result.exit_code, result.output) == (0, "There are no jobs to retry.\n")
    result = retry(uploads, monkeypatch, rejected.upload_id)
    assert result.exit_code == 3
    assert "a newer upload with this key has replaced its video" in result.output
    messages = uploads.sqs.receive_message(QueueUrl=uploads.sqs.get_queue_url(QueueName="uploads")["QueueUrl"])
    assert not messages.get("Messages")


def read_requests_sent(uploads: AwsClients) -> list[Any]:
    url = uploads.sqs.get_queue_url(QueueName="uploads")["QueueUrl"]
    messages = uploads.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [request for message in messages for request in read_requests(json.loads(message["Body"]))]


@pytest.mark.parametrize("status", ["failed", "done"])
def test_a_retry_runs_with_the_options_that_are_set_and_names_the_bill(
    jobs: LedgerView, ledger: Ledger, uploads: AwsClients, monkeypatch: pytest.MonkeyPatch, status: JobState
) -> None:
    put_job(uploads, ledger, "belt.mp4", status)

    result = retry(uploads, monkeypatch, "belt.mp4", "--set", "infer_fps=2", "--set", "classes=truck")

    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "attempt 2 is in the queue, which the API bills: 2 frames of each second of the video, by hands/4" in said
    assert "-2" in said.split(" wait ")[1]
    [request] = read_requests_sent(uploads)
    assert (request.attempt, request.options) == (2, {"infer-fps": "2", "classes": "truck"})


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("infer-fps", "--set infer-fps is not an option with its value"),
        ("infer-fsp=2", "did you mean infer-fps?"),
        ("camera=2", "the options are infer-fps, models,"),
        ("infer-fps=zero", "infer_fps: 'zero' is not a number"),
        ("models=[", "--models: not valid JSON"),
    ],
)
def test_an_option_that_can_t_be_set_sends_nothing(
    jobs: LedgerView, ledger: Ledger, uploads: AwsClients, monkeypatch: pytest.MonkeyPatch, setting: str, words: str
) -> None:
    put_job(uploads, ledger, "belt.mp4", "failed")

    result = retry(uploads, monkeypatch, "belt.mp4", "--set", setting)

    assert result.exit_code in (ExitCode.ERROR, ExitCode.PROBLEMS)
    assert words in result.output
    assert read_requests_sent(uploads) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["retry"], "Give the jobs to retry, or --failed for all failed ones."),
        (["retry", "belt.mp4", "--failed"], "Give the jobs to retry, or --failed for all failed ones."),
        (["jobs", "--failed", "--running"], "Give one of --failed, --running and --unanswered."),
        (["jobs", "--watch", "--json"], "--watch is for people, --json for programs: give one of them."),
    ],
)
def test_arguments_that_do_not_fit_together_are_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: pytest.fail("AWS is asked"))

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == ExitCode.USAGE
    assert words in result.output


@pytest.fixture
def listed(jobs: LedgerView, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    ledger.record(CLIP, 1, status="running")
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: SimpleNamespace(ledger=jobs))
    return ledger


def test_a_watched_list_changes_until_ctrl_c(listed: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    turns = [lambda: listed.record(CLIP, 1, status="failed", error="The GPU is on fire."), interrupt]
    monkeypatch.setattr(time, "sleep", lambda _: turns.pop(0)())
    monkeypatch.setattr(stack_commands, "Console", lambda: Console(force_terminal=True, no_color=True, width=80))

    result = CliRunner().invoke(app, ["jobs", "--watch"])

    assert result.exit_code == ExitCode.INTERRUPTED
    running, failed = result.output.index("running"), result.output.index("failed")
    assert running < failed < result.output.index("The GPU is on fire.")


def test_a_list_is_only_watched_in_a_terminal(listed: Ledger) -> None:
    result = CliRunner().invoke(app, ["jobs", "--watch"])
    assert result.exit_code == ExitCode.ERROR
    assert "This needs a terminal." in result.output


def test_a_list_without_a_terminal_has_no_colors(listed: Ledger) -> None:
    assert "\x1b" not in CliRunner(env={"COLORTERM": "truecolor"}).invoke(app, ["jobs"]).output


@pytest.mark.parametrize(
    "command", ["upload main.py", "retry JOB", "redeliver JOB", "backfill s3://archive/2024", "dead-letters --redrive"]
)
def test_an_interrupted_command_says_that_its_jobs_go_on(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stack_commands, "find_stack", interrupt)

    result = CliRunner().invoke(app, command.split())

    assert result.exit_code == ExitCode.INTERRUPTED
    assert result.stderr == "Interrupted. What was requested goes on: `videoinfer jobs` lists the jobs.\n"
