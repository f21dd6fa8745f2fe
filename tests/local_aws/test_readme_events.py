"""What README says of the functions and the events in `events/`, on a stack that knows nothing of them."""

import json
import re
from typing import Any

import pytest

from tests.local_aws.pipelines import DeployedPipeline
from tests.templates import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^sam local invoke (\w+) .*--event (events/\S+)$", README, flags=re.MULTILINE)

ANSWERS: dict[str, dict[str, Any]] = {
    "CreateJobFunction": {"status": "rejected"},
    "CheckJobFunction": {"status": "failed"},
    "DeliverResultsFunction": {"status": "failed"},
    "AnnotateVideoFunction": {"status": "failed"},
    "ReportFailureFunction": {"status": "failed"},
    "OpenShareLinkFunction": {"statusCode": 403},
}


def test_every_function_of_the_readme_is_told_of_here() -> None:
    assert sorted(name for name, _ in COMMANDS) == sorted(ANSWERS)


@pytest.mark.parametrize(("function", "event"), COMMANDS)
def test_a_function_answers_an_event_as_the_readme_says(pipeline: DeployedPipeline, function: str, event: str) -> None:
    found = pipeline.clients.cloudformation.describe_stack_resource(
        StackName=pipeline.stack, LogicalResourceId=function
    )
    name = found["StackResourceDetail"]["PhysicalResourceId"]

    called = pipeline.clients.lambda_.invoke(FunctionName=name, Payload=(ROOT / event).read_bytes())

    answer = json.loads(called["Payload"].read())
    assert "FunctionError" not in called, answer
    [answer] = answer if isinstance(answer, list) else [answer]
    assert ANSWERS[function].items() <= answer.items()
