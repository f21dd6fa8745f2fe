"""Permissions in both templates, compared with the calls that the functions make."""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.permissions import as_list, list_functions, record_calls, unwrap, walk_grants, walk_statements
from tests.stand_ins.engine import API_KEY, EngineInProcess, run_engine
from tests.stand_ins.videos import VideoSpec, make_video
from tests.templates import ROOT, find_resources, read_expanded_templates, read_template

APPLICATIONS = "pipeline", "engine"

UPLOADS = (
    "arn:${AWS::Partition}:s3:::${UploadsBucket}/* or "
    "arn:${AWS::Partition}:s3:::${ExistingUploadsBucket}/${UploadsPrefix}*"
)
"""The objects of the uploads bucket, which is the stack's or the owner's."""

# A `*` stands for a job's random id or an upload's key, in a bucket of the stack. All other stars are listed here, with
# their reason.
STARS = {
    ("xray:PutTraceSegments", "*"): "X-Ray's two actions know no resources",
    ("xray:PutTelemetryRecords", "*"): "X-Ray's two actions know no resources",
    (
        "states:DescribeExecution",
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-inference-job*",
    ): "the executions of the state machine's own map, whose names come with them",
    (
        "states:DescribeExecution",
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${VideoJobStateMachine.Name}:*",
    ): "the executions of the pipeline's state machine, one a job",
    (
        "states:GetExecutionHistory",
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:videoinfer-digest-${ShareApi}:*",
    ): "the executions of the state machine that sends digests, one a digest",
    (
        "states:StopExecution",
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-inference-job*",
    ): "the executions of the state machine's own map, whose names come with them",
}
STARS |= {
    (f"logs:{action}", "*"): "CloudWatch Logs' actions for log delivery know no resources"
    for action in (
        "CreateLogDelivery",
        "GetLogDelivery",
        "UpdateLogDelivery",
        "DeleteLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "DescribeResourcePolicies",
        "DescribeLogGroups",
    )
}
MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole": "SAM adds it for logs, to any group",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess": "SAM adds it for traces: X-Ray's actions know no resources",
}
"""AWS managed policies that roles may have, which contain stars of their own."""

RARE = {
    "s3:AbortMultipartUpload": "an upload that failed half way is given up",
    "s3:ListBucket": "without it S3 answers 403 instead of 404 for what is not there",
    "s3:ListBucketVersions": "the function lists an object's versions if it may not read one",
    "kms:Decrypt": "S3 and the other stores call it for the function, if there is a key",
    "kms:GenerateDataKey": "S3 and the other stores call it for the function, if there is a key",
    "logs:CreateLogStream": "Lambda's runtime calls it",
    "logs:PutLogEvents": "Lambda's runtime calls it",
    "xray:PutTraceSegments": "Lambda's runtime calls it",
    "xray:PutTelemetryRecords": "Lambda's runtime calls it",
}
"""Granted actions that a successful job doesn't call.

Moto checks no permissions, so it doesn't show those that AWS needs implicitly, such as on whole buckets.
"""


def list_roles() -> list[tuple[str, str]]:
    machines = [(it, name) for it in APPLICATIONS for name in find_resources(it, "AWS::Serverless::StateMachine")]
    return machines + [(it, name) for it in APPLICATIONS for name in list_functions(it).values()]


def is_bucket_part(resource: str) -> bool:
    return "Bucket.Arn}/" in resource or resource == UPLOADS


@pytest.mark.parametrize(("application", "name"), list_roles())
def test_no_star_without_a_reason(application: str, name: str) -> None:
    for action, resource in walk_grants(application, name):
        assert "*" not in action
        if "*" in resource and not is_bucket_part(resource):
            assert (action, resource) in STARS


@pytest.mark.parametrize(("application", "name"), list_roles())
def test_statements_only_allow_named_actions_on_named_resources(application: str, name: str) -> None:
    statements = list(walk_statements(application, name))
    assert statements
    for statement in statements:
        # NotAction and NotResource are not allowed.
        assert statement.keys() <= {"Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Allow"


@pytest.mark.parametrize("application", APPLICATIONS)
def test_no_function_has_a_managed_or_a_shared_role(application: str) -> None:
    roles = []
    for function in find_resources(application, "AWS::Serverless::Function").values():
        properties = function["Properties"]
        assert ("Role" in properties) != ("Policies" in properties)
        if "Role" in properties:
            roles.append(properties["Role"]["Fn::GetAtt"][0])
        else:
            assert all(isinstance(policy, dict) and "Statement" in policy for policy in properties["Policies"])
    assert len(roles) == len(set(roles))


def list_expanded_roles() -> dict[str, tuple[str, dict[str, Any]]]:
    """The application and role of each function and state machine, as CloudFormation gets them."""
    roles = {}
    for application, template in read_expanded_templates().items():
        for name, resource in template["Resources"].items():
            role = {"AWS::Lambda::Function": "Role", "AWS::StepFunctions::StateMachine": "RoleArn"}.get(
                resource["Type"]
            )
            if role:
                logical_id = resource["Properties"][role]["Fn::GetAtt"][0]
                roles[f"{application} {name}"] = application, template["Resources"][logical_id]["Properties"]
    return roles


def test_the_transform_adds_no_permission_without_a_reason() -> None:
    """So the roles are what all other tests read in the templates."""
    roles = list_expanded_roles()
    assert set(roles) == {f"{application} {name}" for application, name in list_roles()}
    for of, (application, role) in roles.items():
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        assert as_list(trust["Action"]) == ["sts:AssumeRole"]
        [service] = as_list(trust["Principal"]["Service"])
        assert service == ("states.amazonaws.com" if "StateMachine" in of else "lambda.amazonaws.com")
        wrapped = [it for policy in role["Policies"] for it in policy["PolicyDocument"]["Statement"]]
        statements = [it for statement in wrapped for it in unwrap(statement)]
        assert statements == list(walk_statements(application, of.split()[1])), of
        assert set(role.get("ManagedPolicyArns", ())) <= MANAGED.keys(), of


def find_rule_roles(template: dict[str, Any]) -> dict[str, Any]:
    """The roles with which EventBridge calls the targets of rules, and those targets."""
    rules = [it for it in template["Resources"].values() if it["Type"] == "AWS::Events::Rule"]
    targets = [target for rule in rules for target in rule["Properties"]["Targets"] if "RoleArn" in target]
    return {target["RoleArn"]["Fn::GetAtt"][0]: target["Arn"] for target in targets}


def test_every_role_in_the_expanded_templates_belongs_to_one_function_state_machine_or_rule() -> None:
    for application, template in read_expanded_templates().items():
        roles = {name for name, resource in template["Resources"].items() if resource["Type"] == "AWS::IAM::Role"}
        of_rules = find_rule_roles(template)
        assert len(roles - of_rules.keys()) == len([of for of in list_expanded_roles() if of.startswith(application)])
        for name, target in of_rules.items():
            role = template["Resources"][name]["Properties"]
            [trust] = role["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"] == {"Service": ["events.amazonaws.com"]}
            [statement] = [it for policy in role["Policies"] for it in policy["PolicyDocument"]["Statement"]]
            assert statement == {"Effect": "Allow", "Action": "states:StartExecution", "Resource": target}
            assert "ManagedPolicyArns" not in role
        # The templates create nothing else that grants permissions: no users, groups or attached policies.
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert {kind for kind in kinds if kind.startswith("AWS::IAM::")} == {"AWS::IAM::Role"}


@pytest.mark.parametrize("application", APPLICATIONS)
def test_buckets_are_encrypted_private_and_require_tls(application: str) -> None:
    resources = read_template(application)["Resources"]
    buckets = find_resources(application, "AWS::S3::Bucket")
    policies = [policy["Properties"] for policy in find_resources(application, "AWS::S3::BucketPolicy").values()]
    assert len(buckets) == 2  # one for input, and one for output or the engine's models: never one bucket for both
    for name in buckets:
        properties = resources[name]["Properties"]
        assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        [policy] = [policy for policy in policies if policy["Bucket"] == {"Ref": name}]
        assert any(
            statement["Effect"] == "Deny"
            and statement["Action"] == "s3:*"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy["PolicyDocument"]["Statement"]
        )
        assert all(statement["Effect"] == "Deny" for statement in policy["PolicyDocument"]["Statement"])


def test_only_named_principals_may_publish_to_topics() -> None:
    """SNS's default policy, which a topic without a policy gets, lets every role of the account publish."""
    policies = find_resources("pipeline", "AWS::SNS::TopicPolicy").values()
    allowed = {
        policy["Properties"]["Topics"][0]["Ref"]: policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in policies
    }
    assert set(allowed) == set(find_resources("pipeline", "AWS::SNS::Topic"))
    [notices], [alarms] = allowed["NoticesTopic"], allowed["AlarmsTopic"]
    # A policy that names the account delegates to the roles' own policies.
    assert notices["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.slow
def test_the_engine_uses_all_of_its_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `EngineInProcess.invoke` checks in every test that it calls nothing else.
    called = defaultdict[str, set[str]](set)
    invoke = EngineInProcess.invoke

    def invoke_recorded(engine: EngineInProcess, function: str, event: Any) -> Any:
        with record_calls() as actions:
            answer = invoke(engine, function, event)
        called[function] |= actions
        return answer

    monkeypatch.setattr(EngineInProcess, "invoke", invoke_recorded)
    with run_engine(tmp_path) as engine:
        # The engine then records when a job was polled.
        engine = replace(engine, environment={**engine.environment, "POLL_SECONDS_MIN": "60"})
        job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=24))))
        engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
        engine.run_job(job_id)
        status, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    assert status == 200
    assert answer["output_signed_url"]
    for function, name in list_functions("engine").items():
        granted = {action for action, _ in walk_grants("engine", name)}
        # For a video at another server's URL: the video is stored where uploads are, and its URL is deleted. S3 copies
        # a version of an object that AllowedBuckets has. The workers of a long video are called.
        others = {"s3:PutObject", "dynamodb:UpdateItem", "s3:GetObjectVersion", "lambda:InvokeFunction"}
        others = others if function == "fetch_video" else set()
        assert granted - called[function] - RARE.keys() - others == set(), function


@pytest.mark.parametrize("document", ["SECURITY.md", "docs/aws.md"])
def test_a_document_names_tests_that_exist(document: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / document).read_text())
    assert len(named) > 10
    for path, test in named:
        assert not test or f"def {test}(" in (ROOT / path).read_text()
        assert (ROOT / path).exists()
