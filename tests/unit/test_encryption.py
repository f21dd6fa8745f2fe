"""Everything that is stored is encrypted, by the owner's key if there is one: read from both expanded templates."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.permissions import as_list
from tests.templates import ROOT, read_expanded_templates

APPLICATIONS = "pipeline", "engine"
OWN_KEY = {"Ref": "KmsKeyArn"}
NOTHING = {"Ref": "AWS::NoValue"}

STORES: dict[str, tuple[str, Any]] = {
    "AWS::Athena::WorkGroup": ("WorkGroupConfiguration/ResultConfiguration/EncryptionConfiguration/KmsKey", None),
    "AWS::DynamoDB::Table": ("SSESpecification/KMSMasterKeyId", None),
    "AWS::Logs::LogGroup": ("KmsKeyId", None),
    "AWS::S3::Bucket": (
        "BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/KMSMasterKeyID",
        None,
    ),
    "AWS::SNS::Topic": ("KmsMasterKeyId", "alias/aws/sns"),
    "AWS::SQS::Queue": ("KmsMasterKeyId", None),
    "AWS::SecretsManager::Secret": ("KmsKeyId", None),
}
"""Where each kind of store names its key, and the key that it names if the owner gives none."""

NO_STORES = {
    "AWS::ApiGatewayV2::Api": "keeps nothing",
    "AWS::ApiGatewayV2::Integration": "keeps nothing",
    "AWS::ApiGatewayV2::Route": "keeps nothing",
    "AWS::ApiGatewayV2::Stage": "its log is a log group",
    "AWS::CloudWatch::Alarm": "numbers",
    "AWS::CloudWatch::Dashboard": "numbers",
    "AWS::Events::Rule": "keeps nothing",
    "AWS::Glue::Database": "names of columns",
    "AWS::Glue::Table": "names of columns",
    "AWS::IAM::Role": "keeps nothing",
    "AWS::Lambda::EventSourceMapping": "keeps nothing",
    "AWS::Lambda::Function": "its variables are names; its code is public",
    "AWS::Lambda::LayerVersion": "its code is public",
    "AWS::Lambda::Permission": "keeps nothing",
    "AWS::S3::BucketPolicy": "keeps nothing",
    "AWS::SNS::Subscription": "an address",
    "AWS::SNS::TopicPolicy": "keeps nothing",
    "AWS::SQS::QueuePolicy": "keeps nothing",
    "AWS::StepFunctions::StateMachine": "names, counts and outcomes: links and results stay out of its data",
}

READS = {
    "dynamodb:GetItem",
    "dynamodb:UpdateItem",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
    "sns:Publish",
    "sqs:ReceiveMessage",
}
WRITES = {"s3:PutObject", "sns:Publish"}
"""What makes a store ask KMS for the caller: to open a key that is there, or for a new one."""


def resolve(value: Any, *, has_key: bool) -> Any:
    """A part of a template without its conditions, as CloudFormation sees it with a key or without."""
    if isinstance(value, list):
        return [it for it in (resolve(item, has_key=has_key) for item in value) if it != NOTHING]
    if not isinstance(value, dict):
        return value
    if (choice := value.get("Fn::If")) and choice[0] == "HasKmsKey":
        return resolve(choice[1] if has_key else choice[2], has_key=has_key)
    parts = {name: resolve(part, has_key=has_key) for name, part in value.items()}
    return {name: part for name, part in parts.items() if part != NOTHING}


def walk_resources(*, has_key: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for template in read_expanded_templates().values():
        for name, resource in template["Resources"].items():
            yield name, resolve(resource, has_key=has_key)


def look_up(properties: Any, path: str) -> Any:
    for part in path.split("/"):
        properties = properties[int(part)] if isinstance(properties, list) else properties.get(part)
        if properties is None:
            return None
    return properties


def test_every_resource_is_a_store_or_none() -> None:
    kinds = {resource["Type"] for _, resource in walk_resources(has_key=True)}
    assert kinds == STORES.keys() | NO_STORES.keys()


@pytest.mark.parametrize("has_key", [True, False])
def test_every_store_is_encrypted_by_the_key_that_is_given(has_key: bool) -> None:
    for name, resource in walk_resources(has_key=has_key):
        if resource["Type"] in STORES:
            path, otherwise = STORES[resource["Type"]]
            # CloudWatch can't publish to a topic under the account's own key.
            otherwise = None if name == "AlarmsTopic" else otherwise
            assert look_up(resource.get("Properties", {}), path) == (OWN_KEY if has_key else otherwise), name


@pytest.mark.parametrize("has_key", [True, False])
def test_every_store_says_how_it_is_encrypted(has_key: bool) -> None:
    for name, resource in walk_resources(has_key=has_key):
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::S3::Bucket":
                [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
                assert algorithm == ("aws:kms" if has_key else "AES256"), name
                assert rule.get("BucketKeyEnabled", False) == has_key
            case "AWS::SQS::Queue":
                assert properties.get("SqsManagedSseEnabled", False) != has_key, name
            case "AWS::DynamoDB::Table":
                assert properties["SSESpecification"]["SSEEnabled"]
                assert properties["SSESpecification"]["SSEType"] == "KMS"
            case "AWS::Athena::WorkGroup":
                configuration = properties["WorkGroupConfiguration"]["ResultConfiguration"]
                option = configuration["EncryptionConfiguration"]["EncryptionOption"]
                assert option == ("SSE_KMS" if has_key else "SSE_S3")


def list_roles(*, has_key: bool) -> dict[str, list[dict[str, Any]]]:
    roles = {name: it["Properties"] for name, it in walk_resources(has_key=has_key) if it["Type"] == "AWS::IAM::Role"}
    return {
        name: [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
        for name, role in roles.items()
    }


def test_a_role_may_use_the_key_for_what_it_does_and_for_no_more() -> None:
    for role, statements in list_roles(has_key=True).items():
        actions = {action for statement in statements for action in as_list(statement["Action"])}
        needed = {"kms:Decrypt"} if actions & (READS | WRITES) else set()
        needed |= {"kms:GenerateDataKey"} if actions & WRITES else set()
        assert {action for action in actions if action.startswith("kms:")} == needed, role
        for statement in statements:
            if any(action.startswith("kms:") for action in as_list(statement["Action"])):
                assert statement["Resource"] == OWN_KEY


def test_without_a_key_no_role_may_use_any() -> None:
    assert "kms:" not in json.dumps(list_roles(has_key=False))


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_key_is_named_by_its_arn(application: str) -> None:
    parameter = read_expanded_templates()[application]["Parameters"]["KmsKeyArn"]
    key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert all(re.fullmatch(parameter["AllowedPattern"], it) for it in ("", key, key.replace("/1", "/mrk-1")))
    assert not any(re.fullmatch(parameter["AllowedPattern"], it) for it in ("alias/mine", key.split("/")[1]))
    assert parameter["Default"] == ""
    assert "docs/operations.md" in parameter["Description"]
    assert "KmsKeyArn" in (ROOT / "docs" / "operations.md").read_text()
