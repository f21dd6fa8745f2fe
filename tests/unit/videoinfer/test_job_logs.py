"""`videoinfer logs`: the lines of one attempt, from all functions, in order of time."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from tests.pipeline_stacks import make_stack
from tests.templates import find_resources
from tests.unit.videoinfer.test_ledger_view import CLIP
from videoinfer import stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.job_logs import _find_groups
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videojobs.jobs.ledger import Ledger

ARN = "arn:aws:states:us-east-1:123456789012:execution:m:e"
EXECUTION = f"{CLIP.upload_id}-1"
RECORDED = datetime(2026, 1, 2, 3, 4, 1, tzinfo=UTC)
"""When the fixture's clock writes first."""


def describe(*ids: str) -> dict[str, Any]:
    known = {"ResourceType": "t", "LastUpdatedTimestamp": RECORDED, "ResourceStatus": "CREATE_COMPLETE"}
    return {
        "StackResourceSummaries": [{"LogicalResourceId": it, "PhysicalResourceId": f"/{it}", **known} for it in ids]
    }


def line(second: int, message: str, execution: str = EXECUTION, **fields: str) -> dict[str, Any]:
    timestamp = int(RECORDED.timestamp() * 1000) + 1000 * second
    text = json.dumps({"level": "INFO", "message": message, "execution": execution, **fields})
    return {"timestamp": timestamp, "message": f"{text}\n"}


def step(second: int, **details: Any) -> dict[str, Any]:
    return {"timestamp": RECORDED.replace(second=1 + second), "type": "TaskFailed", "id": second, **details}


@pytest.fixture
def stack(jobs: LedgerView, clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> AwsClients:
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients))
    return clients


def script(clients: AwsClients, events: dict[str, list[Any]], history: list[Any] | None) -> None:
    for client, operation, answers in (
        (clients.cloudformation, "list_stack_resources", [describe(*(f"{it}{end}" for it in events for end in ENDS))]),
        (clients.logs, "filter_log_events", [{"events": some} for some in events.values()]),
        (clients.stepfunctions, "get_execution_history", [{"events": history}] if history is not None else []),
    ):
        stub = Stubber(client)
        for answer in answers:
            stub.add_response(operation, answer)
        if not answers:
            stub.add_client_error(operation, "ExecutionDoesNotExist")
        stub.activate()


ENDS = ("Function", "Logs")


def test_lines_of_all_functions_come_in_order_with_failed_steps(stack: AwsClients, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="failed", execution_arn=ARN)
    cause = json.dumps({"errorMessage": "No answer\x1b[2J", "errorType": "ApiUnavailable"})
    script(
        stack,
        {
            "CreateJob": [line(9, "late"), line(1, "early\x1b[31m"), line(2, "of attempt 11", f"{EXECUTION}1")],
            "CheckJob": [
                line(5, "It failed.", exception="Trace\nApiUnavailable: 503"),
                {**line(3, ""), "message": "END"},
            ],
        },
        [
            step(4, stateEnteredEventDetails={"name": "Check Job"}),
            step(6, taskFailedEventDetails={"resourceType": "x", "resource": "y", "error": "E", "cause": cause}),
        ],
    )

    result = CliRunner().invoke(app, ["logs", CLIP.key])

    assert result.exit_code == 0, result.output
    assert [row.split("  ", 1)[1] for row in result.output.splitlines()] == [
        "create_job  INFO early\\u001b[31m",
        "check_job  INFO It failed. ApiUnavailable: 503",
        "Check Job  TaskFailed: E: No answer\\u001b[2J",
        "create_job  INFO late",
    ]


def test_json_has_whole_lines(stack: AwsClients, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="failed")
    script(stack, {"CreateJob": [line(1, "early", upload="s3://uploads/a")]}, None)

    [row] = CliRunner().invoke(app, ["logs", CLIP.key, "--json"]).output.splitlines()

    assert json.loads(row)["fields"]["upload"] == "s3://uploads/a"


def test_a_job_without_lines_and_without_a_history_says_why(stack: AwsClients, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="failed", execution_arn=ARN)
    script(stack, {"CreateJob": []}, None)

    assert CliRunner().invoke(app, ["logs", CLIP.key]).output.startswith("There are none: they are too new")


def test_every_function_of_the_template_has_the_log_group_that_is_read(clients: AwsClients) -> None:
    groups = find_resources("pipeline", "AWS::Logs::LogGroup")
    functions = find_resources("pipeline", "AWS::Serverless::Function")
    stub = Stubber(clients.cloudformation)
    stub.add_response("list_stack_resources", describe(*groups, *functions))
    stub.activate()

    found = _find_groups(make_stack(clients))

    settings = [it["Properties"] for it in functions.values()]
    names = [it["CodeUri"].strip("/").split("/")[-1] for it in settings]
    assert found == dict(zip(names, (f"/{it['LoggingConfig']['LogGroup']['Ref']}" for it in settings), strict=True))
