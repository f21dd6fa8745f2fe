"""The statements of docs/local-invoke.md about functions and `events/`, on a stack that does not know these events."""

import json
import os
import re
import subprocess
from typing import Any

import pytest

from tests.local_aws.pipelines import DeployedPipeline
from tests.templates import ROOT, read_template
from videoinfer.local.builds import PIPELINE
from videoinfer.local.embedded_aws import EmbeddedAws, tool_environment
from videoinfer.repository import LAMBDA_PYTHON
from videoinfer.upload_progress import UploadedVideo

PAGE = (ROOT / "docs" / "local-invoke.md").read_text()
COMMANDS = re.findall(r"^sam local invoke (\w+) .*--event (events/\S+)$", PAGE, flags=re.MULTILINE)

ANSWERS: dict[str, dict[str, Any]] = {
    "CreateJobFunction": {"status": "rejected"},
    "CheckJobFunction": {"status": "running", "refusals": 1},
    "DeliverResultsFunction": {"status": "failed"},
    "AnnotateVideoFunction": {"status": "failed"},
    "MakeDatasetFunction": {"status": "failed"},
    "RecordMediaFunction": {"status": "failed"},
    "ReportFailureFunction": {"status": "failed"},
    "OpenShareLinkFunction": {"statusCode": 403},
    "SendDigestFunction": {"status": "concluded"},
}

_INVOCATION = """
import json, sys
import app
from tests.lambda_runtime import invoke
out, sys.stdout = sys.stdout, sys.stderr
print(json.dumps(invoke(app.handler, json.load(sys.stdin), seconds=60)), file=out)
"""


def invoke_locally(aws: EmbeddedAws, pipeline: DeployedPipeline, function: str, event: str) -> Any:
    """Invokes a function like `sam local invoke`: with the built code, the deployed function's variables, and the
    user's own permissions.
    """
    found = pipeline.clients.cloudformation.describe_stack_resource(
        StackName=pipeline.stack, LogicalResourceId=function
    )
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    variables = pipeline.clients.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    build = PIPELINE.folder / "build"
    layers = [name for name, it in read_template("pipeline")["Resources"].items() if "LayerVersion" in it["Type"]]
    path = [build / function, *(build / layer / "python" for layer in layers)]
    done = subprocess.run(
        [LAMBDA_PYTHON, "-c", _INVOCATION],
        input=(ROOT / event).read_bytes(),
        env={**tool_environment(aws), **variables, "PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT]))},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1])


def test_this_file_covers_every_function_of_the_page() -> None:
    assert sorted(name for name, _ in COMMANDS) == sorted(ANSWERS)


@pytest.mark.parametrize(("function", "event"), COMMANDS)
def test_a_function_answers_an_event_as_the_page_says(
    aws: EmbeddedAws, pipeline: DeployedPipeline, function: str, event: str
) -> None:
    answer = invoke_locally(aws, pipeline, function, event)

    [answer] = answer if isinstance(answer, list) else [answer]
    assert ANSWERS[function].items() <= answer.items()


def test_the_failure_is_reported_with_a_notice(aws: EmbeddedAws, pipeline: DeployedPipeline) -> None:
    event = dict(COMMANDS)["ReportFailureFunction"]
    invoke_locally(aws, pipeline, "ReportFailureFunction", event)

    video = json.loads((ROOT / event).read_text())["upload"]
    upload = UploadedVideo(video["bucket"], video["key"], video["version_id"])
    assert [notice.outcome for notice in pipeline.take_notices(upload)] == ["failed"]
