"""The runbooks that restore a pipeline, run as they are written in docs/operations.md."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from tests.aws_commands import AwsCommand
from tests.local_aws.operator_stage import RUNNING, Stage, fail_one, set_stage
from tests.local_aws.pipelines import API_KEY, DeployedPipeline
from videoinfer.local.builds import ARTIFACTS_BUCKET, PIPELINE
from videoinfer.local.embedded_aws import EmbeddedAws, local_session, tool_environment
from videoinfer.local.stacks import list_resources
from videoinfer.notices_queue import subscribe_queue
from videoinfer.pipeline_stack import PipelineStack, find_stack
from videoinfer.repository import ROOT, SAM

STACK = "restored"
BACKUP_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/jobs/backup/01489602797149-73d8d5bc"


def read_section(heading: str) -> str:
    return (ROOT / "docs" / "operations.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def list_commands(section: str, names: Mapping[str, str]) -> Iterator[str]:
    """The commands of a section's console blocks, with names instead of their placeholders."""
    for block in re.findall(r"```console\n(.*?)```", section, flags=re.DOTALL):
        yield from (fill_in(line.partition(" # ")[0].strip(), names) for line in block.strip().splitlines())


def fill_in(text: str, names: Mapping[str, str]) -> str:
    for placeholder, name in names.items():
        text = re.sub(rf"\b{placeholder}\b", name, text)
    return text


def name_placeholders(stack: PipelineStack) -> dict[str, str]:
    return {
        "UPLOADS_BUCKET": stack.uploads_bucket,
        "RESULTS_BUCKET": stack.results_bucket,
        "JOBS_TABLE": stack.jobs_table,
        "stack-name videoinfer": f"stack-name {STACK}",
    }


def run_aws(aws: EmbeddedAws, command: str, folder: Path) -> Any:
    session: Any = local_session()
    parsed = AwsCommand.parse(command, folder)
    return parsed.run(lambda service: session.client(service, endpoint_url=aws.endpoint_url))


def deploy_with_sam(aws: EmbeddedAws, parameters: Mapping[str, str]) -> None:
    """Runs `sam deploy` with the tests' built artifacts."""
    options = f"--template-file {PIPELINE.packaged_template} --stack-name {STACK} --s3-bucket {ARTIFACTS_BUCKET}"
    capabilities = "--capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --no-confirm-changeset"
    given = ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    command = [str(SAM), "deploy", *shlex.split(f"{options} {capabilities}"), *given]
    environment = {**tool_environment(aws), "SAM_CLI_POLL_DELAY": "0.2"}
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=aws.folder)
    for bucket in list_resources(aws.clients, STACK, "AWS::S3::Bucket"):
        aws.clients.s3.delete_bucket_policy(
            Bucket=bucket
        )  # it denies requests without TLS, which the embedded AWS lacks


def delete_stack(aws: EmbeddedAws, stack: PipelineStack) -> None:
    """Deletes the stack. On AWS, its queue then has another name, so that the bucket's events have no destination."""
    aws.clients.cloudformation.delete_stack(StackName=STACK)
    aws.clients.cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    aws.clients.s3.put_bucket_notification_configuration(Bucket=stack.uploads_bucket, NotificationConfiguration={})


def run_checked(stage: Stage, command: str) -> str:
    result = stage.run(*shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_new_stack_takes_over_what_a_deleted_one_has_left(aws: EmbeddedAws, tmp_path: Path) -> None:
    with set_stage(aws, STACK) as stage:
        api, old = stage.api, stage.pipeline.pipeline
        api.statuses = [api.done()]
        done = stage.pipeline.wait_for_job(stage.upload("done.mp4"))
        api.statuses = [RUNNING]
        running = stage.upload("running.mp4")
        left_running = stage.wait_for_status(running, "running")
        delete_stack(aws, old)

        section, names = read_section("Bring a deleted stack back"), name_placeholders(old)
        [kept] = re.findall(r"```json\n(.*?)```", section, flags=re.DOTALL)
        (tmp_path / "kept.json").write_text(fill_in(kept, names))
        commands = list(list_commands(section, names))
        assert commands[-6] == "videoinfer jobs --running"
        for command in commands[:-6]:
            if command.startswith("aws "):
                run_aws(aws, command, tmp_path)
            elif command == "sam deploy --guided":
                deploy_with_sam(aws, {"ApiUrl": api.url, "ApiKey": API_KEY})
            elif command == "videoinfer doctor":
                doctor = run_checked(stage, command)
        assert "✓ The stack restored is complete." in doctor
        assert "✓ The uploads bucket sends an event for each upload." in doctor
        assert "Could not check" not in doctor

        new = find_stack(STACK, aws.clients)
        kept_names = [(it.uploads_bucket, it.results_bucket, it.jobs_table) for it in (old, new)]
        assert kept_names[0] == kept_names[1]
        assert stage.read("show", done["job_id"])["status"] == "done"

        api.statuses = [api.done()]
        list_running, cancel, redeliver, retry, backfill, redeliver_all = commands[-6:]
        assert left_running["job_id"] in run_checked(stage, list_running)
        for command in (cancel, redeliver):
            run_checked(stage, fill_in(command, {"JOB": left_running["job_id"]}))
        assert stage.find(running)["status"] == "done"
        assert retry == "videoinfer retry JOB"
        assert "Jobs that would be requested: 0." in run_checked(stage, backfill)
        assert run_checked(stage, redeliver_all).count("delivered again") == 2
        assert api.count("POST", "/videoinfer") == 2

        queue_url = subscribe_queue(aws.clients, new.notices_topic_arn)
        stage = replace(stage, pipeline=DeployedPipeline(STACK, aws.clients, new, queue_url))
        assert stage.pipeline.wait_for_job(stage.upload("later.mp4"))["status"] == "done"


def test_a_lost_ledger_is_rebuilt_without_a_bill(aws: EmbeddedAws, tmp_path: Path) -> None:
    with set_stage(aws, "forgetful") as stage:
        api, stack = stage.api, stage.pipeline.pipeline
        table = aws.clients.open_table(stack.jobs_table)
        api.statuses = [api.done()]
        uploads = [stage.upload(key) for key in ("done.mp4", "line 3/ü+%41.mp4")]
        before = [stage.pipeline.wait_for_job(it) for it in uploads]
        fail_one(stage, "fails.mp4")
        [link] = set(re.findall(r"http\S+/s/[^/\s]+", stage.pipeline.take_notices(uploads[0])[0].text))
        api.statuses = [RUNNING]
        running = stage.upload("running.mp4")
        stage.wait_for_status(running, "running")
        created = api.count("POST", "/videoinfer")
        table.delete()
        table.wait_until_not_exists()
        doctor = stage.run("doctor")
        assert (doctor.exit_code, "does not exist, so no upload becomes a job." in doctor.output) == (3, True)

        section = read_section("Rebuild the ledger").replace("stack-name videoinfer", "stack-name forgetful")
        commands = list(list_commands(section, name_placeholders(stack)))
        from_backup = [it for it in commands[:-7] if " wait " not in it]
        for command in from_backup:  # the embedded AWS keeps no backup of a deleted table
            AwsCommand.parse(command.replace("BACKUP_ARN", BACKUP_ARN)).check()
        dry_run, rebuild, backfill = commands[-3:]
        [get_schema, *create] = commands[-7:-3]
        assert get_schema.startswith("schema=$(aws ")
        schema = run_aws(aws, get_schema.removeprefix("schema=$(").removesuffix(")"), tmp_path)
        for command in create:
            run_aws(aws, command.replace('"$schema"', shlex.quote(json.dumps(schema))), tmp_path)
        described = aws.clients.dynamodb.describe_table(TableName=stack.jobs_table)["Table"]
        assert len(described["GlobalSecondaryIndexes"]) == 4
        assert "The ledger lacks jobs that have results, such as that of done.mp4." in stage.run("doctor").output

        assert "Jobs that would be restored: 2. Known: 0. Left out: 0." in run_checked(stage, dry_run)
        assert {it["key"] for it in table.scan()["Items"]} <= {"running.mp4"}
        told = run_checked(stage, rebuild)
        assert "Jobs restored: 2. Known: 0. Left out: 0." in told
        assert "jobs without results: failed, rejected, cancelled, waiting or running" in told
        after = [stage.find(it) for it in uploads]
        lost = {"event_id", "execution_arn", "notice_id", "recorded_at", "updated_at"}
        for old, new in zip(before, after, strict=True):
            assert {name: new.get(name) for name in old.keys() - lost} == {
                name: old[name] for name in old.keys() - lost
            }
        assert requests.get(link, allow_redirects=False, timeout=10).status_code == 302
        assert "restored: 0. Known: 2. Left out: 0." in run_checked(stage, rebuild)

        listed = run_checked(stage, backfill)
        assert "fails.mp4: a job would be requested" in listed  # nothing in the buckets tells of it
        assert "Jobs that would be requested: 1." in listed
        api.statuses = [api.done()]
        assert stage.pipeline.wait_for_job(running)["status"] == "done"
        assert run_checked(stage, f"videoinfer redeliver {after[1]['job_id']}").count("delivered again") == 1
        assert api.count("POST", "/videoinfer") == created
