"""The pipeline's template with the owner's own uploads bucket, evaluated as CloudFormation does."""

import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cloudformation import Evaluator
from tests.templates import ROOT, read_expanded_templates
from tests.unit.test_parameters import draw_allowed
from videojobs.jobs.intake import UploadFilter
from videojobs.video_formats import KNOWN_EXTENSIONS

BUCKET, PREFIX = "footage", "cameras/"
ARN = f"arn:aws:s3:::{BUCKET}"
REFERENCES = {
    "ExistingBucketRule.Arn": "arn:rule",
    "UploadsQueue.Arn": "arn:queue",
    "UploadsQueue": "queue",
    "DeadLetterQueue.Arn": "arn:dead",
    "DeadLetterQueue": "dead",
    "UploadsBucket": "uploads",
    "UploadsBucket.Arn": "arn:aws:s3:::uploads",
    "ResultsBucket": "results",
    "ResultsBucket.Arn": "arn:aws:s3:::results",
}
OWN: dict[str, str] = {}
EXISTING = {"ExistingUploadsBucket": BUCKET, "UploadsPrefix": PREFIX}
FUNCTIONS_WITH_VIDEOS = {"CreateJobFunction", "AnnotateVideoFunction", "MakeDatasetFunction", "OpenShareLinkFunction"}


@cache
def read_template() -> dict[str, Any]:
    return read_expanded_templates()["pipeline"]


def evaluate(name: str, part: str, **parameters: str) -> Any:
    """Evaluates a property of a resource. What it refers to beyond `REFERENCES` has its own name as its value."""
    resource = read_template()["Resources"][name]["Properties"][part]
    names = set(re.findall(r"'Ref': '(\w+)'", repr(resource))) - read_template()["Parameters"].keys()
    attributes = {".".join(it) for it in re.findall(r"'Fn::GetAtt': \['(\w+)', '(\w+)'\]", repr(resource))}
    attributes |= set(re.findall(r"\$\{([A-Z]\w+(?:\.\w+)?)\}", repr(resource))) - read_template()["Parameters"].keys()
    others = {it: it for it in names | attributes}
    return Evaluator(read_template(), {**others, **REFERENCES, **parameters}).evaluate(resource)


def list_made(**parameters: str) -> set[str]:
    """The logical IDs of the resources that a stack with these parameters has."""
    evaluator = Evaluator(read_template(), parameters)
    return {
        name
        for name, resource in read_template()["Resources"].items()
        if "Condition" not in resource or evaluator.evaluate({"Fn::If": [resource["Condition"], True, False]})
    }


def list_statements(function: str, **parameters: str) -> list[dict[str, Any]]:
    policies = evaluate(f"{function}Role", "Policies", **parameters)
    return [it for policy in policies for it in policy["PolicyDocument"]["Statement"]]


def test_with_an_existing_bucket_the_stack_makes_no_bucket_for_uploads() -> None:
    assert list_made(**OWN) - list_made(**EXISTING) == {"UploadsBucket", "UploadsBucketPolicy"}
    assert list_made(**EXISTING) - list_made(**OWN) == {"ExistingBucketRule", "DeadLetterQueuePolicy"}


def test_no_resource_configures_the_existing_bucket() -> None:
    """Only roles and the rule's pattern name it."""
    for name, resource in read_template()["Resources"].items():
        if "'Ref': 'ExistingUploadsBucket'" in repr(resource) or "${ExistingUploadsBucket}" in repr(resource):
            assert resource["Type"] in ("AWS::IAM::Role", "AWS::Events::Rule"), name


@pytest.mark.parametrize("prefix", ["", PREFIX])
def test_the_rule_sends_the_bucket_s_new_objects_to_the_uploads_queue(prefix: str) -> None:
    """The pattern's form: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-mapping-troubleshooting.html"""
    parameters = {**EXISTING, "UploadsPrefix": prefix}
    assert evaluate("ExistingBucketRule", "EventPattern", **parameters) == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [BUCKET]}, "object": {"key": [{"prefix": prefix}]}},
    }
    [target] = evaluate("ExistingBucketRule", "Targets", **parameters)
    assert (target["Arn"], target["DeadLetterConfig"]["Arn"]) == ("arn:queue", "arn:dead")


def test_only_the_sender_that_the_stack_has_may_send_to_the_uploads_queue() -> None:
    [own] = evaluate("UploadsQueuePolicy", "PolicyDocument", **OWN)["Statement"]
    [existing] = evaluate("UploadsQueuePolicy", "PolicyDocument", **EXISTING)["Statement"]
    [dead] = evaluate("DeadLetterQueuePolicy", "PolicyDocument", **EXISTING)["Statement"]
    assert own["Principal"] == {"Service": "s3.amazonaws.com"}
    for statement in (existing, dead):
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "arn:rule"}}


def test_every_role_is_limited_to_the_existing_bucket_and_prefix() -> None:
    functions = [name for name, it in read_template()["Resources"].items() if it["Type"] == "AWS::Lambda::Function"]
    naming = set()
    for function in functions:
        for statement in list_statements(function, **EXISTING):
            assert "uploads" not in str(statement["Resource"]), function
            if ARN not in str(statement["Resource"]):
                continue
            naming.add(function)
            if statement["Action"] == ["s3:ListBucket", "s3:ListBucketVersions"]:
                assert statement["Resource"] == ARN
                assert statement["Condition"] == {"StringLike": {"s3:prefix": f"{PREFIX}*"}}
            else:
                assert statement["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
                assert statement["Resource"] == f"{ARN}/{PREFIX}*"
    assert naming == FUNCTIONS_WITH_VIDEOS


def test_the_policy_for_the_bucket_s_own_key_names_every_role_that_reads_videos() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().split("\n### A key of its own\n")[1].split("\n## ")[0]
    assert set(re.findall(r"STACK-(\w+)Role-\*", section)) == FUNCTIONS_WITH_VIDEOS


def test_without_an_existing_bucket_the_roles_are_as_before() -> None:
    for function in FUNCTIONS_WITH_VIDEOS:
        resources = str([it["Resource"] for it in list_statements(function, **OWN)])
        assert "arn:aws:s3:::uploads/*" in resources
        assert "footage" not in resources


@pytest.mark.parametrize(
    ("parameters", "extensions"),
    [
        (OWN, "*"),
        (EXISTING, "videos"),
        ({**OWN, "UploadExtensions": "mp4,mov"}, "mp4,mov"),
        ({**EXISTING, "UploadExtensions": "*"}, "*"),
    ],
)
def test_the_filter_s_default_depends_on_the_bucket(parameters: dict[str, str], extensions: str) -> None:
    variables = evaluate("CreateJobFunction", "Environment", **parameters)["Variables"]
    assert variables["UPLOAD_EXTENSIONS"] == extensions
    assert variables["RESULTS_BUCKET"] == "results"


@pytest.mark.parametrize(
    ("name", "value", "is_allowed"),
    [
        ("ExistingUploadsBucket", "", True),
        ("ExistingUploadsBucket", "my.footage-1", True),
        ("ExistingUploadsBucket", "ab", False),
        ("ExistingUploadsBucket", "Footage", False),
        ("ExistingUploadsBucket", "arn:aws:s3:::footage", False),
        ("UploadsPrefix", "", True),
        ("UploadsPrefix", "cameras/line 3/", True),
        ("UploadsPrefix", "c/", True),
        ("UploadsPrefix", "cam", False),
        ("UploadsPrefix", "cameras/line 3/2026-", False),
        ("UploadsPrefix", "/", False),
        ("UploadsPrefix", "/cameras", False),
        ("UploadsPrefix", "cameras/*", False),
        ("UploadsPrefix", "cameras?", False),
        ("UploadsPrefix", "${aws:username}/", False),
        ("UploadExtensions", "", True),
        ("UploadExtensions", "*", True),
        ("UploadExtensions", "videos", True),
        ("UploadExtensions", "mp4, mov", True),
        ("UploadExtensions", "videos,ts", True),
        ("UploadExtensions", "mp4,*", False),
        ("UploadExtensions", "video", False),
        ("UploadExtensions", "all", False),
        ("UploadExtensions", ".mp4", False),
        ("UploadExtensions", "MP4", False),
        ("UploadExtensions", "mp4,", False),
        ("UploadExtensions", "*.mp4", False),
    ],
)
def test_a_parameter_accepts_only_what_policies_and_the_filter_can_use(name: str, value: str, is_allowed: bool) -> None:
    parameter = read_template()["Parameters"][name]
    assert bool(re.fullmatch(parameter["AllowedPattern"], value)) == is_allowed


def test_the_template_knows_every_extension_of_a_video() -> None:
    parameter = read_template()["Parameters"]["UploadExtensions"]
    names = re.findall(r"[a-z0-9]+", parameter["AllowedPattern"].partition(", *")[0])
    assert names == ["videos", *(it.removeprefix(".") for it in KNOWN_EXTENSIONS)]
    everything = ", ".join(names)
    assert re.fullmatch(parameter["AllowedPattern"], everything)
    assert len(everything) <= int(parameter["MaxLength"])
    assert all(re.search(rf"\b{it}\b", parameter["ConstraintDescription"]) for it in names)


@given(draw_allowed(read_template()["Parameters"]["UploadExtensions"]))
def test_the_filter_reads_every_value_that_cloudformation_accepts(value: str) -> None:
    uploads = UploadFilter.parse(value or "*")
    assert uploads.extensions is None or uploads.extensions.issubset(KNOWN_EXTENSIONS)
    assert uploads.extensions != frozenset()


@given(st.one_of(st.text(alphabet="*.,mp4ovisdeMt ", max_size=12), st.text(max_size=12)))
def test_the_filter_reads_nothing_that_cloudformation_refuses(value: str) -> None:
    is_allowed = bool(re.fullmatch(read_template()["Parameters"]["UploadExtensions"]["AllowedPattern"], value))
    try:
        UploadFilter.parse(value)
    except ValueError:
        assert not is_allowed or value == ""
    else:
        assert is_allowed


@given(draw_allowed(read_template()["Parameters"]["UploadsPrefix"]))
def test_a_prefix_is_a_whole_folder(prefix: str) -> None:
    """`cam` would also take, and may read, what lies in `camera2/`."""
    assert prefix == "" or prefix.endswith("/")


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [(OWN, True), (EXISTING, True), ({"UploadsPrefix": PREFIX}, False), ({**EXISTING, "UploadsPrefix": ""}, True)],
)
def test_a_prefix_needs_an_existing_bucket(parameters: dict[str, str], holds: bool) -> None:
    [assertion] = read_template()["Rules"]["PrefixOfExistingBucket"]["Assertions"]
    template = {**read_template(), "Conditions": {"Holds": assertion["Assert"]}, "Rules": {}}
    assert Evaluator(template, parameters).evaluate({"Fn::If": ["Holds", True, False]}) == holds
