"""Everything stored is encrypted, with the owner's key if there is one; read from both expanded templates."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.key_policy import read_documented_policy
from tests.permissions import as_list, unwrap
from tests.templates import ROOT, read_expanded_templates
from videoinfer.key_policy import find_left_out

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
"""The property that names each store's key, and its value if the owner gives no key."""

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
    "AWS::Lambda::EventInvokeConfig": "keeps calls without secrets for a minute",
    "AWS::Lambda::EventSourceMapping": "keeps nothing",
    "AWS::Lambda::Function": "its variables are names; its code is public",
    "AWS::Lambda::LayerVersion": "its code is public",
    "AWS::Lambda::Permission": "keeps nothing",
    "AWS::S3::BucketPolicy": "keeps nothing",
    "AWS::SNS::Subscription": "an address",
    "AWS::SSM::Parameter": "a parameter of the stack, which CloudFormation stores as well",
    "AWS::SNS::TopicPolicy": "keeps nothing",
    "AWS::SQS::QueuePolicy": "keeps nothing",
    "AWS::StepFunctions::StateMachine": "names, counts and outcomes; of links only those in digests",
}

DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html"
EVENTBRIDGE = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html#eb-sqs-encrypted"
LOGS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"
S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"
S3_EVENTS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"
S3_LIST_PARTS = "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html"
S3_PARTS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html"
SECRETS = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html"
SNS = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"

DECRYPT, DECRYPT_AND_GENERATE = {"kms:Decrypt"}, {"kms:Decrypt", "kms:GenerateDataKey"}

NEEDS: dict[str, tuple[set[str], str]] = {
    "dynamodb:ConditionCheckItem": (DECRYPT, DYNAMODB),
    "dynamodb:DeleteItem": (DECRYPT, DYNAMODB),
    "dynamodb:GetItem": (DECRYPT, DYNAMODB),
    "dynamodb:PutItem": (DECRYPT, DYNAMODB),
    "dynamodb:Query": (DECRYPT, DYNAMODB),
    "dynamodb:UpdateItem": (DECRYPT, DYNAMODB),
    "s3:GetObject": (DECRYPT, S3),
    "s3:GetObjectVersion": (DECRYPT, S3),
    "s3:ListMultipartUploadParts": (DECRYPT, S3_LIST_PARTS),
    "s3:PutObject": (DECRYPT_AND_GENERATE, S3_PARTS),
    "secretsmanager:GetSecretValue": (DECRYPT, SECRETS),
    "sns:Publish": (DECRYPT_AND_GENERATE, SNS),
    "sqs:ReceiveMessage": (DECRYPT, SQS),
}
"""The permissions on the key that each action of a role needs, and AWS's source."""

NEEDS_NOTHING = {
    "events:PutEvents",
    "lambda:InvokeFunction",
    "logs:CreateLogDelivery",
    "logs:CreateLogStream",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutLogEvents",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "s3:AbortMultipartUpload",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "ssm:GetParameter",
    "states:DescribeExecution",
    "states:GetExecutionHistory",
    "states:StartExecution",
    "states:StopExecution",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""Actions on nothing that the key encrypts. CloudWatch Logs encrypts log groups by itself, not on
behalf of its caller.
"""

REGION, ACCOUNT = "eu-central-1", "123456789012"

SERVICES: dict[str, tuple[set[str], set[str], str]] = {
    "cloudwatch.amazonaws.com": ({"kms:Decrypt", "kms:GenerateDataKey*"}, set(), SNS),
    "events.amazonaws.com": ({"kms:Decrypt", "kms:GenerateDataKey"}, set(), EVENTBRIDGE),
    f"logs.{REGION}.amazonaws.com": (
        {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"},
        {"kms:EncryptionContext:aws:logs:arn"},
        LOGS,
    ),
    "s3.amazonaws.com": ({"kms:Decrypt", "kms:GenerateDataKey"}, {"aws:SourceAccount"}, S3_EVENTS),
}
"""Services that use the key by themselves: their actions, their documented condition keys, and the source.

CloudWatch and EventBridge document no condition keys for key policies, and a condition that they don't meet would
silence alarms; the policies of the topic and the queue restrict on whose behalf they act. S3's are in SQS's guide.
"""


ATHENA = "https://docs.aws.amazon.com/athena/latest/ug/encryption.html"
REDRIVE = (
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
    "sqs-configure-dead-letter-queue-redrive.html"
)

DOCUMENTED: dict[str, tuple[set[str], str]] = {
    "S3": ({"kms:Decrypt", "kms:GenerateDataKey"}, S3_EVENTS),
    "CloudWatch": ({"kms:Decrypt", "kms:GenerateDataKey*"}, SNS),
    "EventBridge": ({"kms:Decrypt", "kms:GenerateDataKey"}, EVENTBRIDGE),
    "CloudWatch Logs": (
        {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"},
        LOGS,
    ),
    "people who deploy": (
        {
            "kms:DescribeKey",
            "kms:CreateGrant",
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
        },
        DYNAMODB,
    ),
    "people who upload": ({"kms:Decrypt", "kms:GenerateDataKey"}, S3_PARTS),
    "people who read results": ({"kms:Decrypt"}, S3),
    "people who query Athena": ({"kms:Decrypt", "kms:GenerateDataKey"}, ATHENA),
    "people who run `videoinfer` or change a secret": ({"kms:Decrypt", "kms:GenerateDataKey"}, REDRIVE),
}
"""What AWS's documentation requires: the actions by user of the key, and the source."""


def resolve(value: Any, *, has_key: bool) -> Any:
    """Resolves a part of a template's conditions as CloudFormation does with a key or without one."""
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


@pytest.mark.slow
def test_every_resource_type_is_known_to_store_data_or_not() -> None:
    kinds = {resource["Type"] for _, resource in walk_resources(has_key=True)}
    assert kinds == STORES.keys() | NO_STORES.keys()


@pytest.mark.parametrize("has_key", [True, False])
def test_every_store_is_encrypted_with_the_given_key(has_key: bool) -> None:
    for name, resource in walk_resources(has_key=has_key):
        if resource["Type"] in STORES:
            path, otherwise = STORES[resource["Type"]]
            # CloudWatch can't publish to a topic encrypted with the AWS managed key.
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
        name: [
            it
            for policy in role["Policies"]
            for wrapped in policy["PolicyDocument"]["Statement"]
            for it in unwrap(wrapped)
        ]
        for name, role in roles.items()
    }


def list_actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in as_list(statement["Action"])}


def test_the_key_permissions_of_every_action_are_known() -> None:
    actions = set[str]().union(*map(list_actions, list_roles(has_key=False).values()))
    assert actions <= NEEDS.keys() | NEEDS_NOTHING, actions - (NEEDS.keys() | NEEDS_NOTHING)
    assert not NEEDS.keys() & NEEDS_NOTHING
    assert NEEDS.keys() <= actions


def test_a_role_may_use_the_key_only_for_its_actions() -> None:
    for role, statements in list_roles(has_key=True).items():
        actions = list_actions(statements)
        needed = set[str]().union(*(NEEDS[action][0] for action in actions & NEEDS.keys()))
        assert {action for action in actions if action.startswith("kms:")} == needed, role
        for statement in statements:
            if any(action.startswith("kms:") for action in as_list(statement["Action"])):
                assert statement["Resource"] == OWN_KEY


def test_the_documented_policy_admits_each_service_for_its_actions() -> None:
    policy = json.loads(read_documented_policy(region=REGION, account=ACCOUNT))
    let_in = {
        service: (
            set(as_list(statement["Action"])),
            {key for it in statement.get("Condition", {}).values() for key in it},
        )
        for statement in policy["Statement"]
        for service in as_list(statement["Principal"].get("Service", []))
    }
    assert let_in == {service: (actions, conditions) for service, (actions, conditions, _) in SERVICES.items()}


def test_the_operations_document_grants_what_aws_requires_and_cites_it() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().split("## Customer-managed KMS key")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]* \| (.+) \|$", section, flags=re.MULTILINE)
    documented = {who: (set(re.findall(r"`(kms:[^`]+)`", needs)), source) for who, needs, source in rows}
    for who, (needs, source) in DOCUMENTED.items():
        assert documented[who][0] == needs, who
        assert f"({source})" in documented[who][1], who


def test_the_doctor_checks_the_same_services() -> None:
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}]}
    assert find_left_out(policy, region=REGION, account=ACCOUNT).keys() == SERVICES.keys()


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
