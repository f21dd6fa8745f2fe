"""Checks an uploads bucket that is the owner's, not the stack's. The stack may read it and changes nothing about it."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from videoinfer.findings import Finding
from videoinfer.pipeline_stack import PipelineStack, find_resource
from videojobs.errors import InvalidParameter
from videojobs.jobs.options import parse_routes
from videojobs.s3_errors import is_denied, is_missing

_VERSIONING = "docs/operations.md, An existing bucket, says what can't be known without versioning"


def compose_eventbridge_command(bucket: str) -> str:
    """The command that makes a bucket send its events to EventBridge and keeps its other notifications.

    S3 replaces a bucket's whole configuration:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    So the command reads it first and stops if that fails.
    """
    get = f"aws s3api get-bucket-notification-configuration --bucket {bucket} --output json"
    add = """--query 'merge(@, `{"EventBridgeConfiguration": {}}`)'"""
    put = f'aws s3api put-bucket-notification-configuration --bucket {bucket} --notification-configuration "$all"'
    return f"all=$({get} {add}) && {put}"


def check_existing_bucket(stack: PipelineStack) -> Iterator[Finding]:
    """Checks that the bucket sends events, in the stack's region, and is not one for results.

    Raises:
        ClientError: AWS does not allow the person to look at something else than the bucket.
    """
    bucket = stack.uploads_bucket
    yield from _check_home(stack)
    try:
        configuration = stack.clients.s3.get_bucket_notification_configuration(Bucket=bucket)
    except ClientError as error:
        if is_missing(error):
            return  # _check_home has said so
        if not is_denied(error):
            raise
        words = (
            f"You may not see whether {bucket} sends events to EventBridge (s3:GetBucketNotification). If it does not:"
        )
        yield Finding("warning", words, compose_eventbridge_command(bucket))
    else:
        if "EventBridgeConfiguration" in configuration:
            yield Finding("ok", f"The bucket {bucket} sends its events to EventBridge.")
        else:
            words = f"The bucket {bucket} does not send its events to EventBridge, so no upload becomes a job."
            yield Finding("problem", words, compose_eventbridge_command(bucket))
    yield from _check_rule(stack)
    yield from _check_versioning(stack)
    yield from _check_routes(stack)


def _check_home(stack: PipelineStack) -> Iterator[Finding]:
    """Checks that the bucket exists, where it is, and which stack has made it."""
    bucket, region = stack.uploads_bucket, stack.clients.s3.meta.region_name
    try:
        home = stack.clients.s3.head_bucket(Bucket=bucket).get("BucketRegion", region)
    except ClientError as error:
        if not is_missing(error):
            raise
        yield Finding("problem", f"The bucket {bucket} does not exist (ExistingUploadsBucket).", "sam deploy --guided")
        return
    if home != region:
        words = f"The bucket {bucket} is in {home}. Its events do not reach the stack, which is in {region}."
        yield Finding("problem", words, f"Deploy a stack in {home}")
    if owner := _find_results_owner(stack):
        words = (
            f"The bucket {bucket} holds the results of the stack {owner}: its annotated videos would become jobs. "
            "The stack ignores its own results, but not those of other stacks."
        )
        yield Finding("problem", words, "sam deploy --guided, to set ExistingUploadsBucket to another bucket")


def _find_results_owner(stack: PipelineStack) -> str | None:
    """The stack that has made the bucket for its results, or None."""
    bucket = stack.uploads_bucket
    if bucket == stack.results_bucket:
        return stack.name
    try:
        found = stack.clients.cloudformation.describe_stack_resources(PhysicalResourceId=bucket)["StackResources"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None  # no stack has made it
        raise
    return next((it.get("StackName") for it in found if it["LogicalResourceId"] == "ResultsBucket"), None)


def _check_rule(stack: PipelineStack) -> Iterator[Finding]:
    name = find_resource(stack, "ExistingBucketRule").rpartition("/")[2].rpartition("|")[2]
    if stack.clients.events.describe_rule(Name=name)["State"] == "DISABLED":
        words = "The rule that brings the bucket's events is disabled, so no upload becomes a job."
        yield Finding("problem", words, f"aws events enable-rule --name {name}")


def _check_versioning(stack: PipelineStack) -> Iterator[Finding]:
    status = stack.clients.s3.get_bucket_versioning(Bucket=stack.uploads_bucket).get("Status")
    if status != "Enabled":
        words = f"The bucket {stack.uploads_bucket} has no versioning: a video that is replaced can't be read any more."
        yield Finding("ok", f"{words} {_VERSIONING}.")


def _check_routes(stack: PipelineStack) -> Iterator[Finding]:
    """Reports routes that match no upload."""
    try:
        routes = parse_routes(stack.upload_options.prefix_routes)
    except InvalidParameter:
        return  # another check reports it
    place = stack.uploads_prefix
    for prefix in routes:
        if not (prefix.startswith(place) or place.startswith(prefix)):
            words = f"The route {prefix!r} in PrefixRoutes matches no upload, because UploadsPrefix is {place!r}."
            yield Finding("warning", words, "sam deploy --guided, to correct PrefixRoutes or UploadsPrefix")
