"""Looks a deployed pipeline over: what is well, what is not, and the command that mends it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from videoinfer.aws_errors import describe_error
from videoinfer.deployed_policies import Grant, read_grants
from videoinfer.errors import CommandError
from videoinfer.job_texts import describe_missing
from videoinfer.key_policy import find_left_out
from videoinfer.ledger_view import Item, LedgerView
from videoinfer.pipeline_stack import PipelineStack
from videojobs.api.client import VideoInferenceApi
from videojobs.api.session import open_session
from videojobs.api.statuses import classify_refusal
from videojobs.api.turns import BUDGET_ID, Turn
from videojobs.errors import ApiRefused, ApiUnavailable, InvalidOption
from videojobs.jobs.commands import name_for_command
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model, parse_json
from videojobs.notices.notices import format_duration

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceDetailTypeDef

type Level = Literal["ok", "warning", "problem"]

CONCURRENCY_MIN = 50
"""New accounts may run ten functions at once: enough for a trial, not for a bulk upload beside all else."""

SECONDS_NO_WAIT = 60
"""A turn that is nearer needs no mention."""

RECENT_JOBS = 100
"""How many of the newest jobs are looked at for outputs that are missing."""

UNANSWERED_DAYS = 35
"""How far back a bill reaches, and some more."""

_KEY_POLICY = "docs/operations.md, A key of yours, has the statement; aws kms put-key-policy sets it"

_API_KEY = "sam deploy --parameter-overrides ApiKey=YOUR_API_KEY; docs/operations.md, The API key has changed"

_WRITING = timedelta(minutes=1)
"""CloudFormation notes the time of a resource once it is written, and its clock may differ from Secrets Manager's."""

_NO_SUCH_JOB = "videoinfer-doctor"


@dataclass(frozen=True)
class Finding:
    """What one look found; `remedy` is a command, or a sentence where no command helps."""

    level: Level
    what: str
    remedy: str | None = None


def examine(stack: PipelineStack) -> Iterator[Finding]:
    """Every look, one after another. What the person's own credentials may not see is a warning of its own."""
    looks: list[Callable[[PipelineStack], Iterator[Finding]]] = [
        _look_at_stack,
        _look_at_api,
        _look_at_api_key,
        _look_at_models,
        _look_at_way_in,
        _look_at_permissions,
        _look_at_key,
        _look_at_subscriptions,
        _look_at_quotas,
        _look_at_budget,
        _look_at_queues,
        _look_at_unreported_ends,
        _look_at_jobs,
    ]
    for look in looks:
        try:
            yield from look(stack)
        except (BotoCoreError, ClientError, CommandError) as error:
            subject = look.__name__.removeprefix("_look_at_").replace("_", " ")
            words = str(error) if isinstance(error, CommandError) else describe_error(error)
            yield Finding("warning", f"Could not look at the {subject}. {words}")


def _look_at_stack(stack: PipelineStack) -> Iterator[Finding]:
    if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        yield Finding("ok", f"The stack {stack.name} is complete.")
    else:
        events = f"aws cloudformation describe-stack-events --stack-name {stack.name}"
        yield Finding("problem", f"The stack {stack.name} is {stack.status}.", events)


def _look_at_api(stack: PipelineStack) -> Iterator[Finding]:
    """Asks for a job that there is not: the refusal tells whether it is about the job or about the key."""
    key = stack.clients.secretsmanager.get_secret_value(SecretId=stack.api_key_secret)["SecretString"]
    accepted = Finding("ok", f"The API at {stack.api_url} answers and accepts the key.")
    try:
        # A single request, sent outside the stack's budget.
        VideoInferenceApi(stack.api_url, key, partial(open_session, stack.api_url)).check_job(Turn(), _NO_SUCH_JOB)
    except ApiUnavailable as unavailable:
        remedy = f"If it should: check the parameter ApiUrl ({stack.api_url}), and that it can be reached from here."
        yield Finding("problem", f"The API does not answer as it should: {unavailable}", remedy)
    except ApiRefused as refused:
        about = classify_refusal(refused.status_code)
        if about == "key":
            store = (
                f"aws secretsmanager put-secret-value --secret-id {stack.api_key_secret} --secret-string YOUR_API_KEY"
            )
            yield Finding("problem", f"The API does not accept the key: {refused.reason}", store)
        elif about == "address":
            yield Finding("problem", f"The API's address is not what it was: {refused.reason}.", "sam deploy --guided")
        else:
            yield accepted
    else:
        yield accepted


def _look_at_api_key(stack: PipelineStack) -> Iterator[Finding]:
    """Whether the stack's own secret was changed since CloudFormation wrote the parameter ApiKey to it.

    Compares times, as CloudFormation shows no parameter with NoEcho. An update that has already written the old key
    over the new one can't be seen here; the API then refuses the key.
    """
    if stack.api_key_secret_arn:
        yield Finding("ok", f"The API's key is in a secret of yours: {stack.api_key_secret_arn}.")
        return
    written_at = _describe_resource(stack, "ApiKeySecret")["LastUpdatedTimestamp"]
    changed_at = stack.clients.secretsmanager.get_secret_value(SecretId=stack.api_key_secret)["CreatedDate"]
    if changed_at - written_at > _WRITING:
        words = (
            "The API's key was changed after the last deployment. "
            "An update of the stack that touches its secret writes the parameter ApiKey's old value over it."
        )
        yield Finding("warning", words, _API_KEY)
    else:
        yield Finding("ok", "The API's key is the one that the stack was deployed with.")


def _look_at_models(stack: PipelineStack) -> Iterator[Finding]:
    try:
        models = [Model.parse(model) for model in parse_json("DefaultModels", stack.upload_options.default_models)]
    except InvalidOption as invalid:
        yield Finding("problem", f"DefaultModels can't be used: {invalid}", "sam deploy --guided")
    else:
        names = ", ".join(f"{model.model_id}/{model.model_version}" for model in models)
        yield Finding("ok", f"Videos without options of their own are looked at by {names}.")


def _look_at_way_in(stack: PipelineStack) -> Iterator[Finding]:
    """From the bucket to the queue to the function."""
    clients, redeploy = stack.clients, "sam deploy, which puts it back"
    notifications = clients.s3.get_bucket_notification_configuration(Bucket=stack.uploads_bucket)
    attributes = clients.sqs.get_queue_attributes(QueueUrl=stack.uploads_queue_url, AttributeNames=["QueueArn"])
    queue_arn = attributes["Attributes"]["QueueArn"]
    if queue_arn in (queue["QueueArn"] for queue in notifications.get("QueueConfigurations", ())):
        yield Finding("ok", "The uploads bucket announces what lands in it.")
    else:
        yield Finding("problem", "The uploads bucket does not announce what lands in it.", redeploy)
    mappings = clients.lambda_.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]
    if [mapping for mapping in mappings if mapping["State"] == "Enabled"]:
        yield Finding("ok", "The uploads queue is being read.")
    else:
        uuid = mappings[0]["UUID"] if mappings else None
        enable = f"aws lambda update-event-source-mapping --uuid {uuid} --enabled" if uuid else redeploy
        yield Finding("problem", "Nobody reads the uploads queue: uploads wait there.", enable)


def _look_at_permissions(stack: PipelineStack) -> Iterator[Finding]:
    """Asks IAM whether each function may do what the deployed template grants it.

    A policy may have been taken away by hand; a permissions boundary or the organization's policies may deny it.
    """
    find_role = cache(partial(_find_role, stack))
    lacking = [
        f"{grant.function} may not {action} on {resource}"
        for grant in read_grants(stack)
        for resource in grant.resources
        for action in _list_denied(stack, find_role(grant.function), grant, resource)
    ]
    for sentence in lacking:
        yield Finding("problem", f"{sentence}.", "sam deploy, or have a policy from outside the stack taken back")
    if not lacking:
        yield Finding("ok", "The functions may do what they have to.")


def _list_denied(stack: PipelineStack, role_arn: str, grant: Grant, resource: str) -> list[str]:
    """The grant's actions that IAM would deny on `resource`, with an x for each of its wildcards."""
    entries: Any = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in grant.context.items()
    ]
    answer = stack.clients.iam.simulate_principal_policy(
        PolicySourceArn=role_arn,
        ActionNames=list(grant.actions),
        ResourceArns=[re.sub("[*?]", "x", resource)],
        ContextEntries=entries,
    )
    return [it["EvalActionName"] for it in answer["EvaluationResults"] if it["EvalDecision"] != "allowed"]


def _look_at_key(stack: PipelineStack) -> Iterator[Finding]:
    """Whether the owner's key is usable, and its policy lets in those that no role stands for."""
    if not (arn := stack.kms_key_arn):
        yield Finding("ok", "What is stored is encrypted by AWS's own keys.")
        return
    state = stack.clients.kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        mend = "cancel-key-deletion" if state == "PendingDeletion" else "enable-key"
        words = f"The key {arn} is {state}: nothing that is stored can be read."
        yield Finding("problem", words, f"aws kms {mend} --key-id {arn}")
        return
    policy = json.loads(stack.clients.kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    left_out = find_left_out(policy, region=arn.split(":")[3], account=arn.split(":")[4])
    for who, so_what in left_out.items():
        yield Finding("problem", f"The policy of the key {arn} leaves out {who}: {so_what}.", _KEY_POLICY)
    if not left_out:
        yield Finding("ok", f"What is stored is encrypted by {arn}.")


def _find_role(stack: PipelineStack, function: str) -> str:
    name = _find_resource(stack, function)
    return stack.clients.lambda_.get_function_configuration(FunctionName=name)["Role"]


def _find_resource(stack: PipelineStack, logical_id: str) -> str:
    return _describe_resource(stack, logical_id)["PhysicalResourceId"]


def _describe_resource(stack: PipelineStack, logical_id: str) -> StackResourceDetailTypeDef:
    resource = stack.clients.cloudformation.describe_stack_resource(StackName=stack.name, LogicalResourceId=logical_id)
    return resource["StackResourceDetail"]


def _look_at_subscriptions(stack: PipelineStack) -> Iterator[Finding]:
    yield from _read_topic(stack, "Notices", stack.notices_topic_arn)
    yield from _read_topic(stack, "Alarms", stack.alarms_topic_arn)


def _read_topic(stack: PipelineStack, what: str, topic_arn: str) -> Iterator[Finding]:
    pages = stack.clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    subscribe = f"aws sns subscribe --topic-arn {topic_arn} --protocol"
    if not subscriptions:
        yield Finding("warning", f"{what} go to nobody.", f"{subscribe} email --notification-endpoint YOU@EXAMPLE.COM")
    for subscription in subscriptions:
        protocol, endpoint = subscription.get("Protocol", ""), subscription.get("Endpoint", "")
        if _is_confirmed(stack, subscription.get("SubscriptionArn", "")):
            yield Finding("ok", f"{what} go to {endpoint}.")
        else:
            again = f"{subscribe} {protocol} --notification-endpoint {endpoint}"
            confirm = f"Follow the link that AWS has sent there. If it is lost: {again}"
            yield Finding("problem", f"{what} do not go to {endpoint}: the subscription is not confirmed.", confirm)


def _is_confirmed(stack: PipelineStack, arn: str) -> bool:
    """Until it is, SNS lists most kinds of subscription with words in place of their ARN."""
    if not arn.startswith("arn:"):
        return False
    attributes = stack.clients.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return attributes.get("PendingConfirmation") != "true"


def _look_at_quotas(stack: PipelineStack) -> Iterator[Finding]:
    limit = stack.clients.lambda_.get_account_settings()["AccountLimit"]
    available = limit["UnreservedConcurrentExecutions"]
    if available >= CONCURRENCY_MIN:
        yield Finding("ok", f"The account may run {available:,} functions at once.")
    else:
        more = (
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            "--desired-value 1000"
        )
        yield Finding("warning", f"The account may run only {available} functions at once, of all its stacks.", more)


def _look_at_budget(stack: PipelineStack) -> Iterator[Finding]:
    """How many requests the API takes a minute, and how long an upload that came now would wait for its turn."""
    if not stack.api_requests_per_minute:
        yield Finding("ok", "The API is asked as often as there is something to ask (ApiRequestsPerMinute is 0).")
        return
    table = _find_resource(stack, "BudgetTable")
    item = stack.clients.dynamodb.get_item(TableName=table, Key={"id": {"S": BUDGET_ID}}).get("Item", {})
    booked = max((float(item[name]["N"]) for name in ("creates", "paused_until") if name in item), default=0.0)
    limit = f"The API is asked at most {stack.api_requests_per_minute:,} times a minute"
    if (seconds := booked - time.time()) < SECONDS_NO_WAIT:
        yield Finding("ok", f"{limit}, and no upload waits for its turn.")
    else:
        yield Finding("ok", f"{limit}: an upload that comes now has its turn in {format_duration(round(seconds))}.")


def _look_at_queues(stack: PipelineStack) -> Iterator[Finding]:
    if dead := _count_messages(stack, stack.dead_letter_queue_url):
        yield Finding(
            "problem", f"Dead letters, uploads that failed a hundred times: {dead:,}.", "videoinfer dead-letters"
        )
    else:
        yield Finding("ok", "There are no dead letters.")
    yield Finding("ok", f"Uploads that wait their turn: {_count_messages(stack, stack.uploads_queue_url):,}.")


def _look_at_unreported_ends(stack: PipelineStack) -> Iterator[Finding]:
    queues = [_find_resource(stack, name) for name in ("ExecutionEndsDeadLetterQueue", "ExecutionEndsQueue")]
    if unreported := _count_messages(stack, queues[0]):
        source, destination = (_find_queue_arn(stack, url) for url in queues)
        again = f"aws sqs start-message-move-task --source-arn {source} --destination-arn {destination}"
        words = f"Executions that ended and could not be reported, whose jobs seem to be running: {unreported:,}."
        yield Finding("problem", words, again)
    else:
        yield Finding("ok", "Every end of an execution is reported.")


def _find_queue_arn(stack: PipelineStack, url: str) -> str:
    answer = stack.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def _count_messages(stack: PipelineStack, queue_url: str) -> int:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = stack.clients.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(map(int, answer["Attributes"].values()))


def _look_at_jobs(stack: PipelineStack) -> Iterator[Finding]:
    table = LedgerView(stack.clients.dynamodb, stack.jobs_table)
    if newest := list(table.list_jobs("failed", 1)):
        [job] = newest
        words = f"Jobs have failed and were not tried again, {job['key']} the last of them: {job.get('error')}"
        yield Finding("warning", words, "videoinfer jobs --failed")
    else:
        yield Finding("ok", "No job waits to be tried again.")
    yield _judge_outputs([job for job in table.list_jobs("all", RECENT_JOBS) if job.get("failed_outputs")])
    since = datetime.now(UTC) - timedelta(days=UNANSWERED_DAYS)
    if unanswered := list(table.list_unanswered(stack.uploads_bucket, since)):
        words = (
            "The API may have made, and bill, more jobs than it told of. "
            f"Uploads in {UNANSWERED_DAYS} days: {len(unanswered):,}, {unanswered[0]['key']} the last of them."
        )
        yield Finding("warning", words, "videoinfer jobs --unanswered")
    else:
        yield Finding("ok", f"No job was asked for in {UNANSWERED_DAYS} days without an answer.")


def _judge_outputs(incomplete: Sequence[Item]) -> Finding:
    if not incomplete:
        return Finding("ok", f"No output is missing of the last {RECENT_JOBS} jobs.")
    words = f"Of the last {RECENT_JOBS} jobs {len(incomplete)} lack outputs, {incomplete[0]['key']} the last of them: "
    return Finding(
        "warning",
        words + describe_missing(incomplete[0]),
        f"videoinfer redeliver {name_for_command(Job.from_item(incomplete[0]))}",
    )
