"""The permissions that a deployed stack's template grants its functions.

They come from the stack, not from this package: a stack of another version needs what its own template says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from videoinfer.errors import CommandError

if TYPE_CHECKING:
    from videoinfer.pipeline_stack import PipelineStack

_NO_VALUE = "AWS::NoValue"

type _Values = Mapping[str, str]
"""The values of parameters, pseudo parameters, resources and attributes, by the name that `Fn::Sub` has for them."""


@dataclass(frozen=True)
class Grant:
    """One statement of a function's policy.

    Attributes:
        function: The logical ID of the function.
        resources: ARNs, which may have wildcards.
        context: The condition keys that the statement asks for, with their values.
    """

    function: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Mapping[str, str]


def read_grants(stack: PipelineStack) -> Iterator[Grant]:
    """Reads what the deployed template allows each function.

    Raises:
        CommandError: The template uses a function or an attribute that this version of videoinfer does not know.
    """
    template: Any = stack.clients.cloudformation.get_template(StackName=stack.name, TemplateStage="Processed")
    resources = template["TemplateBody"]["Resources"]
    resolver = _Resolver(template["TemplateBody"].get("Conditions", {}), _collect_values(stack))
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Lambda::Function":
            continue
        role = resources[_split_attribute(resource["Properties"]["Role"]["Fn::GetAtt"])[0]]["Properties"]
        for policy in resolver.resolve(role.get("Policies", [])):
            for statement in as_list(policy["PolicyDocument"]["Statement"]):
                if statement["Effect"] == "Allow":
                    yield _read_statement(name, statement)


def _read_statement(function: str, statement: Mapping[str, Any]) -> Grant:
    conditions = statement.get("Condition", {}).values()
    context = {key: as_list(value)[0] for condition in conditions for key, value in condition.items()}
    actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
    return Grant(function, tuple(actions), tuple(resources), context)


class _Resolver:
    """Resolves the intrinsic functions that policies use."""

    def __init__(self, conditions: Mapping[str, Any], values: _Values) -> None:
        self._conditions = conditions
        self._values = values

    def resolve(self, value: Any) -> Any:
        """The value without intrinsic functions; entries that are `AWS::NoValue` are left out."""
        match value:
            case {"Ref": str(name)}:
                return self._look_up(name)
            case {"Fn::GetAtt": attribute}:
                return self._look_up(".".join(_split_attribute(attribute)))
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: self._look_up(found[1]), text)
            case {"Fn::If": [str(name), yes, no]}:
                return self.resolve(yes if self._holds({"Condition": name}) else no)
            case dict() if any(key.startswith("Fn::") for key in value):
                raise CommandError(f"This version of videoinfer can't read the template's {', '.join(value)}.")
            case dict():
                return {key: self.resolve(part) for key, part in value.items()}
            case list():
                return [part for part in map(self.resolve, value) if part != _NO_VALUE]
        return value

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Condition": str(name)}:
                return self._holds(self._conditions[name])
            case {"Fn::Equals": [first, second]}:
                return bool(self.resolve(first) == self.resolve(second))
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case {"Fn::And": list(parts)}:
                return all(map(self._holds, parts))
            case {"Fn::Or": list(parts)}:
                return any(map(self._holds, parts))
        raise CommandError(f"This version of videoinfer can't read the template's condition {condition}.")

    def _look_up(self, name: str) -> str:
        if name not in self._values:
            raise CommandError(f"This version of videoinfer can't tell what {name} is in the template.")
        return self._values[name]


def _collect_values(stack: PipelineStack) -> _Values:
    cloudformation = stack.clients.cloudformation
    [described] = cloudformation.describe_stacks(StackName=stack.name)["Stacks"]
    _, partition, _, region, account, *_ = stack.state_machine_arn.split(":")
    values = {
        "AWS::AccountId": account,
        "AWS::NoValue": _NO_VALUE,
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }
    for parameter in described.get("Parameters", []):
        values[parameter["ParameterKey"]] = parameter["ParameterValue"]
    # CloudFormation masks a parameter with NoEcho, also an empty one. The template takes ApiKey or ApiKeySecretArn.
    values["ApiKey"] = "" if stack.api_key_secret_arn else "****"
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name):
        for resource in page["StackResourceSummaries"]:
            name, physical_id = resource["LogicalResourceId"], resource.get("PhysicalResourceId", "")
            values[name] = physical_id
            match resource["ResourceType"]:
                case "AWS::S3::Bucket":
                    values[f"{name}.Arn"] = f"arn:{partition}:s3:::{physical_id}"
                case "AWS::DynamoDB::Table":
                    values[f"{name}.Arn"] = f"arn:{partition}:dynamodb:{region}:{account}:table/{physical_id}"
                case "AWS::SQS::Queue":
                    queue = physical_id.rpartition("/")[2]
                    values[f"{name}.Arn"] = f"arn:{partition}:sqs:{region}:{account}:{queue}"
                case "AWS::StepFunctions::StateMachine":
                    values[f"{name}.Name"] = physical_id.rpartition(":")[2]
    return values


def _split_attribute(attribute: str | list[str]) -> list[str]:
    """The logical ID and the attribute's name of `Fn::GetAtt`, which has two spellings."""
    return attribute.split(".", 1) if isinstance(attribute, str) else attribute


def as_list(value: Any) -> list[Any]:
    """A policy's element as a list: where it has one entry, policies may leave the list out."""
    return value if isinstance(value, list) else [value]
