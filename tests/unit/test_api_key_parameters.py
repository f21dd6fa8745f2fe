"""The API's key comes from a parameter or from the owner's secret: exactly one of them, and no role reads another
secret.
"""

import re
from typing import Any

import pytest
from cfnlint.template import Template

from tests.cloudformation import Evaluator
from tests.templates import read_expanded_templates
from tests.unit.test_deploy_parameters import read_documented_overrides

SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys/roboflow-AbC123"
READERS = {"CheckJobFunction", "CreateJobFunction", "DeliverResultsFunction"}


def make_evaluator(**parameters: str) -> Evaluator:
    template = read_expanded_templates()["pipeline"]
    resources = {name: name for name in template["Resources"]}
    attributes = {f"{name}.{attribute}": f"{attribute}:{name}" for name in resources for attribute in ("Arn", "Name")}
    stack = {"AWS::StackName": "videos", "AWS::Region": "eu-central-1"}
    return Evaluator(template, {**resources, **attributes, **stack, **parameters})


def find_functions() -> dict[str, Any]:
    resources = read_expanded_templates()["pipeline"]["Resources"]
    return {name: it["Properties"] for name, it in resources.items() if it["Type"] == "AWS::Lambda::Function"}


@pytest.mark.parametrize(
    ("key", "arn", "allowed"),
    [("key", "", True), ("", SECRET_ARN, True), ("", "", False), ("key", SECRET_ARN, False)],
)
def test_cloudformation_accepts_exactly_one_of_both(key: str, arn: str, allowed: bool) -> None:
    """cfn-lint evaluates the template's rules."""
    template = read_expanded_templates()["pipeline"]
    conditions = {
        f"Has{name}": {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in ("ApiKey", "ApiKeySecretArn")
    }
    rules = {"Parameters": template["Parameters"], "Rules": template["Rules"], "Conditions": conditions}
    chosen = {"HasApiKey": bool(key), "HasApiKeySecretArn": bool(arn)}
    scenarios = Template("template.yaml", rules).conditions.build_scenarios({name: {True, False} for name in chosen})
    assert (chosen in list(scenarios)) == allowed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "secret", "resource"),
    [
        (
            {"ApiKey": "key"},
            "videos/api-key",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:videos/api-key-??????",
        ),
        ({"ApiKey": "", "ApiKeySecretArn": SECRET_ARN}, SECRET_ARN, SECRET_ARN),
    ],
)
def test_functions_may_read_only_the_secret_in_use(parameters: dict[str, str], secret: str, resource: str) -> None:
    evaluator, readers = make_evaluator(**parameters), set()
    for name, properties in find_functions().items():
        variables = evaluator.evaluate(properties["Environment"]["Variables"])
        role = read_expanded_templates()["pipeline"]["Resources"][properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        statements = evaluator.evaluate(role["Policies"])[0]["PolicyDocument"]["Statement"]
        secrets = {it["Resource"] for it in statements if it["Action"] == "secretsmanager:GetSecretValue"}
        assert {it for it in secrets if "share-key" not in it} == (
            {resource} if "API_KEY_SECRET" in variables else set()
        )
        if "API_KEY_SECRET" in variables:
            assert variables["API_KEY_SECRET"] == secret
            readers.add(name)
    assert readers == READERS


def test_the_stack_creates_a_secret_only_if_the_owner_gives_none() -> None:
    template = read_expanded_templates()["pipeline"]
    condition = template["Resources"]["ApiKeySecret"]["Condition"]
    branches = {"Fn::If": [condition, "made", "not made"]}
    assert make_evaluator(ApiKey="key").evaluate(branches) == "made"
    assert make_evaluator(ApiKey="", ApiKeySecretArn=SECRET_ARN).evaluate(branches) == "not made"


def test_the_parameter_accepts_only_a_complete_arn_of_a_secret() -> None:
    pattern = read_expanded_templates()["pipeline"]["Parameters"]["ApiKeySecretArn"]["AllowedPattern"]
    for arn in ("", SECRET_ARN, SECRET_ARN.replace("arn:aws:", "arn:aws-us-gov:")):
        assert re.fullmatch(pattern, arn)
    for arn in (
        "keys/roboflow",
        SECRET_ARN.removesuffix("-AbC123"),
        SECRET_ARN[:-1] + "?",
        SECRET_ARN + ":SecretString:key::",
    ):
        assert not re.fullmatch(pattern, arn)


@pytest.mark.slow
def test_the_documented_way_to_an_own_secret_empties_the_other_parameter() -> None:
    documented = [it for it in read_documented_overrides() if "ApiKeySecretArn" in it]
    assert documented
    assert all(it["ApiKey"] == "" for it in documented)
