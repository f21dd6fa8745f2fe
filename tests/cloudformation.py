"""Evaluates a template's intrinsic functions as CloudFormation does, with cfn-lint."""

from collections.abc import Mapping
from typing import Any

from cfnlint.jsonschema import CfnTemplateValidator, Validator
from cfnlint.jsonschema._typing import ResolutionResult
from cfnlint.template import Template

_NO_VALUE = "AWS::NoValue"

_PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}


class Evaluator:
    """Evaluates the values of one template.

    Args:
        template: The template after the SAM transform.
        references: The values of parameters, pseudo parameters and resources by the name in `Ref`, and those of
            `Fn::GetAtt` by `<logical id>.<attribute>`. Other parameters have their defaults, and other pseudo
            parameters those of a stack in us-east-1.
    """

    def __init__(self, template: dict[str, Any], references: Mapping[str, str]) -> None:
        cfn = Template("template.yaml", template, ["us-east-1"])
        parameters = template.get("Parameters", {})
        defaults = {name: str(it["Default"]) for name, it in parameters.items() if "Default" in it}
        values = {**_PSEUDO_PARAMETERS, **defaults, **references}
        status = {name: cfn.conditions.satisfiable({name: True}, values) for name in template.get("Conditions", {})}
        context = cfn.context.evolve(
            ref_values={**values, _NO_VALUE: _NO_VALUE}, conditions=cfn.context.conditions.evolve(status)
        )
        resolving: Any = CfnTemplateValidator({}).extend(fn_resolvers={"Fn::GetAtt": _get_attribute})
        self._validator: Validator = resolving({}, context=context, cfn=cfn)

    def evaluate(self, value: Any) -> Any:
        """Evaluates a value's functions, and removes properties that are `AWS::NoValue`.

        Raises:
            LookupError: The value refers to something without a value.
        """
        if isinstance(value, list):
            return [it for it in map(self.evaluate, value) if it != _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
            found = [it for it, _, error in self._validator.resolve_value(value) if error is None]
            if len(found) != 1:
                raise LookupError(f"{value} has {len(found)} values")
            return self.evaluate(found[0])
        parts = {name: self.evaluate(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part != _NO_VALUE}


def _get_attribute(validator: Validator, value: Any) -> ResolutionResult:
    """Evaluates `Fn::GetAtt`, which cfn-lint does not."""
    name = value if isinstance(value, str) else ".".join(value)
    for attribute, context in validator.context.ref_value(name):
        yield attribute, validator.evolve(context=context), None
