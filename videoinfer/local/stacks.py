"""CloudFormation stacks on the embedded AWS."""

import time
from collections.abc import Mapping

from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError

_POLL_SECONDS = 0.1
_TIMEOUT_SECONDS = 120.0


def create_stack(clients: AwsClients, name: str, *, template_url: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Creates a stack, waits until it is complete, and returns its outputs.

    Raises:
        CommandError: The stack was not complete in time, or a resource could not be created; then the message has
            CloudFormation's reason.
    """
    clients.cloudformation.create_stack(
        StackName=name,
        TemplateURL=template_url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        OnFailure="DO_NOTHING",
    )
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    [stack] = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    while stack["StackStatus"] == "CREATE_IN_PROGRESS":
        if time.monotonic() > deadline:
            raise CommandError(f"The stack {name} was not complete after {_TIMEOUT_SECONDS:g} s.")
        time.sleep(_POLL_SECONDS)
        [stack] = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise CommandError(f"The stack {name} was not created: {_find_failure_reason(clients, name)}")
    # The stack's bucket policies deny requests without TLS, and the embedded AWS has no TLS.
    for bucket in list_resources(clients, name, "AWS::S3::Bucket"):
        clients.s3.delete_bucket_policy(Bucket=bucket)
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def list_resources(clients: AwsClients, stack: str, resource_type: str) -> list[str]:
    """The physical IDs of a stack's resources of one type, for example of `AWS::S3::Bucket`."""
    resources = clients.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    return [resource["PhysicalResourceId"] for resource in resources if resource["ResourceType"] == resource_type]


def _find_failure_reason(clients: AwsClients, name: str) -> str:
    pages = clients.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    events = [event for page in pages for event in page["StackEvents"]]
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED")]
    if not failed:
        return "CloudFormation gave no reason."
    # Events come newest first, and the oldest failure causes the others.
    cause = failed[-1]
    return f"{cause.get('LogicalResourceId')}: {cause.get('ResourceStatusReason')}"
