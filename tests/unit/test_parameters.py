"""CloudFormation refuses every parameter that a function could not read.

Its Number type accepts 1.5 for a whole number, and only strings can have a pattern:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cloudformation import Evaluator
from tests.parameters import NUMBERS, NumberRange
from tests.templates import TEMPLATES, find_definition, read_expanded_templates
from videoengine import settings as engine
from videojobs import settings as pipeline

SETTINGS: Mapping[str, Mapping[str, type]] = {
    "pipeline": {
        "CreateJobFunction": pipeline.CreateJobSettings,
        "CheckJobFunction": pipeline.CheckJobSettings,
        "DeliverResultsFunction": pipeline.DeliverResultsSettings,
        "AnnotateVideoFunction": pipeline.AnnotateVideoSettings,
        "MakeDatasetFunction": pipeline.MakeDatasetSettings,
        "RecordMediaFunction": pipeline.RecordMediaSettings,
        "OpenShareLinkFunction": pipeline.OpenShareLinkSettings,
        "ReportFailureFunction": pipeline.ReportFailureSettings,
        "SendDigestFunction": pipeline.SendDigestSettings,
    },
    "engine": {
        "ServeApiFunction": engine.ApiSettings,
        "FetchVideoFunction": engine.FetchSettings,
        "PlanJobFunction": engine.PlanSettings,
        "InferSegmentFunction": engine.InferSettings,
        "MergeResultsFunction": engine.MergeSettings,
    },
}

NO_NUMBERS = [
    "",
    "1e2",
    "1E2",
    "0x10",
    "nan",
    "NaN",
    "inf",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1\n",
    "1,5",
    "1_0",
    "01",
    "1.",
    "1d",
    "\uff11",
    "one",
]

RANGES = [(application, name) for application, ranges in NUMBERS.items() for name in ranges]


def find_parameter(application: str, name: str) -> dict[str, Any]:
    parameter: dict[str, Any] = read_expanded_templates()[application]["Parameters"][name]
    return parameter


def draw_number(of: NumberRange) -> st.SearchStrategy[str]:
    """Numbers in a range, as people write them."""
    if of.whole:
        return st.integers(int(of.lowest), int(of.highest)).map(str)
    return st.decimals(Decimal(str(of.lowest)), Decimal(str(of.highest)), places=3).map(
        lambda number: f"{number:f}".rstrip("0").rstrip(".") or "0"
    )


def draw_allowed(parameter: dict[str, Any]) -> st.SearchStrategy[str]:
    """Values that CloudFormation accepts for a parameter."""
    if "AllowedValues" in parameter:
        return st.sampled_from(parameter["AllowedValues"])
    return st.from_regex(parameter["AllowedPattern"].removesuffix("$") + r"\Z", fullmatch=True)


@pytest.mark.parametrize("application", TEMPLATES)
def test_numbers_are_strings_with_a_pattern_or_a_list(application: str) -> None:
    parameters = read_expanded_templates()[application]["Parameters"]
    assert {name for name, it in parameters.items() if it["Type"] != "String"} == set()
    for name in (*NUMBERS[application], "RetentionDays"):
        parameter = parameters[name]
        assert ("AllowedPattern" in parameter) != ("AllowedValues" in parameter), name
        assert all(isinstance(it, str) for it in [parameter["Default"], *parameter.get("AllowedValues", [])]), name
        if "AllowedPattern" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"]), name
            assert parameter["ConstraintDescription"], name


@pytest.mark.parametrize("application", TEMPLATES)
def test_every_number_that_functions_read_comes_from_such_a_parameter(application: str) -> None:
    resources = read_expanded_templates()[application]["Resources"]
    functions = {name: it for name, it in resources.items() if it["Type"] == "AWS::Lambda::Function"}
    assert functions.keys() == SETTINGS[application].keys()
    read = set()
    for name, function in functions.items():
        variables = function["Properties"]["Environment"]["Variables"]
        for field in fields(SETTINGS[application][name]):
            value = variables[field.name.upper()]
            if field.type in (int, float) and isinstance(value, dict) and "Ref" in value:
                read.add(value["Ref"])
                of = NUMBERS[application].get(value["Ref"])
                assert field.type is float or of is None or of.whole, (name, field.name)
            elif field.type in (int, float):
                # A constant in the template.
                Evaluator(read_expanded_templates()[application], {}).evaluate(value)
    substituted = {value["Ref"] for value in find_bare_substitutions(application).values() if "Ref" in value}
    assert all(NUMBERS[application][name].whole for name in substituted)
    schedules = {"DigestMinutes"} if application == "pipeline" else set()
    assert read | substituted | schedules == {*NUMBERS[application], "RetentionDays"}


def find_bare_substitutions(application: str) -> dict[str, Any]:
    """The values that the template substitutes as numbers in the state machine's definition."""
    path, substitutions = find_definition(application)
    return {name: substitutions[name] for name in re.findall(r": \$\{(\w+)\}", path.read_text())}


@pytest.mark.parametrize(("application", "name"), RANGES)
def test_every_number_in_the_range_is_accepted(application: str, name: str) -> None:
    pattern, of = find_parameter(application, name)["AllowedPattern"], NUMBERS[application][name]
    for end in (of.lowest, of.highest):
        assert re.fullmatch(pattern, f"{end:g}" if end < 10_000 else f"{end:.0f}")
    if of.whole and of.highest < 10_000:
        taken = [number for number in range(20_000) if re.fullmatch(pattern, str(number))]
        assert taken == list(range(int(of.lowest), int(of.highest) + 1))

    @given(draw_number(of))
    def is_taken(number: str) -> None:
        assert re.fullmatch(pattern, number)

    is_taken()


@pytest.mark.parametrize(("application", "name"), RANGES)
def test_nothing_outside_the_range_is_accepted(application: str, name: str) -> None:
    parameter, of = find_parameter(application, name), NUMBERS[application][name]
    too_low, too_high = of.lowest - (1 if of.whole else 0.0001), of.highest + (1 if of.whole else 0.0001)
    for value in (*NO_NUMBERS, f"{too_low:.4f}".removesuffix(".0000"), f"{too_high:.4f}".removesuffix(".0000")):
        assert not re.fullmatch(parameter["AllowedPattern"], value), value
    assert bool(re.fullmatch(parameter["AllowedPattern"], "1.5" if of.highest > 1 else "0.5")) != of.whole

    @given(draw_allowed(parameter))
    def is_a_number_of_the_range(value: str) -> None:
        number = int(value) if of.whole else float(value)
        assert of.lowest <= number <= of.highest

    is_a_number_of_the_range()


@pytest.mark.parametrize("application", TEMPLATES)
def test_the_functions_can_read_every_value_that_cloudformation_accepts(
    application: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = read_expanded_templates()[application]
    parameters = template["Parameters"]
    resources = {name: name for name in template["Resources"]}
    numbers = {name: draw_allowed(parameters[name]) for name in (*NUMBERS[application], "RetentionDays")}

    @settings(max_examples=10)
    @given(st.fixed_dictionaries(numbers))
    def are_read(drawn: Mapping[str, str]) -> None:
        evaluator = Evaluator(template, {"ApiKey": "key", **resources, **drawn})
        for name, kind in SETTINGS[application].items():
            variables = evaluator.evaluate(template["Resources"][name]["Properties"]["Environment"]["Variables"])
            if application == "pipeline":
                pipeline.read_settings(kind, variables)
            else:
                with monkeypatch.context() as patch:
                    for variable, value in variables.items():
                        patch.setenv(variable, value)
                    engine.read_settings(kind)

    are_read()
