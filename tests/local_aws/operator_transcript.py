"""`python -m tests.local_aws.operator_transcript` prints a session with each of an operator's commands."""

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.local_aws.operator_stage import RUNNING, Stage, fail_one, set_stage
from tests.local_aws.pipelines import API_KEY
from tests.stand_ins.video_inference_api import RESULTS, Answer
from tests.waiting import wait_until
from videoinfer.exit_codes import ExitCode
from videoinfer.local.builds import PIPELINE, build
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws

BELT, SHIFT, NIGHT, DOCK = "line-3/belt.mp4", "line-3/morning shift.mp4", "line-4/night.mp4", "line-4/dock.mp4"

WRONG = [
    ["jobs", "--failed", "--running"],
    ["jobs", "--watch"],
    ["show", "no-such.mp4"],
    ["open", NIGHT],
    ["download", NIGHT],
    ["cancel", SHIFT],
    ["retry"],
    ["retry", NIGHT, "--set", "models=[]"],
    ["redeliver", "s3://results/nothing/"],
    ["backfill", "archive/2024"],
    ["backfill", "s3://no-such-bucket/2024"],
    ["upload"],
]
"""Commands that can't do their work."""


def pull_all(aws: EmbeddedAws) -> Iterator[str]:
    """Yields the transcript, one command at a time, for jobs that fail, finish and keep running."""
    with set_stage(aws) as stage:
        stage.api.results = RESULTS
        fail_one(stage, BELT)
        stage.pipeline.wait_for_job(stage.upload(SHIFT))
        stage.api.statuses = [RUNNING]
        night = stage.upload(NIGHT)
        wait_until(lambda: stage.find(night).get("polls", 0) > 1)
        for command in (["jobs"], ["jobs", "--failed"], ["jobs", "--running", "--json"], ["show", SHIFT]):
            yield pull(stage, *command)
        yield pull(stage, "cancel", NIGHT)
        yield from pull_results(stage)
        yield from pull_again(stage)
        yield from pull_dead_letters(stage)
        yield from pull_backfill(stage)
        yield from pull_rebuild(stage)
        yield from pull_doctor(stage)


def pull_results(stage: Stage) -> Iterator[str]:
    """The transcript of `wait`, `open`, `logs`, `download` and `upload`, which are given a job that failed, too."""
    for command in ("wait", "open", "logs"):
        yield pull(stage, command, SHIFT)
        yield pull(stage, command, BELT)
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        for arguments in ([SHIFT], [SHIFT], [BELT, "-o", "belt"]):
            yield pull(stage, "download", *arguments)
        Path("noon.mp4").write_bytes(b"video")
        stage.api.statuses = [stage.api.done()]
        stage.api.creation = Answer({"job_id": "job-of-noon", "message": ""})
        for options in (["--infer-fps", "2"], [], ["--infer-fps", "0"], ["--no-such-option", "1"]):
            yield pull(stage, "upload", "noon.mp4", "--to", "line-3/", *options)
        yield pull(stage, "upload", "none.mp4")
    yield pull(stage, "wait", "line-3/noon.mp4")


def pull_again(stage: Stage) -> Iterator[str]:
    """The transcript of `retry` and `redeliver`."""
    stage.api.statuses = [stage.api.done()]
    stage.api.creation = Answer({"job_id": "job-1-again", "message": ""})
    yield pull(stage, "retry", BELT, "--set", "infer-fsp=2")
    yield pull(stage, "retry", BELT, "--set", "infer-fps=2")
    wait_until(lambda: stage.read("show", BELT)["status"] == "done")
    yield pull(stage, "show", BELT)
    yield pull(stage, "retry", BELT)
    yield pull(stage, "redeliver", BELT)


def pull_dead_letters(stage: Stage) -> Iterator[str]:
    """The transcript of `dead-letters`."""
    stage.api.creation = Answer({}, 503)
    dock = stage.pipeline.upload(DOCK, b"video")
    stage.wait_for_status(dock, "waiting")
    queue_url = stage.pipeline.pipeline.dead_letter_queue_url
    # As SQS does after a hundred tries.
    stage.pipeline.clients.sqs.send_message(QueueUrl=queue_url, MessageBody=stage.pipeline.compose_event(dock))
    yield pull(stage, "dead-letters")
    stage.api.creation = Answer({"job_id": "job-of-the-dock", "message": ""})
    yield pull(stage, "dead-letters", "--redrive")
    stage.wait_for_status(dock, "done")


def pull_backfill(stage: Stage) -> Iterator[str]:
    """The transcript of `backfill`."""
    s3 = stage.pipeline.clients.s3
    s3.create_bucket(Bucket="archive")
    for key in ("2024/monday.mp4", "2024/notes.txt"):
        s3.put_object(Bucket="archive", Key=key, Body=b"video")
    stage.api.creation = Answer({"job_id": "job-of-monday", "message": ""})
    for options in (["--dry-run"], [], []):
        yield pull(stage, "backfill", "s3://archive/2024", *options)
    wait_until(lambda: stage.run("wait", "2024/monday.mp4").exit_code == ExitCode.OK)  # S3's event makes the job


def pull_rebuild(stage: Stage) -> Iterator[str]:
    """The transcript of `rebuild-ledger`, after the item of one job was lost."""
    pipeline = stage.pipeline.pipeline
    lost = stage.read("show", SHIFT)
    key = {"upload_id": lost["upload_id"], "attempt": lost["attempt"]}
    stage.pipeline.clients.open_table(pipeline.jobs_table).delete_item(Key=key)
    for options in (["--dry-run"], [], ["--json"]):
        yield pull(stage, "rebuild-ledger", *options)


def pull_doctor(stage: Stage) -> Iterator[str]:
    """The transcript of `doctor`."""
    stage.api.statuses = [Answer({"error": "Job not found"}, 404)]
    yield pull(stage, "doctor")
    stage.api.statuses = [Answer({"error": "This API key does not exist."}, 401)]
    yield pull(stage, "doctor")
    yield pull(stage, "jobs", "--stack", "nowhere")
    for command in WRONG:
        yield pull(stage, *command)


def pull(stage: Stage, *arguments: str) -> str:
    """Returns a command and its output, as a terminal shows them."""
    result = stage.run(*arguments)
    status = f"[exit code {result.exit_code}]\n" if result.exit_code else ""
    return f"$ videoinfer {shlex.join(arguments)}\n{result.output}{status}"


def main() -> None:
    with embedded_aws() as aws:
        build([PIPELINE], aws)
        for text in pull_all(aws):
            print(text, flush=True)  # noqa: T201
            if API_KEY in text:
                sys.exit("The transcript holds the API's key.")


if __name__ == "__main__":
    main()
