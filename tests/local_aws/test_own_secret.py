"""The API's key in the owner's secret, and the doctor's finding after the stack's own secret was changed."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy
from tests.stand_ins.video_inference_api import StandInApi, stand_in_api
from videoinfer import doctor
from videoinfer.local.embedded_aws import EmbeddedAws, tool_environment
from videoinfer.main import app

KEY_CHANGED = "The API's key was changed after the last deployment."


@pytest.fixture(scope="module")
def api() -> Iterator[StandInApi]:
    with stand_in_api() as api:
        api.statuses = [api.done()]
        yield api


def examine(aws: EmbeddedAws, stack: str) -> list[dict[str, str]]:
    environment = {**tool_environment(aws, {}), "VIDEOINFER_STACK": stack}
    findings: list[dict[str, str]] = json.loads(CliRunner().invoke(app, ["doctor", "--json"], env=environment).stdout)
    return findings


def list_secrets(pipeline: DeployedPipeline) -> list[str]:
    resources = pipeline.clients.cloudformation.describe_stack_resources(StackName=pipeline.stack)["StackResources"]
    return [it["LogicalResourceId"] for it in resources if it["ResourceType"] == "AWS::SecretsManager::Secret"]


def test_a_video_is_processed_with_the_key_of_the_owner_s_secret(aws: EmbeddedAws, api: StandInApi) -> None:
    arn = aws.clients.secretsmanager.create_secret(Name="keys/roboflow", SecretString=API_KEY)["ARN"]
    pipeline = deploy(aws, "own-secret", {"ApiUrl": api.url, "ApiKeySecretArn": arn})

    job = pipeline.wait_for_job(pipeline.upload("belt.mp4", b"video"))
    findings = examine(aws, pipeline.stack)

    assert job["status"] == "done"
    assert list_secrets(pipeline) == ["ShareKeySecret"]
    assert f"The API's key is in your own secret: {arn}." in [it["what"] for it in findings]
    assert "The functions have the permissions that they need." in [it["what"] for it in findings]


def test_a_changed_key_in_the_stack_s_secret_is_reported(
    aws: EmbeddedAws, api: StandInApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_WRITING", timedelta(0))
    pipeline = deploy(aws, "changed-key", {"ApiUrl": api.url, "ApiKey": API_KEY})
    before = examine(aws, pipeline.stack)

    time.sleep(1)  # the times of both count whole seconds
    secret = f"{pipeline.stack}/api-key"
    pipeline.clients.secretsmanager.put_secret_value(SecretId=secret, SecretString="another-key")
    after = examine(aws, pipeline.stack)

    assert not [it for it in before if it["what"].startswith(KEY_CHANGED)]
    [told] = [it for it in after if it["what"].startswith(KEY_CHANGED)]
    assert told["level"] == "warning"
    assert "another-key" not in json.dumps(after)
