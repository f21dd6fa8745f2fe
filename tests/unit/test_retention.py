"""What outlives its use, read from both templates as CloudFormation gets them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

import json
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from tests.templates import ROOT, TEMPLATES, read_expanded_templates, read_template

KEPT = {
    "pipeline": {"JobsTable", "ResultsBucket", "UploadsBucket"},
    "engine": {"JobsTable", "ModelsBucket", "VideosBucket"},
}
"""The resources with the owner's data, which remain when the stack is deleted."""


def find_expanded(application: str, kind: str) -> dict[str, dict[str, Any]]:
    resources = read_expanded_templates()[application]["Resources"]
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


@pytest.mark.parametrize("application", TEMPLATES)
def test_only_the_owner_s_data_outlives_the_stack_unless_its_first_deployment_failed(application: str) -> None:
    """`Retain` would keep the resources of a first deployment that was rolled back, without a stack that owns them."""
    resources = read_expanded_templates()[application]["Resources"]
    kept = {name: it for name, it in resources.items() if it.get("DeletionPolicy", "Delete") != "Delete"}
    assert kept.keys() == KEPT[application]
    for name, resource in kept.items():
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert resource["UpdateReplacePolicy"] == "Retain", name


def test_what_the_pipeline_s_stack_leaves_can_be_imported_and_then_updated() -> None:
    """An import needs a DeletionPolicy, and brings no outputs. The deployment that follows must find the buckets new,
    so that it writes all that they need, and the table unchanged: DynamoDB refuses to set what is already set.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
    """
    kept = json.loads(json.dumps(cfn_yaml.load(str(ROOT / "docs" / "examples" / "kept.yaml"))))
    assert kept.keys() == {"AWSTemplateFormatVersion", "Description", "Parameters", "Conditions", "Resources"}
    template = read_template("pipeline")
    assert kept["Resources"].keys() == KEPT["pipeline"]
    for name, resource in kept["Resources"].items():
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
        assert resource["Type"] == template["Resources"][name]["Type"]
    assert kept["Resources"]["JobsTable"]["Properties"] == template["Resources"]["JobsTable"]["Properties"]
    assert [name for name, it in kept["Resources"].items() if "Properties" in it] == ["JobsTable"]
    for part in ("Conditions", "Parameters"):
        assert kept[part].keys() <= template[part].keys()
    assert all(template["Conditions"][name] == condition for name, condition in kept["Conditions"].items())


@pytest.mark.parametrize("application", TEMPLATES)
def test_old_versions_of_objects_are_deleted_after_a_day(application: str) -> None:
    """An expired object first becomes a noncurrent version, whose days are added to the promised ones."""
    buckets = find_expanded(application, "AWS::S3::Bucket")
    assert buckets
    for name, bucket in buckets.items():
        [rule] = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        assert rule["Status"] == "Enabled"
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}, name
        if "VersioningConfiguration" in bucket["Properties"]:
            assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}, name
        # Models remain until their owner deletes them.
        expires = None if name == "ModelsBucket" else {"Ref": "RetentionDays"}
        assert rule.get("ExpirationInDays") == expires, name


@pytest.mark.parametrize("application", TEMPLATES)
def test_an_update_removes_the_layer_version_that_it_replaces(application: str) -> None:
    """SAM keeps all versions by default."""
    layers = find_expanded(application, "AWS::Lambda::LayerVersion")
    assert layers
    assert {name: it.get("DeletionPolicy", "Delete") for name, it in layers.items()} == dict.fromkeys(layers, "Delete")
