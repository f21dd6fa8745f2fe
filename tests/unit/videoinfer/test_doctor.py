"""The doctor's conclusions; the tests on the embedded AWS show that it looks at the right things."""

import json
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.cloudformation import Evaluator
from tests.digest_story import make_notice, open_world
from tests.permissions import as_list
from tests.pipeline_stacks import UPLOAD_OPTIONS, make_stack
from tests.templates import find_resources, read_expanded_templates
from videoinfer import doctor
from videoinfer.aws_clients import AwsClients
from videoinfer.doctor import examine
from videoinfer.findings import Finding
from videoinfer.pipeline_stack import PipelineStack
from videojobs.errors import ApiRefused, ApiUnavailable
from videojobs.jobs.ledger import format_time
from videojobs.notices.pending_notices import describe_pending


class Anything:
    """Stands for every client and every stack: each attribute is the object itself."""

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


def look_at_api(monkeypatch: pytest.MonkeyPatch, answer: Exception | None) -> Finding:
    class Api:
        def __init__(self, *_arguments: Any) -> None: ...

        def check_job(self, *_arguments: Any) -> None:
            if answer:
                raise answer

    monkeypatch.setattr(doctor, "VideoInferenceApi", Api)
    secrets = Anything(get_secret_value=lambda **_secret: {"SecretString": "key"})
    stack = Anything(clients=Anything(secretsmanager=secrets), api_url="https://api", api_key_secret="s/api-key")
    [finding] = doctor._check_api(cast(PipelineStack, stack))
    return finding


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (None, "ok", "accepts the key"),
        (ApiRefused(404, "Job not found"), "ok", "accepts the key"),
        (ApiRefused(400, "job_id"), "ok", "accepts the key"),
        (ApiRefused(401, "No such key."), "problem", "does not accept the key: No such key."),
        (ApiRefused(403, "No."), "problem", "does not accept the key"),
        (ApiRefused(301, "a redirect"), "problem", "address has changed"),
        (ApiUnavailable("The Video Inference API answered 503."), "problem", "does not answer correctly"),
    ],
)
def test_an_answer_about_an_unknown_job_tells_whether_the_key_is_valid(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | None, level: str, words: str
) -> None:
    finding = look_at_api(monkeypatch, answer)

    assert finding.level == level
    assert words in finding.what
    assert (finding.level == "ok") == (finding.remedy is None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "from s3://uploads/ (the stack's own bucket, because ExistingUploadsBucket is empty)"),
        (
            {"uploads_bucket": "footage", "uploads_prefix": "cameras/", "has_existing_bucket": True},
            "from s3://footage/cameras/ (your bucket)",
        ),
    ],
)
def test_it_says_where_uploads_are_taken_from(values: dict[str, Any], words: str) -> None:
    stack = make_stack(cast(AwsClients, None), **values)
    [finding] = doctor._check_uploads_place(stack)
    assert words in finding.what


SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys/roboflow-AbC123"


@pytest.mark.parametrize(
    ("arn", "minutes", "level", "words"),
    [
        ("", 0, "ok", "has not changed since the stack was deployed"),
        ("", -1, "ok", "has not changed since the stack was deployed"),
        ("", 2, "warning", "changed after the last deployment"),
        (SECRET_ARN, 2, "ok", SECRET_ARN),
    ],
)
def test_a_key_that_has_changed_since_the_deployment_is_a_warning(
    arn: str, minutes: int, level: str, words: str
) -> None:
    written_at = datetime(2026, 11, 28, tzinfo=UTC)
    asked_for = []

    def get_secret_value(SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        asked_for.append(SecretId)
        return {"SecretString": "the-key", "CreatedDate": written_at + timedelta(minutes=minutes)}

    def describe(**_names: str) -> Mapping[str, Any]:
        return {"StackResourceDetail": {"LastUpdatedTimestamp": written_at}}

    clients = Anything(
        secretsmanager=Anything(get_secret_value=get_secret_value),
        cloudformation=Anything(describe_stack_resource=describe),
    )
    stack = Anything(clients=clients, name="s", api_key_secret="s/api-key", api_key_secret_arn=arn)

    [finding] = doctor._check_api_key(cast(PipelineStack, stack))

    assert (finding.level, words in finding.what) == (level, True)
    assert (finding.remedy is None) == (level == "ok")
    assert "the-key" not in f"{finding.what} {finding.remedy}"
    assert asked_for == ([] if arn else ["s/api-key"])


def look_at_upload_options(**parameters: Any) -> list[Finding]:
    stack = Anything(upload_options=replace(UPLOAD_OPTIONS, **parameters))
    return list(doctor._check_upload_options(cast(PipelineStack, stack)))


def test_parameters_that_reject_no_upload_are_fine() -> None:
    route = {"models": [{"model_id": "belt", "model_version": "2", "inference_type": "classification"}]}
    [finding] = look_at_upload_options(prefix_routes=json.dumps({"shop/": route, "till/": {"infer-fps": 1}}))

    assert finding == Finding(
        "ok",
        "The stack's options for uploads are valid. Not checked: whether the API has the models belt/2, hands/4.",
    )


@pytest.mark.parametrize(
    ("parameters", "problems"),
    [
        ({"prefix_routes": "{shop/:1}"}, ["PrefixRoutes: not valid JSON"]),
        ({"default_models": '["hands/4"]'}, ["DefaultModels: models: 'hands/4' is not an object"]),
        ({"default_models": "3"}, ["DefaultModels: models: a list of at least one model is needed."]),
        (
            {"prefix_routes": '{"a/": {"fps": 1}, "b/": {"infer_fps": "x"}}'},
            ["PrefixRoutes: 'a/': 'fps': there is no", "PrefixRoutes: 'b/': infer_fps: 'x' is not a number."],
        ),
    ],
)
def test_a_parameter_that_rejects_uploads_is_a_problem(parameters: dict[str, str], problems: list[str]) -> None:
    findings = look_at_upload_options(**parameters)

    assert [finding.level for finding in findings] == ["problem"] * len(problems)
    for finding, problem in zip(findings, problems, strict=True):
        assert finding.what.startswith(f"Uploads are rejected. {problem}")
        parameter = problem.partition(":")[0]
        assert finding.remedy == f"sam deploy --guided, to correct {parameter}; then videoinfer retry --failed"


def test_a_low_concurrency_quota_is_a_warning_with_the_quota_to_request() -> None:
    def settings(available: int) -> Mapping[str, Any]:
        return {"AccountLimit": {"UnreservedConcurrentExecutions": available}}

    def look(available: int) -> Finding:
        functions = Anything(get_account_settings=lambda: settings(available))
        [finding] = doctor._check_quotas(cast(PipelineStack, Anything(clients=Anything(lambda_=functions))))
        return finding

    assert look(1000).level == "ok"
    assert look(10).level == "warning"
    assert "L-B99A9384" in (look(10).remedy or "")


def test_missing_outputs_are_a_warning_with_the_command_that_makes_them() -> None:
    assert doctor._judge_outputs([]).level == "ok"
    model = {"model_id": "m", "model_version": "1", "inference_type": "object-detection"}
    options = {"models": [model], "infer_fps": 5, "input_mode": "presigned"}
    names = ("bucket", "key", "etag", "upload_id", "created_at", "deadline_at")
    item = dict.fromkeys(names, "x") | {"size_bytes": 1, "attempt": 1, "job_id": "job-1", "options": options}
    finding = doctor._judge_outputs([{**item, "failed_outputs": {"csv": "A bug."}}, item])
    assert (finding.level, finding.remedy) == ("warning", "videoinfer redeliver job-1")
    assert finding.what.endswith("lack outputs. The latest is x: csv: A bug.")
    finding = doctor._judge_outputs([{**item, "dataset_error": "No room."}])
    assert (finding.level, finding.remedy) == ("warning", "videoinfer show job-1")
    assert finding.what.endswith("lack outputs. The latest is x: dataset.zip: No room.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "Not you."}}, "SimulatePrincipalPolicy"),
            "AWS refused SimulatePrincipalPolicy: Not you. ",
        ),
        (ReadTimeoutError(endpoint_url="https://iam.amazonaws.com/"), "AWS did not answer in time at "),
    ],
)
def test_a_check_that_cannot_be_made_is_a_warning_and_the_others_are_made(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(_stack: PipelineStack) -> None:
        raise error

    refuse.__name__ = "_check_permissions"
    checks = [name for name in vars(doctor) if name.startswith("_check_")]
    for name in checks:
        monkeypatch.setattr(doctor, name, lambda _stack: iter([Finding("ok", "Fine.")]))
    monkeypatch.setattr(doctor, "_check_permissions", refuse)

    findings = list(examine(cast(PipelineStack, Anything())))

    assert len(findings) == len(checks)
    [warning] = [finding for finding in findings if finding.level == "warning"]
    assert warning.what.startswith(f"Could not check the permissions. {words}")


ROLES = "arn:aws:iam::123456789012:role/"


class DeployedTemplate:
    """CloudFormation, IAM and Lambda with a stack deployed from the template, as SAM's own translator expands it.

    Attributes:
        denied: The actions that IAM denies.
        simulated: The simulations requested from IAM: role, action, resource and context.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.template = deepcopy(read_expanded_templates()["pipeline"])
        self.parameters = parameters
        self.denied: set[str] = set()
        self.simulated: set[tuple[str, str, str, tuple[tuple[str, str], ...]]] = set()
        iam = Anything(simulate_principal_policy=self.simulate)
        lambda_ = Anything(get_function_configuration=lambda FunctionName: {"Role": ROLES + FunctionName})  # noqa: N803
        self.stack = Anything(
            clients=Anything(cloudformation=self, iam=iam, lambda_=lambda_),
            name="stack",
            state_machine_arn=PHYSICAL_IDS["AWS::StepFunctions::StateMachine"].format("VideoJobStateMachine"),
            api_key_secret_arn=parameters.get("ApiKeySecretArn", ""),
        )

    def look(self) -> list[Finding]:
        return list(doctor._check_permissions(cast(PipelineStack, self.stack)))

    def get_template(self, StackName: str, TemplateStage: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's names
        assert (StackName, TemplateStage) == ("stack", "Processed")
        return {"TemplateBody": self.template}

    def describe_stacks(self, **_names: str) -> Mapping[str, Any]:
        # CloudFormation masks parameters with NoEcho.
        values = {
            **{name: it.get("Default", "") for name, it in self.template["Parameters"].items()},
            **self.parameters,
        }
        values = {**values, "ApiKey": "****"}
        return {"Stacks": [{"Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]}]}

    def describe_stack_resource(self, LogicalResourceId: str, **_names: str) -> Mapping[str, Any]:  # noqa: N803
        return {"StackResourceDetail": {"PhysicalResourceId": LogicalResourceId}}

    def get_paginator(self, _operation: str) -> Any:
        resources = [
            {
                "LogicalResourceId": name,
                "ResourceType": it["Type"],
                "PhysicalResourceId": PHYSICAL_IDS.get(it["Type"], "{}").format(name),
            }
            for name, it in self.template["Resources"].items()
        ]
        return Anything(paginate=lambda **_names: [{"StackResourceSummaries": resources}])

    def simulate(
        self,
        PolicySourceArn: str,  # noqa: N803
        ActionNames: list[str],  # noqa: N803
        ResourceArns: list[str],  # noqa: N803
        ContextEntries: list[dict[str, Any]],  # noqa: N803
    ) -> Mapping[str, Any]:
        context = tuple((it["ContextKeyName"], *it["ContextKeyValues"]) for it in ContextEntries)
        [resource] = ResourceArns
        self.simulated |= {(PolicySourceArn, action, resource, context) for action in ActionNames}
        decide = {True: "implicitDeny", False: "allowed"}
        results = [{"EvalActionName": it, "EvalDecision": decide[it in self.denied]} for it in ActionNames]
        return {"EvaluationResults": results}


PHYSICAL_IDS = {
    "AWS::SNS::Topic": "arn:aws:sns:us-east-1:123456789012:{}",
    "AWS::SQS::Queue": "https://sqs.us-east-1.amazonaws.com/123456789012/{}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:us-east-1:123456789012:stateMachine:{}",
}

ATTRIBUTES = {
    "AWS::S3::Bucket": ("Arn", "arn:aws:s3:::{}"),
    "AWS::DynamoDB::Table": ("Arn", "arn:aws:dynamodb:us-east-1:123456789012:table/{}"),
    "AWS::SQS::Queue": ("Arn", "arn:aws:sqs:us-east-1:123456789012:{}"),
    "AWS::StepFunctions::StateMachine": ("Name", "{}"),
}
"""The values of `Fn::GetAtt`; ARNs are as in https://docs.aws.amazon.com/service-authorization/latest/reference/."""

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def work_out_grants(deployed: DeployedTemplate) -> set[tuple[str, str, str, tuple[tuple[str, str], ...]]]:
    """Every grant of the template, evaluated by cfn-lint."""
    references = {"ApiKey": "" if "ApiKeySecretArn" in deployed.parameters else "key", **deployed.parameters}
    for name, resource in deployed.template["Resources"].items():
        kind = resource["Type"]
        references[name] = PHYSICAL_IDS.get(kind, "{}").format(name)
        if kind in ATTRIBUTES:
            attribute, value = ATTRIBUTES[kind]
            references[f"{name}.{attribute}"] = value.format(name)
    evaluator, grants = Evaluator(deployed.template, references), set()
    for name in find_resources("pipeline", "AWS::Serverless::Function"):
        for policy in evaluator.evaluate(deployed.template["Resources"][f"{name}Role"]["Properties"]["Policies"]):
            for statement in policy["PolicyDocument"]["Statement"]:
                context = tuple(item for it in statement.get("Condition", {}).values() for item in it.items())
                for action in as_list(statement["Action"]):
                    for resource in as_list(statement["Resource"]):
                        arn = resource.replace("*", "x").replace("?", "x")
                        grants.add((ROLES + name, action, arn, context))
    return grants


@pytest.mark.parametrize(
    "parameters", [{}, {"KmsKeyArn": KEY_ARN}, {"ApiKeySecretArn": SECRET_ARN, "KmsKeyArn": KEY_ARN}]
)
def test_every_grant_of_the_deployed_template_is_simulated(parameters: Mapping[str, str]) -> None:
    deployed = DeployedTemplate(parameters)

    [finding] = deployed.look()

    assert finding == Finding("ok", "The functions have the permissions that they need.")
    assert deployed.simulated == work_out_grants(deployed)
    assert {role for role, *_ in deployed.simulated} == {
        ROLES + name for name in find_resources("pipeline", "AWS::Serverless::Function")
    }


def test_a_denied_action_is_a_problem_that_names_the_function() -> None:
    deployed = DeployedTemplate({})
    deployed.denied = {"states:StartExecution"}

    [finding] = deployed.look()

    assert finding.level == "problem"
    assert finding.what == (
        "CreateJobFunction may not states:StartExecution on "
        "arn:aws:states:us-east-1:123456789012:stateMachine:VideoJobStateMachine."
    )
    assert "sam deploy" in (finding.remedy or "")


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"Fn::ImportValue": "other"}, "can't read the template's Fn::ImportValue"),
        ({"Fn::GetAtt": ["NewKind", "Arn"]}, "can't tell what NewKind.Arn is"),
    ],
)
def test_a_template_that_cannot_be_read_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, resource: Any, words: str
) -> None:
    deployed = DeployedTemplate({})
    policies = deployed.template["Resources"]["CheckJobFunctionRole"]["Properties"]["Policies"]
    policies[0]["PolicyDocument"]["Statement"][0]["Resource"] = resource
    for name in [name for name in vars(doctor) if name.startswith("_check_") and name != "_check_permissions"]:
        monkeypatch.setattr(doctor, name, lambda _stack: iter([]))

    [finding] = examine(cast(PipelineStack, deployed.stack))

    assert finding.level == "warning"
    assert finding.what.startswith("Could not check the permissions. ")
    assert words in finding.what


@pytest.mark.parametrize(
    ("limit", "item", "words"),
    [
        (0, {}, "not limited"),
        (60, {}, "at most 60 requests a minute to the API, and no upload waits"),
        (60, {"polls": 3600.0}, "and no upload waits"),
        (60, {"creates": 30.0}, "and no upload waits"),
        (1200, {"creates": 1500.4}, "at most 1,200 requests a minute to the API: a new upload waits 25 min"),
        (60, {"creates": 30.0, "paused_until": 600.4}, "a new upload waits 10 min"),
    ],
)
def test_the_budget_shows_when_the_next_turn_is(limit: int, item: Mapping[str, float], words: str) -> None:
    stored = {name: {"N": str(time.time() + seconds)} for name, seconds in item.items()}
    dynamodb = Anything(get_item=lambda **_key: {"Item": stored} if item else {})
    resource = {"StackResourceDetail": {"PhysicalResourceId": "budget"}}
    cloudformation = Anything(describe_stack_resource=lambda **_resource: resource)
    clients = Anything(cloudformation=cloudformation, dynamodb=dynamodb)
    stack = Anything(clients=clients, name="stack", api_requests_per_minute=limit)
    [finding] = doctor._check_budget(cast(PipelineStack, stack))
    assert finding.level == "ok"
    assert words in finding.what


@pytest.mark.parametrize(("mode", "words"), [("each", "Each end of a job gets"), ("problems", "Only problems get")])
def test_the_doctor_says_which_notices_are_sent(mode: str, words: str) -> None:
    [finding] = doctor._check_digests(cast(PipelineStack, Anything(notices=mode)))
    assert finding.level == "ok"
    assert finding.what.startswith(words)


@pytest.mark.parametrize(
    ("minutes", "level", "words"),
    [
        ([], "ok", "0 notices wait for the next one"),
        ([1, 134], "ok", "every 60 minutes (Notices is digest); 2 notices wait for the next one"),
        ([1], "ok", "; 1 notice waits for the next one"),
        ([1, 136], "problem", "but 2 notices wait since"),
    ],
)
def test_notices_that_wait_for_more_than_two_digests_are_a_problem(minutes: list[int], level: str, words: str) -> None:
    with open_world() as world:
        table = world.pending._table
        for number, age in enumerate(minutes):
            recorded_at = format_time(datetime.now(UTC) - timedelta(minutes=age))
            table.put_item(Item=replace(describe_pending(*make_notice(number), 1), recorded_at=recorded_at).to_item())
        resource = {"StackResourceDetail": {"PhysicalResourceId": "the-resource"}}
        cloudformation = Anything(describe_stack_resource=lambda **_resource: resource)
        clients = Anything(cloudformation=cloudformation, open_table=lambda _name: table)
        stack = Anything(clients=clients, name="stack", notices="digest", digest_minutes=60)
        [finding] = doctor._check_digests(cast(PipelineStack, stack))
    assert finding.level == level
    assert words in finding.what
    assert (finding.remedy is not None) == (level == "problem")
