"""A pipeline on the embedded AWS with jobs in every state, while it is updated from the last release and rolled back.

`python -m tests.local_aws.update_story` prints the states before and after. A test can't wait for hours, so the API and
the test hold the jobs in their states until the other release is deployed.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.cases import MODEL_ID, RESULTS
from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy, find_resource
from tests.releases import extract_before
from tests.stand_ins.faulty_api import Fault, FaultyApi, Script, faulty_api
from tests.waiting import wait_until
from videoinfer.local.builds import PIPELINE, Application, build, publish
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws
from videoinfer.local.stacks import list_resources
from videoinfer.notices_queue import receive_notices
from videoinfer.repository import SAMPLE_VIDEO
from videoinfer.upload_progress import UploadedVideo, find_job, list_steps, read_history

PARAMETERS = {
    "ApiKey": API_KEY,
    "DefaultModels": f'[{{"model_id": "{MODEL_ID}", "model_version": "4", "inference_type": "object-detection"}}]',
    "Notices": "digest",
    "DigestMinutes": "1440",
}
TURN_SECONDS = 8
"""How long the API makes an upload wait: longer than a function waits for a turn itself."""

MANY = 1000
"""More faulty answers than the API gives in a test."""

AFTER = "done, in no execution"

BEFORE: Mapping[str, tuple[str, ...]] = {
    "digest pending": (AFTER,),
    "running": ("running, in Wait Before Checking", "running, in Check Job", "running, in Is The Job Done?"),
    "delivering": ("running, in Deliver Results", "running, in Wait Before Delivering"),
    "drawing": ("done, in Annotate Video",),
    "waiting for a turn": ("waiting, in no execution",),
    "queued": ("not recorded, in no execution",),
}
"""The states to bring uploads into: the status in the ledger, and the execution's state."""

UPDATE_SECONDS = 60


@dataclass(frozen=True)
class Row:
    """What became of one upload.

    Attributes:
        before, after: Its state before the stack is updated, and at the end.
        versions: The `schema_version` of its item before and at the end; None without one.
        jobs: How many jobs the API has made for it.
        executions: How many executions waited for it.
        told: How many of its notices were in a digest.
    """

    state: str
    before: str
    after: str
    versions: tuple[int | None, int | None]
    jobs: int
    executions: int
    told: int


@dataclass
class UpdateStory:
    """The stack and its API."""

    aws: EmbeddedAws
    pipeline: DeployedPipeline
    api: FaultyApi
    parameters: Mapping[str, str]
    uploads: dict[str, UploadedVideo] = field(default_factory=dict)

    def run(self, name: str, application: Application) -> list[Row]:
        """Brings an upload into each state, deploys `application`, and returns how each came to its end.

        Args:
            name: A prefix of the uploads' keys.
        """
        self.uploads = {}
        scripts = self._script(name)
        annotate, create = (
            find_resource(self.aws, self.pipeline, f"{it}Function") for it in ("AnnotateVideo", "CreateJob")
        )
        lambda_ = self.aws.clients.lambda_
        for state in ("digest pending", "running", "delivering", "drawing"):
            self._upload(name, state)
        paused = pause_function(annotate)
        for state in self.uploads:
            self._wait_for(state, *BEFORE[state])
        self._upload(name, "waiting for a turn")
        self._wait_for("waiting for a turn", *BEFORE["waiting for a turn"])
        [mapping] = lambda_.list_event_source_mappings(FunctionName=create)["EventSourceMappings"]
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        self._upload(name, "queued")
        before = {state: self._find_item(state) for state in BEFORE}
        places = {state: self._locate(state) for state in BEFORE}

        update_stack(self.aws, self.pipeline.stack, application, self.parameters)
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
        continue_processes(paused)
        for script in scripts.values():
            script.statuses.clear()
            script.downloads.clear()
        for state in BEFORE:
            self._wait_for(state, AFTER)
        wait_until(lambda: "annotation_notice_id" in self._find_item("drawing"), timeout_seconds=UPDATE_SECONDS)
        assert "annotation_error" not in self._find_item("drawing")
        digest = self._send_digest()
        assert all(upload.key in digest for upload in self.uploads.values()), digest
        told = self._list_told()
        return [
            Row(
                state,
                places[state],
                self._locate(state),
                (_read_version(before[state]), _read_version(self._find_item(state))),
                sum(upload.key.endswith(f"/{video.key}") for video in self.api.jobs.values()),
                len(self._list_executions(state)),
                sum(f"{name}-{state.replace(' ', '-')}-mp4-" in notice for notice in told),
            )
            for state, upload in self.uploads.items()
        ]

    def _script(self, name: str) -> dict[str, Script]:
        running, busy = Fault(body={"status": 1, "progress": 40}), Fault(503, {"error": "no healthy upstream"})
        wait = Fault(429, {"error": "Slow down"}, {"Retry-After": str(TURN_SECONDS)})
        scripts = {
            "running": Script(statuses=[running] * MANY),
            "delivering": Script(downloads=[busy] * MANY),
            "waiting for a turn": Script(creations=[wait]),
        }
        self.api.scripts |= {_name_key(name, state).rpartition("/")[2]: script for state, script in scripts.items()}
        return scripts

    def _upload(self, name: str, state: str) -> None:
        video = SAMPLE_VIDEO.read_bytes() if state == "drawing" else b"video"
        metadata = {"annotate": "true"} if state == "drawing" else {}
        self.uploads[state] = self.pipeline.upload(_name_key(name, state), video, metadata)

    def _find_item(self, state: str) -> dict[str, Any]:
        return find_job(self.aws.clients, self.pipeline.pipeline.jobs_table, self.uploads[state]) or {}

    def _wait_for(self, state: str, *places: str) -> None:
        try:
            wait_until(lambda: self._locate(state) in places, timeout_seconds=UPDATE_SECONDS)
        except AssertionError:
            raise AssertionError(
                f"{state}: {self._locate(state)}, and not {places}: {self._find_item(state)}"
            ) from None

    def _locate(self, state: str) -> str:
        """The job's status in the ledger, and the state that its execution is in."""
        status = self._find_item(state).get("status", "not recorded")
        return f"{status}, in {self._find_place(state)}"

    def _find_place(self, state: str) -> str:
        sfn = self.aws.clients.stepfunctions
        for arn in self._list_executions(state):
            if sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
                entered = [step.state for step in list_steps(read_history(self.aws.clients, arn)) if not step.outcome]
                return entered[-1] if entered else "no state"
        return "no execution"

    def _list_executions(self, state: str) -> list[str]:
        name = self.uploads[state].key.replace("/", "-").removesuffix(".mp4")
        return [arn for arn in self.pipeline.list_executions() if arn.split(":")[-1].startswith(name)]

    def _send_digest(self) -> str:
        """Sends the digest as the schedule does, and returns the mail."""
        sfn = self.aws.clients.stepfunctions
        machine = find_resource(self.aws, self.pipeline, "NoticesDigestStateMachine")
        arn = sfn.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        wait_until(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")
        assert sfn.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
        [digest] = receive_notices(self.aws.clients, self.pipeline.notices_queue_url, timeout_seconds=5)
        return digest.text

    def _list_told(self) -> list[str]:
        """The IDs of the notices that were in a digest. None is still pending."""
        table = find_resource(self.aws, self.pipeline, "PendingNoticesTable")
        items = self.aws.clients.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        assert all(item["state"]["S"] != "pending" for item in items)
        return [item["id"]["S"] for item in items if item["state"]["S"] == "told"]


def pause_function(function: str) -> list[int]:
    """Waits until a process runs a function, and stops it. Returns the processes."""
    paused = list[int]()

    def is_found() -> bool:
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"AWS_LAMBDA_FUNCTION_NAME={function}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    paused.append(int(folder.name))
                    os.kill(paused[-1], signal.SIGSTOP)
        return bool(paused)

    wait_until(is_found, timeout_seconds=UPDATE_SECONDS)
    return paused


def continue_processes(processes: Iterable[int]) -> None:
    """Lets stopped processes go on that have not been killed."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def _name_key(name: str, state: str) -> str:
    return f"{name}/{name}-{state.replace(' ', '-')}.mp4"


def _read_version(item: Mapping[str, Any]) -> int | None:
    return int(item["schema_version"]) if "schema_version" in item else None


def update_stack(aws: EmbeddedAws, name: str, application: Application, parameters: Mapping[str, str]) -> None:
    """Updates a stack to a built application, as `sam deploy` does."""
    cloudformation = aws.clients.cloudformation
    cloudformation.update_stack(
        StackName=name,
        TemplateURL=publish(application, aws.clients),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def read_status() -> str:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    wait_until(lambda: "IN_PROGRESS" not in read_status(), timeout_seconds=UPDATE_SECONDS)
    assert read_status() == "UPDATE_COMPLETE", read_status()
    for bucket in list_resources(aws.clients, name, "AWS::S3::Bucket"):  # as after its creation: there is no TLS
        aws.clients.s3.delete_bucket_policy(Bucket=bucket)


def tell_story(aws: EmbeddedAws) -> Iterator[tuple[str, list[Row]]]:
    """Yields what became of the jobs during an update from the last release to this one, and during the way back."""
    with ExitStack() as cleanup:
        before = Application("pipeline-before", Path(cleanup.enter_context(tempfile.TemporaryDirectory())))
        extract_before(before.root, *(path.name for path in before.sources))
        build([before], aws)
        api = cleanup.enter_context(faulty_api(RESULTS))
        parameters = {**PARAMETERS, "ApiUrl": api.url}
        story = UpdateStory(aws, deploy(aws, "updated", parameters, before), api, parameters)
        yield "update", story.run("update", PIPELINE)
        yield "rollback", story.run("rollback", before)


def write_row(*cells: object) -> None:
    """Writes a row of the table."""
    widths = (19, 33, 23, 8, 5, 11, 5)
    row = "  ".join(f"{cell!s:<{width}}" for cell, width in zip(cells, widths, strict=True))
    sys.stdout.write(f"{row.rstrip()}\n")


def main() -> None:
    """Prints the tables."""
    with embedded_aws() as aws:
        build([PIPELINE], aws)
        started = time.monotonic()
        for name, rows in tell_story(aws):
            sys.stdout.write(f"\n{name}, after {time.monotonic() - started:.0f} s\n")
            write_row("state", "before", "after", "schema", "jobs", "executions", "told")
            for row in rows:
                versions = " → ".join("-" if it is None else str(it) for it in row.versions)
                write_row(row.state, row.before, row.after, versions, row.jobs, row.executions, row.told)


if __name__ == "__main__":
    main()
