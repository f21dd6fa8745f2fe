"""The engine's lists that must agree."""

from dataclasses import fields
from typing import Any

import pytest

from tests.templates import find_resources, read_definition, read_template
from videoengine import model_packages
from videoengine.jobs import JobStatus
from videoengine.settings import (
    ApiSettings,
    FetchSettings,
    InferSettings,
    MergeSettings,
    MeterSettings,
    PlanSettings,
)

SETTINGS = {
    "ServeApiFunction": ApiSettings,
    "FetchVideoFunction": FetchSettings,
    "PlanJobFunction": PlanSettings,
    "InferSegmentFunction": InferSettings,
    "MergeResultsFunction": MergeSettings,
}


def test_every_variable_that_is_set_is_read_and_every_one_read_is_set() -> None:
    set_by_template = {
        name: set(function["Properties"]["Environment"]["Variables"])
        for name, function in find_resources("engine", "AWS::Serverless::Function").items()
    }
    read_by_code = {name: {field.name.upper() for field in fields(kind)} for name, kind in SETTINGS.items()}
    of_every_step = {field.name.upper() for field in fields(MeterSettings)}
    assert set_by_template == {
        name: variables if name == "ServeApiFunction" else variables | of_every_step
        for name, variables in read_by_code.items()
    }


def test_only_decoding_functions_contain_pyav_and_only_inferring_ones_openvino() -> None:
    carried = {
        name: [layer["Ref"] for layer in function["Properties"]["Layers"]]
        for name, function in find_resources("engine", "AWS::Serverless::Function").items()
    }
    assert carried == {
        "ServeApiFunction": ["VideoEngineLayer"],
        "FetchVideoFunction": ["VideoEngineLayer"],
        "PlanJobFunction": ["VideoEngineLayer", "DecodingLayer"],
        "InferSegmentFunction": ["VideoEngineLayer", "DecodingLayer", "InferenceLayer"],
        "MergeResultsFunction": ["VideoEngineLayer"],
    }


def test_the_state_machine_records_the_status_numbers_of_the_api() -> None:
    states = read_definition("engine")["States"]
    written = {
        name: states[name]["Parameters"]["ExpressionAttributeValues"][":status"]["N"]
        for name in ("Record Success", "Record Failure")
    }
    assert written == {"Record Success": str(int(JobStatus.DONE)), "Record Failure": str(int(JobStatus.FAILED))}


@pytest.mark.parametrize("map_state", ["Infer Segments", "Infer Remaining Segments"])
def test_a_segment_s_reason_is_recorded_like_every_other(map_state: str) -> None:
    states = read_definition("engine")["States"]
    reason = states[map_state]["ItemProcessor"]["States"]["Record Reason"]["Parameters"]
    failure = states["Record Failure"]["Parameters"]
    for name in (":error", ":cost"):
        reason["ExpressionAttributeValues"][name] = failure["ExpressionAttributeValues"][name]
    assert reason == failure


def test_both_maps_run_a_segment_alike() -> None:
    states = read_definition("engine")["States"]
    express, standard = (
        states[name]["ItemProcessor"]["States"] for name in ("Infer Segments", "Infer Remaining Segments")
    )
    own = {"Comment", "TimeoutSeconds", "Retry", "Catch", "Next", "End", "OutputPath"}
    for name, state in standard.items():
        assert {**state, **dict.fromkeys(own)} == {**express[name], **dict.fromkeys(own)}, name


def test_every_step_that_dies_is_recorded() -> None:
    states = read_definition("engine")["States"]
    working = [name for name, state in states.items() if state["Type"] in ("Task", "Map") and name != "Record Failure"]
    for name in working:
        [catch] = states[name]["Catch"]
        assert catch["ErrorEquals"] == ["States.ALL"]
        check_explained(states, catch["Next"])
    assert states["Record Failure"]["Next"] == "Job Failed"


def test_every_step_with_a_failed_or_unknown_outcome_is_recorded() -> None:
    states = read_definition("engine")["States"]
    choices = [state for state in states.values() if state["Type"] == "Choice" and len(state["Choices"]) == 2]
    assert len(choices) == 3
    for choice in choices:
        done, failed = choice["Choices"]
        assert (done["StringEquals"], failed["StringEquals"]) == ("done", "failed")
        check_explained(states, failed["Next"])
        check_explained(states, choice["Default"])


def check_explained(states: dict[str, Any], name: str) -> None:
    state = states[name]
    assert (state["Type"], state["ResultPath"], state["Next"]) == ("Pass", "$.failure", "Record Failure")
    assert {name.removesuffix(".$") for name in state["Parameters"]} == {"error", "cost_usd"}


def test_the_state_machine_and_the_api_have_the_same_deadline() -> None:
    template = read_template("engine")["Resources"]
    variables = template["ServeApiFunction"]["Properties"]["Environment"]["Variables"]
    substitutions = template["InferenceJobStateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert variables["DEADLINE_SECONDS"] == substitutions["DeadlineSeconds"]


def test_a_model_s_description_is_every_file_but_the_weights() -> None:
    assert model_packages.WEIGHTS not in model_packages.DESCRIPTION_FILES
