"""Functions that open a stranger's video may only access their own job's objects; read from the template."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.permissions import walk_grants
from tests.templates import find_resources, read_template
from videoengine.object_keys import frames_key, part_key, results_key, upload_key, video_key

JOB_ID = "0b6ae1b1-2f60-4b07-a56f-7c8a34b1a2ad"
VIDEO = {upload_key(JOB_ID, "a.mp4"), video_key(JOB_ID)}
SEGMENT, PART = frames_key(JOB_ID), part_key(JOB_ID, 1, "bottles")
KEYS = VIDEO | {SEGMENT, PART, results_key(JOB_ID)}

OWN_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
KEY = {"kms:Decrypt", "kms:GenerateDataKey"}
MODELS = {("s3:ListBucket", "${ModelsBucket.Arn}"), ("s3:GetObject", "${ModelsBucket.Arn}/*")}
GETS = {"PlanJobFunction": VIDEO, "InferSegmentFunction": VIDEO | {SEGMENT}}
PUTS = {"PlanJobFunction": {SEGMENT}, "InferSegmentFunction": {PART}}


def find_decoding() -> list[str]:
    functions = find_resources("engine", "AWS::Serverless::Function")
    return [
        name for name, function in functions.items() if {"Ref": "DecodingLayer"} in function["Properties"]["Layers"]
    ]


def read_function(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = read_template("engine")["Resources"][name]["Properties"]
    return properties


def test_only_the_listed_functions_open_videos() -> None:
    assert set(find_decoding()) == GETS.keys() == PUTS.keys()


@pytest.mark.parametrize("function", find_decoding())
def test_the_function_has_only_its_own_role(function: str) -> None:
    # SAM adds permissions to roles that it creates, so the template must define this one.
    assert "Policies" not in read_function(function)
    assert "Role" in read_function(function)
    assert not {
        name for name in read_function(function)["Environment"]["Variables"] if "TABLE" in name or "KEY" in name
    }


@pytest.mark.parametrize("function", find_decoding())
def test_the_function_has_no_access_to_records_secrets_or_other_services(function: str) -> None:
    actions = {action for action, _ in walk_grants("engine", function)}
    assert actions <= OWN_LOG | TRACES | KEY | {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}


@pytest.mark.parametrize("function", find_decoding())
def test_all_resources_of_the_role_are_named(function: str) -> None:
    log = f"${{{function.removesuffix('Function')}Logs.Arn}}"
    for action, resource in walk_grants("engine", function):
        if action in OWN_LOG:
            assert resource == log
        elif action in TRACES:
            assert resource == "*"  # these actions support no other resource
        elif action in KEY:
            assert resource == "${KmsKeyArn}"
        else:
            assert resource.startswith("${VideosBucket.Arn}/") or (action, resource) in MODELS


@pytest.mark.parametrize("function", find_decoding())
@pytest.mark.parametrize(("action", "allowed"), [("s3:GetObject", GETS), ("s3:PutObject", PUTS)])
def test_the_function_may_only_access_the_objects_of_its_step(
    action: str, allowed: dict[str, set[str]], function: str
) -> None:
    patterns = [resource for granted, resource in walk_grants("engine", function) if granted == action]
    reached = {key for key in KEYS if any(fnmatchcase(f"${{VideosBucket.Arn}}/{key}", it) for it in patterns)}
    assert reached == allowed[function]
