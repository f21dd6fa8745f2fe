"""Lambda refuses a function whose environment exceeds 4 KB: the largest allowed parameters don't reach that limit.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html gives the quota for all variables together.
Lambda measures a JSON object of names and values, as its error message shows ("String measured: {…}"). A quote takes
two bytes in it: https://github.com/github-aws-runners/terraform-aws-github-runner/issues/3594.
"""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cloudformation import Evaluator
from tests.parameters import LONGEST_STACK_NAME, NUMBERS
from tests.templates import TEMPLATES, read_expanded_templates

ENVIRONMENT_MAX_BYTES = 4096

PARTITION, REGION, URL_SUFFIX, ACCOUNT = "aws-us-gov", "us-isob-east-1", "amazonaws.com.cn", "123456789012"
"""The longest values that exist."""

GENERATED_SUFFIX = "-" + 13 * "X"
"""What CloudFormation appends to the names of a stack and a logical id."""

JSON_TEXTS = ("DefaultModels",)
"""Parameters that may contain quotes."""


def find_text(name: str) -> dict[str, Any]:
    parameter: dict[str, Any] = read_expanded_templates()["pipeline"]["Parameters"][name]
    return parameter


def count_quotes(parameter: dict[str, Any]) -> int:
    """How many characters that JSON escapes with a second byte the pattern allows."""
    [number] = re.findall(r"\{0,(\d+)\}", parameter["AllowedPattern"])
    return int(number)


def measure_longest(name: str, parameter: dict[str, Any]) -> int:
    """The bytes of the parameter's largest value in JSON."""
    if "AllowedValues" in parameter:
        return max(map(len, parameter["AllowedValues"]))
    if name in JSON_TEXTS:
        return int(parameter["MaxLength"]) + count_quotes(parameter)
    return int(parameter.get("MaxLength", 10))


def refer_to_longest(application: str) -> dict[str, str]:
    template, stack = read_expanded_templates()[application], LONGEST_STACK_NAME[application] * "s"
    references = {
        "AWS::StackName": stack,
        "AWS::Region": REGION,
        "AWS::Partition": PARTITION,
        "AWS::URLSuffix": URL_SUFFIX,
        "AWS::AccountId": ACCOUNT,
        **{name: measure_longest(name, it) * "x" for name, it in template["Parameters"].items()},
    }
    for logical_id, resource in template["Resources"].items():
        name = f"{stack}-{logical_id}{GENERATED_SUFFIX}"
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                references[logical_id] = name[:255]
            case "AWS::Lambda::Function":
                references[logical_id] = name[:64]
            case "AWS::SSM::Parameter":
                references[logical_id] = resource["Properties"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", stack)
            case "AWS::S3::Bucket":
                references[logical_id] = name[:63]
            case "AWS::SNS::Topic":
                references[logical_id] = f"arn:{PARTITION}:sns:{REGION}:{ACCOUNT}:{name[:256]}"
            case "AWS::SQS::Queue":
                references[logical_id] = f"https://sqs.{REGION}.{URL_SUFFIX}/{ACCOUNT}/{name[:80]}"
            case "AWS::StepFunctions::StateMachine":
                references[logical_id] = f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}:stateMachine:{name[:80]}"
            case "AWS::ApiGatewayV2::Api":
                references[logical_id] = 10 * "x"
    return references


@pytest.mark.parametrize("application", TEMPLATES)
def test_every_parameter_has_a_maximum_length(application: str) -> None:
    for name, parameter in read_expanded_templates()[application]["Parameters"].items():
        if name in NUMBERS[application]:
            # No unbounded repetition, and none that makes a number longer than ten characters.
            assert not re.search(r"[*+]|,\}", parameter["AllowedPattern"])
        else:
            assert "AllowedValues" in parameter or int(parameter["MaxLength"]) <= 4096, name
            assert len(str(parameter.get("Default", ""))) <= measure_longest(name, parameter), name


@pytest.mark.parametrize("application", TEMPLATES)
def test_the_largest_parameters_fit_into_every_environment(application: str) -> None:
    template, references = read_expanded_templates()[application], refer_to_longest(application)
    # The ARN of the owner's secret is longer than the name of the stack's own secret.
    evaluator = Evaluator(template, {**references, "ApiKey": ""} if application == "pipeline" else references)
    functions = {name: it for name, it in template["Resources"].items() if it["Type"] == "AWS::Lambda::Function"}
    assert functions
    for name, function in functions.items():
        variables = evaluator.evaluate(function["Properties"]["Environment"]["Variables"])
        size = len(json.dumps(variables, separators=(",", ":")).encode())
        assert size <= ENVIRONMENT_MAX_BYTES, f"{name}: {size} bytes"


@pytest.mark.parametrize("name", JSON_TEXTS)
def test_a_json_parameter_is_no_larger_than_measured(name: str) -> None:
    parameter = find_text(name)
    pattern, quotes, most = parameter["AllowedPattern"], count_quotes(parameter), int(parameter["MaxLength"])
    for value in (quotes * '"' + (most - quotes) * "x", (most - quotes) * "x" + quotes * "\\", parameter["Default"]):
        assert re.fullmatch(pattern, value)
    for value in (
        (quotes + 1) * '"',
        (quotes + 1) * "\n",
        "é",
        "\N{CJK UNIFIED IDEOGRAPH-5B89}",
        "\x00",
        "\x7f",
        "\u2028",
    ):
        assert not re.fullmatch(pattern, value)

    @given(st.from_regex(pattern.removesuffix("$") + r"\Z", fullmatch=True))
    def is_in_bounds(value: str) -> None:
        assert len(json.dumps(value).encode()) - len('""') <= len(value) + quotes

    is_in_bounds()


@pytest.mark.parametrize("application", TEMPLATES)
def test_other_parameters_take_one_byte_per_character(application: str) -> None:
    template = read_expanded_templates()[application]
    variables = str(
        [it["Properties"].get("Environment") for it in template["Resources"].values() if "Properties" in it]
    )
    for name, parameter in template["Parameters"].items():
        if f"'Ref': '{name}'" in variables and "AllowedValues" not in parameter and name not in JSON_TEXTS:
            for character in ('"', "\\", "\n", "\x00", "é"):
                for value in (character, f"https://{character}", f"arn:{character}"):
                    assert not re.fullmatch(parameter["AllowedPattern"], value), name
