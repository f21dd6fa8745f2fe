"""`videoinfer verify` on a stack of the real templates: it confirms or names what is wrong, and leaves no trace."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest
from botocore.client import BaseClient
from typer.testing import CliRunner, Result

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, DeployPipeline, deploy
from tests.waiting import wait_until
from videoinfer.ledger_view import LedgerView
from videoinfer.local.deployments import Engine, pipeline_parameters
from videoinfer.local.embedded_aws import EmbeddedAws, tool_environment
from videoinfer.main import app
from videoinfer.model_packages import LocalModel
from videoinfer.pipeline_stack import find_stack
from videoinfer.repository import ROOT
from videoinfer.verification.check_runs import Timeouts
from videoinfer.verification.run import Verification, read_clip
from videoinfer.verification.verdicts import CheckOutcome

NOT_EMULATED = {"video by link", "metrics", "alarms"}
"""Checks that the embedded AWS can't support: it lacks ranges of object versions, metrics from log lines, and so
alarms.
"""

SERVICES = {"monitoring": "cloudwatch"}
ACTIONS = {"s3:ListObjectVersions": "s3:ListBucketVersions", "s3:DeleteObjects": "s3:DeleteObjectVersion"}
"""IAM's action names that differ from the API's operations."""

ATHENA_ITSELF = {"s3:ListBucket", "s3:GetBucketLocation", "glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"}
"""The actions that Athena performs on behalf of its caller."""

ONLY_AFTER_FAILURES = {"dynamodb:UpdateItem", "states:StopExecution"}
"""The actions that cancel a job that has not ended."""

TIMEOUTS = Timeouts(job=60, follow_up=60)


@dataclass(frozen=True)
class Stage:
    """A pipeline that sends its videos to the engine, and a terminal."""

    aws: EmbeddedAws
    pipeline: DeployedPipeline

    def verify(self, *options: str) -> Result:
        """Runs the command as an operator types it."""
        environment = {**tool_environment(self.aws, {}), "VIDEOINFER_STACK": self.pipeline.stack, "TERM": "dumb"}
        return CliRunner().invoke(app, ["verify", *options], env=environment)

    def forget_secrets(self, logical_id: str) -> None:
        """Restarts the function by changing its variables: a running function keeps a secret for minutes."""
        clients = self.aws.clients
        found = clients.cloudformation.describe_stack_resource(
            StackName=self.pipeline.stack, LogicalResourceId=logical_id
        )
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        variables = clients.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        anew = {**variables, "ANEW": str(int(variables.get("ANEW", "0")) + 1)}
        clients.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": anew})

    def begin(self, timeouts: Timeouts = TIMEOUTS) -> Verification:
        return Verification(find_stack(self.pipeline.stack, self.aws.clients), read_clip(), timeouts)

    def list_traces(self) -> Mapping[str, Any]:
        """Everything in the account that a verification could leave behind."""
        clients, pipeline = self.aws.clients, self.pipeline.pipeline
        versions = [
            clients.s3.list_object_versions(Bucket=bucket)
            for bucket in (pipeline.uploads_bucket, pipeline.results_bucket)
        ]
        topic = pipeline.notices_topic_arn
        return {
            "objects": [it["Key"] for page in versions for it in page.get("Versions", [])],
            "markers": [it["Key"] for page in versions for it in page.get("DeleteMarkers", [])],
            "queues": clients.sqs.list_queues()["QueueUrls"],
            "rules": [rule["Name"] for rule in clients.events.list_rules()["Rules"]],
            "subscriptions": clients.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"],
        }

    def list_items(self) -> list[dict[str, Any]]:
        """The ledger's items."""
        return list(LedgerView(self.aws.clients.open_table(self.pipeline.pipeline.jobs_table)).list_jobs("all"))


@pytest.fixture(scope="module")
def deployed(aws: EmbeddedAws, deploy_pipeline: DeployPipeline, engine: Engine, model: LocalModel) -> Stage:
    """A separate pipeline, so that other tests' jobs don't interfere, and damage here affects no other test."""
    routes = json.dumps({"": {"dataset_frames": "all"}})
    parameters = pipeline_parameters(engine, [model], infer_fps=5)
    return Stage(aws, deploy_pipeline(**parameters, Annotate="true", PrefixRoutes=routes))


@pytest.fixture
def stage(deployed: Stage) -> Iterator[Stage]:
    """Checks that the verification leaves the account unchanged whatever a test breaks, except for jobs that it
    cancels.
    """
    before = deployed.list_traces()
    yield deployed
    assert deployed.list_traces() == before
    assert {item["status"] for item in deployed.list_items()} <= {"cancelled"}


def run(verification: Verification, after: Mapping[str, Callable[[], None]] | None = None) -> dict[str, CheckOutcome]:
    """Runs a verification, and returns its outcomes by check. `after` has functions to call after checks."""
    outcomes: dict[str, CheckOutcome] = {}
    for outcome in verification.run():
        outcomes[outcome.check] = outcome
        if after and outcome.check in after:
            after[outcome.check]()
    return {**outcomes, "cleanup": verification.clean_up()}


def find_wrong(outcomes: Mapping[str, CheckOutcome]) -> dict[str, str]:
    return {name: outcome.what for name, outcome in outcomes.items() if outcome.level == "wrong"}


def test_a_working_stack_is_verified_with_only_the_documented_permissions(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = record_calls(monkeypatch)

    result = stage.verify("--json")

    needed = {ACTIONS.get(call, call) for call in called} | ATHENA_ITSELF | ONLY_AFTER_FAILURES
    assert read_documented_actions() == needed
    report = json.loads(result.output)
    assert result.exit_code == 0, result.output
    found = {check["check"]: check["level"] for check in report["checks"]}
    assert {name for name, level in found.items() if level == "unseen"} == NOT_EMULATED
    assert {name for name, level in found.items() if level == "ok"} == {
        *("mailboxes", "job", "results.json", "summary.json", "job.json", "detections.csv.gz", "coco.json"),
        *("detections.vtt", "tables", "ledger", "notice", "event", "report by link", "forged link", "annotated video"),
        *("annotated notice", "dataset", "dataset notice", "execution", "rejected file", "rejected notice"),
        *("rejected event", "cleanup"),
    }
    assert report["cost_usd"] > 0
    assert API_KEY not in result.output
    assert "/s/" not in result.output
    assert stage.list_items() == []


def test_an_owner_s_bucket_is_verified_below_its_prefix_with_a_kind_that_the_stack_takes(
    aws: EmbeddedAws, engine: Engine, model: LocalModel
) -> None:
    bucket, events = "verified-footage", cast(Any, {"EventBridgeConfiguration": {}})
    aws.clients.s3.create_bucket(Bucket=bucket)
    aws.clients.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=events)
    place = {"ExistingUploadsBucket": bucket, "UploadsPrefix": "cameras/", "UploadExtensions": "mkv,mov"}
    parameters = {**pipeline_parameters(engine, [model], infer_fps=5), **place}
    stage = Stage(aws, deploy(aws, "on-verified-footage", parameters))

    result = stage.verify("--json")

    report = json.loads(result.output)
    assert result.exit_code == 0, result.output
    unseen = {check["check"] for check in report["checks"] if check["level"] == "unseen"}
    assert unseen == NOT_EMULATED - {"video by link"}  # objects without versions have ranges
    assert stage.list_items() == []
    assert "Contents" not in aws.clients.s3.list_objects_v2(Bucket=bucket)


def record_calls(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Collects the AWS calls that this process makes from now on, as `service:Operation`."""
    called = set[str]()
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def record(client: BaseClient, operation: str, arguments: Any) -> Any:
        service = client.meta.service_model.signing_name
        called.add(f"{SERVICES.get(service, service)}:{operation}")
        return make_call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return called


def read_documented_actions() -> set[str]:
    section = (ROOT / "docs" / "operations.md").read_text().split("## Does it work?")[1].split("\n## ")[0]
    policy = json.loads(section.split("```json\n")[1].split("```")[0])
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_a_missing_results_file_is_named(stage: Stage) -> None:
    s3, bucket = stage.aws.clients.s3, stage.pipeline.pipeline.results_bucket
    deleted: list[tuple[str, str]] = []

    def delete_results() -> None:
        [key] = [key for key in stage.list_traces()["objects"] if key.endswith("/results.json")]
        deleted.append((key, s3.delete_object(Bucket=bucket, Key=key)["VersionId"]))

    def bring_results_back() -> None:
        [(key, marker)] = deleted
        s3.delete_object(Bucket=bucket, Key=key, VersionId=marker)

    # The outputs that follow are made from the results.
    outcomes = run(stage.begin(), {"job": delete_results, "event": bring_results_back})

    assert find_wrong(outcomes) == {"results.json": f"s3://{bucket}/{deleted[0][0]} is not there."}


def test_a_wrong_key_is_named(stage: Stage) -> None:
    secrets, name = stage.aws.clients.secretsmanager, f"{stage.pipeline.stack}/api-key"
    secrets.put_secret_value(SecretId=name, SecretString="wrong")
    stage.forget_secrets("CreateJobFunction")
    try:
        result = stage.verify()
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=API_KEY)
        stage.forget_secrets("CreateJobFunction")

    assert result.exit_code == 3
    [wrong] = [line for line in result.output.splitlines() if line.startswith("✗")]
    assert "It is rejected: The API key is not accepted:" in wrong
    assert "0 wrong" not in result.output


def test_ctrl_c_leaves_nothing_running(stage: Stage) -> None:
    environment = {**tool_environment(stage.aws), "VIDEOINFER_STACK": stage.pipeline.stack}
    with subprocess.Popen(
        [sys.executable, "-m", "videoinfer", "verify"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        # A process that is started in the background may inherit an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        wait_until(lambda: any(item["status"] == "running" for item in stage.list_items()))
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGINT
    assert "Cancelled: the job of videoinfer-verify/" in output


def test_a_topic_that_refuses_notices_is_named(deployed: Stage) -> None:
    """This must be the file's last test: a delivery that is running when its job is stopped may store its results
    again.
    """
    sns, topic = deployed.aws.clients.sns, deployed.pipeline.pipeline.notices_topic_arn
    before = deployed.list_traces()
    policy = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    nobody = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    broken = json.dumps({"Version": "2012-10-17", "Statement": [nobody]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=broken)
    try:
        wrong = find_wrong(run(deployed.begin(Timeouts(job=60, follow_up=2))))
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)

    assert set(wrong) == {"ledger", "notice", "event", "execution", "rejected file", "cleanup"}
    assert wrong["notice"] == "No notice was received."
    assert wrong["event"] == "No event was received."
    assert "It has no notice_id." in wrong["ledger"]
    assert "Deliver Results failed last with" in wrong["execution"]
    assert "Publish" in wrong["execution"]
    assert wrong["cleanup"].count("Cancelled: the job of videoinfer-verify/") == 2
    after = deployed.list_traces()
    assert all(after[what] == before[what] for what in ("queues", "rules", "subscriptions"))
