"""The permissions that the templates grant each function, and the actions it calls.

`python -m tests.permissions` prints the permissions.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.signers import RequestSigner

from tests.templates import find_resources, read_template

_PREFIXES = {"stepfunctions": "states"}

# Actions whose name differs from the operation's: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
# and https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
_ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:CopyObject": "s3:PutObject",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:UploadPartCopy": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}

_TRANSACTED = {"ConditionCheck": "ConditionCheckItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}

_OF_A_VERSION = {"s3:GetObject": "s3:GetObjectVersion"}


def list_functions(application: str) -> dict[str, str]:
    """Logical ids of functions by the name of the folder that holds their code."""
    functions = find_resources(application, "AWS::Serverless::Function")
    return {function["Properties"]["CodeUri"].strip("/").split("/")[-1]: name for name, function in functions.items()}


def walk_statements(application: str, logical_id: str) -> Iterator[dict[str, Any]]:
    """Yields the statements of a function's or a state machine's own role, including those that depend on
    a parameter.
    """
    resources = read_template(application)["Resources"]
    properties = resources[logical_id]["Properties"]
    if "Role" in properties:
        role = resources[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        policies = [policy["PolicyDocument"] for policy in role["Policies"]]
    else:
        policies = properties.get("Policies", [])
    for policy in policies:
        for statement in policy["Statement"]:
            yield from unwrap(statement)


def unwrap(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the statements that a statement which depends on a parameter may be."""
    _, *statements = statement.get("Fn::If", (None, statement))
    for it in statements:
        if it != {"Ref": "AWS::NoValue"}:
            yield it


def walk_grants(application: str, logical_id: str) -> Iterator[tuple[str, str]]:
    """Yields each allowed action with each resource, as the template writes it."""
    for statement in walk_statements(application, logical_id):
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield action, write_arn(resource)


def as_list(value: Any) -> list[Any]:
    """Wraps a single value in a list, as IAM allows either: a string or a list of strings."""
    return value if isinstance(value, list) else [value]


def write_arn(resource: Any) -> str:
    """Writes a resource of a policy as text, with `${…}` for what CloudFormation fills in."""
    match resource:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return f"${{{name}.Arn}}"
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Sub": str(arn)}:
            return arn
        case {"Fn::Split": [",", {"Ref": str(name)}]}:
            return f"each of ${{{name}}}"
        case {"Fn::If": [_, first, second]}:
            return f"{write_arn(first)} or {write_arn(second)}"
    return str(resource)


@contextmanager
def record_calls() -> Iterator[set[str]]:
    """Collects the actions needed for every call, and every signed URL, that is made until the block ends."""
    actions, lock = set[str](), threading.Lock()
    make_call, sign_url = BaseClient._make_api_call, RequestSigner.generate_presigned_url  # type: ignore[attr-defined]

    def note(service: str, operation: str, *, of_a_version: bool) -> None:
        name = f"{_PREFIXES.get(service, service)}:{operation}"
        action = _ACTIONS.get(name, name)
        with lock:
            actions.add(_OF_A_VERSION[action] if of_a_version else action)

    def make_and_note(client: Any, operation: str, parameters: Any) -> Any:
        # A transaction has no action of its own: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        for part in parameters["TransactItems"] if operation == "TransactWriteItems" else ({operation: ...},):
            [name] = part
            operation_name = _TRANSACTED.get(name, name)
            note(client.meta.service_model.service_name, operation_name, of_a_version=bool(parameters.get("VersionId")))
            # A copy also reads: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
            if source := parameters.get("CopySource"):
                note("s3", "GetObject", of_a_version="VersionId" in source)
        return make_call(client, operation, parameters)

    def sign_and_note(signer: Any, request_dict: Any, **options: Any) -> Any:
        note(signer.signing_name, options["operation_name"], of_a_version="versionId=" in request_dict["url"])
        return sign_url(signer, request_dict, **options)

    with (
        patch.object(BaseClient, "_make_api_call", make_and_note),
        patch.object(RequestSigner, "generate_presigned_url", sign_and_note),
    ):
        yield actions


@contextmanager
def only_what_is_granted(application: str, function: str) -> Iterator[set[str]]:
    """Fails after a block in which a function called an action that its role does not allow.

    Raises:
        AssertionError: It names the actions.
    """
    with record_calls() as actions:
        yield actions
    granted = {action for action, _ in walk_grants(application, list_functions(application)[function])}
    assert actions <= granted, f"{function} may not {sorted(actions - granted)}"


def main() -> None:
    """Prints one table per application, in Markdown."""
    for application in ("pipeline", "engine"):
        machines = find_resources(application, "AWS::Serverless::StateMachine")
        print(f"| {application} | action | resource |\n|---|---|---|")  # noqa: T201
        for name in (*list_functions(application).values(), *machines):
            for action, resource in walk_grants(application, name):
                print(f"| {name} | {action} | {resource} |")  # noqa: T201
        print()  # noqa: T201


if __name__ == "__main__":
    main()
