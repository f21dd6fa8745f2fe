"""Services accept every name that a template derives from the stack's name, for every stack name.

Longest names: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html (stacks),
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html (APIs, which botocore's models don't
limit).
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import Session

from tests.cloudformation import Evaluator
from tests.parameters import LONGEST_STACK_NAME
from tests.templates import TEMPLATES, read_expanded_templates

NAMES: dict[str, tuple[str, tuple[str, str, str] | None]] = {
    "AWS::ApiGatewayV2::Api": ("Name", None),
    "AWS::Athena::WorkGroup": ("Name", ("athena", "CreateWorkGroup", "Name")),
    "AWS::CloudWatch::Dashboard": ("DashboardName", ("cloudwatch", "PutDashboard", "DashboardName")),
    "AWS::Logs::LogGroup": ("LogGroupName", ("logs", "CreateLogGroup", "logGroupName")),
    "AWS::SSM::Parameter": ("Name", ("ssm", "PutParameter", "Name")),
    "AWS::SecretsManager::Secret": ("Name", ("secretsmanager", "CreateSecret", "Name")),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", ("stepfunctions", "CreateStateMachine", "name")),
}
"""Each resource type's name property, and the parameter of the operation that creates it, in botocore's models."""

DATABASE_NAME = r"[a-z][a-z0-9_]{0,254}"
"""The names that Athena's DDL accepts without quotes; underscores are the only special characters that it supports:
https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
"""


def list_stack_names(application: str) -> list[str]:
    return ["v", "videoinfer", "Belt-Line-7", "UPPER", "double--hyphen-", "X" * LONGEST_STACK_NAME[application]]


def make_evaluator(application: str, stack: str, uuid: str = "51af3dc0-da77-11e4-872e-1234567db123") -> Evaluator:
    stack_id = f"arn:aws-us-gov:cloudformation:us-gov-west-1:123456789012:stack/{stack}/{uuid}"
    references = {"AWS::StackName": stack, "AWS::StackId": stack_id, "ApiKey": "key", "ShareApi": 10 * "x"}
    return Evaluator(read_expanded_templates()[application], references)


def find_named(application: str) -> Iterator[tuple[str, str, Any]]:
    """Yields logical id, type and name of each resource that the template names after its stack or the stack's API."""
    for logical_id, resource in read_expanded_templates()[application]["Resources"].items():
        for name, value in resource.get("Properties", {}).items():
            if name.endswith("Name") and re.search(r"AWS::StackName|\{ShareApi\}", str(value)):
                yield logical_id, resource["Type"], value


@pytest.mark.slow
@pytest.mark.parametrize("application", TEMPLATES)
def test_services_accept_names_derived_from_the_stack_s(application: str) -> None:
    named = list(find_named(application))
    assert {kind for _, kind, _ in named} <= NAMES.keys()
    for stack in list_stack_names(application):
        for logical_id, kind, value in named:
            name = make_evaluator(application, stack).evaluate(value)
            if operation := NAMES[kind][1]:
                service, call, parameter = operation
                model = Session().get_service_model(service).operation_model(call)
                shape = model.input_shape.members[parameter].metadata  # type: ignore[union-attr]
                assert shape.get("min", 1) <= len(name) <= shape.get("max", 255), logical_id
                # botocore's patterns are Java's; here they mean the same in Python.
                assert re.fullmatch(shape.get("pattern", ".*"), name), logical_id
            else:
                assert 1 <= len(name) <= 128, logical_id


@pytest.mark.slow
@pytest.mark.parametrize("stack", list_stack_names("pipeline"))
def test_athena_s_ddl_accepts_the_database_s_name(stack: str) -> None:
    database = read_expanded_templates()["pipeline"]["Resources"]["ResultsDatabase"]["Properties"]["DatabaseInput"]
    name = make_evaluator("pipeline", stack).evaluate(database["Name"])
    assert re.fullmatch(DATABASE_NAME, name)


def test_each_stack_has_a_database_of_its_own() -> None:
    database = read_expanded_templates()["pipeline"]["Resources"]["ResultsDatabase"]["Properties"]["DatabaseInput"]
    uuids = "51af3dc0-da77-11e4-872e-1234567db123", "62bf3dc0-da77-11e4-872e-1234567db123"
    names = {make_evaluator("pipeline", "videos", uuid).evaluate(database["Name"]) for uuid in uuids}
    assert len(names) == len(uuids)
