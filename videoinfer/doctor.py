"""Checks a deployed pipeline: reports what works, what does not, and the command that fixes it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from videoinfer.api_videos import ask_extensions
from videoinfer.aws_errors import describe_error
from videoinfer.deployed_policies import Grant, read_grants
from videoinfer.errors import CommandError
from videoinfer.existing_bucket import check_existing_bucket
from videoinfer.findings import Finding
from videoinfer.job_texts import describe_missing
from videoinfer.key_policy import find_left_out
from videoinfer.ledger_view import Item
from videoinfer.listed_keys import list_key
from videoinfer.pipeline_stack import PipelineStack, describe_resource, find_resource
from videojobs.api.client import VideoInferenceApi
from videojobs.api.session import open_session
from videojobs.api.statuses import classify_refusal
from videojobs.api.turns import BUDGET_ID, Turn
from videojobs.errors import ApiRefused, ApiUnavailable, InvalidParameter
from videojobs.jobs.commands import name_for_command
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Options
from videojobs.jobs.times import format_duration
from videojobs.jobs.uploads_queue import RECEIVES_MAX
from videojobs.notices.pending_notices import PendingNotices
from videojobs.video_formats import VIDEO_EXTENSIONS

CONCURRENCY_MIN = 50
"""Below this, doctor warns. New accounts may run ten functions at once, which is enough for a trial only."""

SECONDS_NO_WAIT = 60
"""A wait shorter than this is not reported."""

RECENT_JOBS = 100
"""How many of the newest jobs are checked for missing outputs."""

UNANSWERED_DAYS = 35
"""A month's bill and a few days more."""

_KEY_POLICY = "docs/operations.md, Customer-managed KMS key, has the statement; aws kms put-key-policy sets it"

_API_KEY = "sam deploy --parameter-overrides ApiKey=YOUR_API_KEY; docs/operations.md, The API key has changed"

_WRITING = timedelta(minutes=1)
"""Tolerance: CloudFormation records a resource's time after writing it, and its clock may differ from that of Secrets
Manager."""

_NO_SUCH_JOB = "videoinfer-doctor"


def examine(stack: PipelineStack) -> Iterator[Finding]:
    """Runs every check, one after another. A check that the person's credentials do not permit is a warning."""
    checks: list[Callable[[PipelineStack], Iterator[Finding]]] = [
        _check_stack,
        _check_api,
        _check_videos,
        _check_api_key,
        _check_upload_options,
        _check_uploads_place,
        _check_upload_events,
        _check_existing_bucket,
        _check_permissions,
        _check_key,
        _check_subscriptions,
        _check_digests,
        _check_quotas,
        _check_budget,
        _check_queues,
        _check_unreported_ends,
        _check_jobs,
    ]
    for check in checks:
        try:
            yield from check(stack)
        except (BotoCoreError, ClientError, CommandError) as error:
            subject = check.__name__.removeprefix("_check_").replace("_", " ")
            words = str(error) if isinstance(error, CommandError) else describe_error(error)
            yield Finding("warning", f"Could not check the {subject}. {words}")


def _check_stack(stack: PipelineStack) -> Iterator[Finding]:
    if stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        yield Finding("ok", f"The stack {stack.name} is complete.")
    else:
        events = f"aws cloudformation describe-stack-events --stack-name {stack.name}"
        yield Finding("problem", f"The stack {stack.name} is {stack.status}.", events)


def _check_api(stack: PipelineStack) -> Iterator[Finding]:
    """Polls a job that does not exist. The API's refusal shows whether it accepts the key."""
    key = stack.clients.secretsmanager.get_secret_value(SecretId=stack.api_key_secret)["SecretString"]
    accepted = Finding("ok", f"The API at {stack.api_url} answers and accepts the key.")
    try:
        # A single request, sent outside the stack's budget.
        VideoInferenceApi(stack.api_url, key, partial(open_session, stack.api_url)).check_job(Turn(), _NO_SUCH_JOB)
    except ApiUnavailable as unavailable:
        remedy = f"Check the parameter ApiUrl ({stack.api_url}), and that this machine can reach it."
        yield Finding("problem", f"The API does not answer correctly: {unavailable}", remedy)
    except ApiRefused as refused:
        about = classify_refusal(refused.status_code)
        if about == "key":
            store = (
                f"aws secretsmanager put-secret-value --secret-id {stack.api_key_secret} --secret-string YOUR_API_KEY"
            )
            yield Finding("problem", f"The API does not accept the key: {refused.reason}", store)
        elif about == "address":
            yield Finding("problem", f"The API's address has changed: {refused.reason}.", "sam deploy --guided")
        else:
            yield accepted
    else:
        yield accepted


def _check_videos(stack: PipelineStack) -> Iterator[Finding]:
    """Reports which videos the API takes: those of its documentation, or what an API of the owner's says."""
    try:
        extensions = ", ".join(ask_extensions(stack.api_url))
    except ApiUnavailable as unavailable:
        words = f"The API does not say which videos it takes, and others than {', '.join(VIDEO_EXTENSIONS)} wait"
        yield Finding("warning", f"{words}: {unavailable}", "videoinfer doctor, once the API can be reached")
    else:
        yield Finding("ok", f"The API takes {extensions}.")


def _check_api_key(stack: PipelineStack) -> Iterator[Finding]:
    """Checks whether the stack's own secret was changed after CloudFormation wrote the parameter ApiKey to it.

    It compares times, because CloudFormation does not show NoEcho parameters. It can't detect an update that has
    already written the old key over the new one; the API then refuses the key.
    """
    if stack.api_key_secret_arn:
        yield Finding("ok", f"The API's key is in your own secret: {stack.api_key_secret_arn}.")
        return
    written_at = describe_resource(stack, "ApiKeySecret")["LastUpdatedTimestamp"]
    changed_at = stack.clients.secretsmanager.get_secret_value(SecretId=stack.api_key_secret)["CreatedDate"]
    if changed_at - written_at > _WRITING:
        words = (
            "The API's key was changed after the last deployment. "
            "A stack update that changes the secret overwrites it with the old value of the parameter ApiKey."
        )
        yield Finding("warning", words, _API_KEY)
    else:
        yield Finding("ok", "The API's key has not changed since the stack was deployed.")


def _check_upload_options(stack: PipelineStack) -> Iterator[Finding]:
    """Reads the stack's parameters like `create_job`. Only the API knows whether it has the models."""
    outcomes = list(stack.upload_options.resolve_all())
    faults = {str(fault): fault.parameter for fault in outcomes if isinstance(fault, InvalidParameter)}
    for fault, parameter in faults.items():
        remedy = f"sam deploy --guided, to correct {parameter}; then videoinfer retry --failed"
        yield Finding("problem", f"Uploads are rejected. {fault}", remedy)
    if not faults:
        options = [it for it in outcomes if isinstance(it, Options)]
        models = sorted({f"{model.model_id}/{model.model_version}" for it in options for model in it.models})
        words = "The stack's options for uploads are valid. Not checked: whether the API has the models"
        yield Finding("ok", f"{words} {', '.join(models)}.")


def _check_uploads_place(stack: PipelineStack) -> Iterator[Finding]:
    """Says where uploads are taken from: a deployment with other parameters changes it without an error."""
    place = f"s3://{stack.uploads_bucket}/{stack.uploads_prefix}"
    own = (
        "your bucket" if stack.has_existing_bucket else "the stack's own bucket, because ExistingUploadsBucket is empty"
    )
    yield Finding("ok", f"Uploads are taken from {place} ({own}). UploadExtensions is {stack.upload_extensions}.")


def _check_upload_events(stack: PipelineStack) -> Iterator[Finding]:
    """Checks the event path from the bucket through the queue to the function."""
    clients, redeploy = stack.clients, "sam deploy, which restores it"
    queue_arn = _find_queue_arn(stack, stack.uploads_queue_url)
    yield from _look_at_notifications(stack, queue_arn, redeploy)
    mappings = clients.lambda_.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]
    if [mapping for mapping in mappings if mapping["State"] == "Enabled"]:
        yield Finding("ok", "The uploads queue is read.")
    else:
        uuid = mappings[0]["UUID"] if mappings else None
        enable = f"aws lambda update-event-source-mapping --uuid {uuid} --enabled" if uuid else redeploy
        yield Finding("problem", "The uploads queue is not read: uploads wait in it.", enable)


def _look_at_notifications(stack: PipelineStack, queue_arn: str, redeploy: str) -> Iterator[Finding]:
    if stack.has_existing_bucket:
        return  # check_existing_bucket checks its events
    notifications = stack.clients.s3.get_bucket_notification_configuration(Bucket=stack.uploads_bucket)
    if queue_arn in (queue["QueueArn"] for queue in notifications.get("QueueConfigurations", ())):
        yield Finding("ok", "The uploads bucket sends an event for each upload.")
    else:
        yield Finding("problem", "The uploads bucket does not send events for uploads.", redeploy)


def _check_existing_bucket(stack: PipelineStack) -> Iterator[Finding]:
    if stack.has_existing_bucket:
        yield from check_existing_bucket(stack)


def _check_permissions(stack: PipelineStack) -> Iterator[Finding]:
    """Asks IAM whether each function has the permissions that the deployed template grants.

    A policy may have been removed by hand; a permissions boundary or the organization's policies may deny an action.
    """
    find_role = cache(partial(_find_role, stack))
    lacking = [
        f"{grant.function} may not {action} on {resource}"
        for grant in read_grants(stack)
        for resource in grant.resources
        for action in _list_denied(stack, find_role(grant.function), grant, resource)
    ]
    for sentence in lacking:
        yield Finding(
            "problem", f"{sentence}.", "sam deploy, or remove the policy from outside the stack that denies it"
        )
    if not lacking:
        yield Finding("ok", "The functions have the permissions that they need.")


def _list_denied(stack: PipelineStack, role_arn: str, grant: Grant, resource: str) -> list[str]:
    """The grant's actions that IAM would deny on `resource`. An x replaces each wildcard in it."""
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


def _check_key(stack: PipelineStack) -> Iterator[Finding]:
    """Checks that the owner's key is usable, and that its policy allows the services and the account."""
    if not (arn := stack.kms_key_arn):
        yield Finding("ok", "Stored data is encrypted with AWS's own keys.")
        return
    state = stack.clients.kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        fix = "cancel-key-deletion" if state == "PendingDeletion" else "enable-key"
        words = f"The key {arn} is {state}: stored data can't be read."
        yield Finding("problem", words, f"aws kms {fix} --key-id {arn}")
        return
    policy = json.loads(stack.clients.kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    left_out = find_left_out(policy, region=arn.split(":")[3], account=arn.split(":")[4])
    for who, so_what in left_out.items():
        yield Finding("problem", f"The policy of the key {arn} does not allow {who}: {so_what}.", _KEY_POLICY)
    if not left_out:
        yield Finding("ok", f"Stored data is encrypted with {arn}.")


def _find_role(stack: PipelineStack, function: str) -> str:
    name = find_resource(stack, function)
    return stack.clients.lambda_.get_function_configuration(FunctionName=name)["Role"]


def _check_subscriptions(stack: PipelineStack) -> Iterator[Finding]:
    yield from _read_topic(stack, "Notices", stack.notices_topic_arn)
    yield from _read_topic(stack, "Alarms", stack.alarms_topic_arn)


def _read_topic(stack: PipelineStack, what: str, topic_arn: str) -> Iterator[Finding]:
    pages = stack.clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
    subscribe = f"aws sns subscribe --topic-arn {topic_arn} --protocol"
    if not subscriptions:
        yield Finding(
            "warning", f"{what} have no subscriber.", f"{subscribe} email --notification-endpoint YOU@EXAMPLE.COM"
        )
    for subscription in subscriptions:
        protocol, endpoint = subscription.get("Protocol", ""), subscription.get("Endpoint", "")
        if _is_confirmed(stack, subscription.get("SubscriptionArn", "")):
            yield Finding("ok", f"{what} go to {endpoint}.")
        else:
            again = f"{subscribe} {protocol} --notification-endpoint {endpoint}"
            confirm = f"Follow the link that AWS sent there. To get another: {again}"
            yield Finding("problem", f"{what} do not go to {endpoint}: the subscription is not confirmed.", confirm)


def _check_digests(stack: PipelineStack) -> Iterator[Finding]:
    """Reports which notices are sent, and notices that have waited for longer than two digests."""
    if stack.notices != "digest":
        words = {"each": "Each end of a job gets a notice", "problems": "Only problems get a notice"}
        yield Finding("ok", f"{words.get(stack.notices, stack.notices)} (Notices is {stack.notices}).")
        return
    table = stack.clients.open_table(find_resource(stack, "PendingNoticesTable"))
    times = [datetime.fromisoformat(notice.recorded_at) for notice in PendingNotices(table).read()]
    minutes = "minute" if stack.digest_minutes == 1 else f"{stack.digest_minutes:,} minutes"
    every = f"A digest is sent every {minutes} (Notices is digest)"
    waiting = "1 notice waits" if len(times) == 1 else f"{len(times):,} notices wait"
    oldest = min(times, default=None)
    if oldest is None or datetime.now(UTC) - oldest < timedelta(minutes=2 * stack.digest_minutes + 15):
        yield Finding("ok", f"{every}; {waiting} for the next one.")
        return
    machine = find_resource(stack, "NoticesDigestStateMachine")
    failed = f"aws stepfunctions list-executions --status-filter FAILED --state-machine-arn {machine}"
    yield Finding("problem", f"{every}, but {waiting} since {oldest:%Y-%m-%d %H:%M} UTC.", failed)


def _is_confirmed(stack: PipelineStack, arn: str) -> bool:
    """Whether a subscription is confirmed. Until then, SNS lists most kinds with "PendingConfirmation" as ARN."""
    if not arn.startswith("arn:"):
        return False
    attributes = stack.clients.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return attributes.get("PendingConfirmation") != "true"


def _check_quotas(stack: PipelineStack) -> Iterator[Finding]:
    limit = stack.clients.lambda_.get_account_settings()["AccountLimit"]
    available = limit["UnreservedConcurrentExecutions"]
    if available >= CONCURRENCY_MIN:
        yield Finding("ok", f"The account may run {available:,} functions at once.")
    else:
        more = (
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            "--desired-value 1000"
        )
        yield Finding(
            "warning", f"The account may run only {available} functions at once, for all its stacks together.", more
        )


def _check_budget(stack: PipelineStack) -> Iterator[Finding]:
    """Reports the limit of requests a minute, and how long a new upload would wait for its turn."""
    if not stack.api_requests_per_minute:
        yield Finding("ok", "Requests to the API are not limited (ApiRequestsPerMinute is 0).")
        return
    table = find_resource(stack, "BudgetTable")
    item = stack.clients.dynamodb.get_item(TableName=table, Key={"id": {"S": BUDGET_ID}}).get("Item", {})
    booked = max((float(item[name]["N"]) for name in ("creates", "paused_until") if name in item), default=0.0)
    limit = f"The stack sends at most {stack.api_requests_per_minute:,} requests a minute to the API"
    if (seconds := booked - time.time()) < SECONDS_NO_WAIT:
        yield Finding("ok", f"{limit}, and no upload waits for its turn.")
    else:
        yield Finding("ok", f"{limit}: a new upload waits {format_duration(round(seconds))} for its turn.")


def _check_queues(stack: PipelineStack) -> Iterator[Finding]:
    if dead := _count_messages(stack, stack.dead_letter_queue_url):
        words = f"Dead letters, uploads that failed {RECEIVES_MAX} times: {dead:,}."
        yield Finding("problem", words, "videoinfer dead-letters")
    else:
        yield Finding("ok", "There are no dead letters.")
    yield Finding("ok", f"Uploads in the queue: {_count_messages(stack, stack.uploads_queue_url):,}.")


def _check_unreported_ends(stack: PipelineStack) -> Iterator[Finding]:
    queues = [find_resource(stack, name) for name in ("ExecutionEndsDeadLetterQueue", "ExecutionEndsQueue")]
    if unreported := _count_messages(stack, queues[0]):
        source, destination = (_find_queue_arn(stack, url) for url in queues)
        again = f"aws sqs start-message-move-task --source-arn {source} --destination-arn {destination}"
        words = f"Ended executions that could not be reported, so their jobs still seem to run: {unreported:,}."
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


def _check_jobs(stack: PipelineStack) -> Iterator[Finding]:
    # Imported here, because the other commands read no results.
    from videoinfer.ledger_rebuild import find_lost_job

    table = stack.ledger
    try:
        newest = list(table.list_jobs("failed", 1))
    except stack.clients.dynamodb.exceptions.ResourceNotFoundException:
        words = f"The jobs table {stack.jobs_table} does not exist, so no upload becomes a job."
        yield Finding("problem", words, "docs/operations.md, Rebuild the ledger, says how to get it back")
        return
    if lost := find_lost_job(stack):
        words = f"The ledger lacks jobs that have results, such as that of {list_key(lost.key)}."
        yield Finding("warning", words, "videoinfer rebuild-ledger --dry-run")
    if newest:
        [job] = newest
        why = f"The latest is {list_key(job['key'])}: {job.get('error')}"
        words = f"Jobs have failed, and were neither retried nor replaced. {why}"
        yield Finding("warning", words, "videoinfer jobs --failed")
    else:
        yield Finding("ok", "No failed job needs a retry.")
    yield _judge_outputs([job for job in table.list_jobs("all", RECENT_JOBS) if describe_missing(job)])
    since = datetime.now(UTC) - timedelta(days=UNANSWERED_DAYS)
    if unanswered := list(table.list_unanswered(stack.uploads_bucket, since)):
        words = (
            "The API did not answer some calls, so jobs may have been billed twice. "
            f"Uploads in {UNANSWERED_DAYS} days: {len(unanswered):,}. The latest is {list_key(unanswered[0]['key'])}."
        )
        yield Finding("warning", words, "videoinfer jobs --unanswered")
    else:
        yield Finding("ok", f"The API answered all calls that create jobs in the last {UNANSWERED_DAYS} days.")


def _judge_outputs(incomplete: Sequence[Item]) -> Finding:
    if not incomplete:
        return Finding("ok", f"The last {RECENT_JOBS} jobs have all their outputs.")
    latest = list_key(incomplete[0]["key"])
    job = name_for_command(Job.from_item(incomplete[0]))
    # A media output may be missing because the video is; the reason says whether a redelivery helps.
    remedy = f"videoinfer redeliver {job}" if incomplete[0].get("failed_outputs") else f"videoinfer show {job}"
    words = f"{len(incomplete)} of the last {RECENT_JOBS} jobs lack outputs. The latest is {latest}: "
    return Finding(
        "warning",
        words + describe_missing(incomplete[0]),
        remedy,
    )
