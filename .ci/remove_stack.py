"""`remove_stack.py STACK`: removes a stack that was made for a test, with the buckets and tables that it would keep.

`sam delete` removes the stack and the code that `sam deploy` uploaded for it. What the template retains
(`DeletionPolicy`) is emptied and removed after that, all versions of all objects. Nothing of it can be had back, so it
takes no stack of another name than CI's.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

PREFIX = "videoinfer-ci-"

SAM = Path(__file__).resolve().parent.parent / ".venv-sam" / "bin" / "sam"

_GONE = {"NoSuchBucket", "ResourceNotFoundException"}


def main() -> None:
    [stack] = sys.argv[1:]
    if not stack.startswith(PREFIX):
        sys.exit(f"{stack} is not of CI, whose stacks are called {PREFIX}…")
    session = boto3.Session()
    kept = find_kept(session, stack)
    subprocess.run([SAM, "delete", "--no-prompts", "--stack-name", stack, "--region", session.region_name], check=True)
    for kind, name in kept:
        remove(session, kind, name)


def find_kept(session: Any, stack: str) -> list[tuple[str, str]]:
    """The kind and name of each bucket and table of the stack; none if there is no such stack."""
    pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    try:
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return []
        raise
    return [
        (resource["ResourceType"], resource["PhysicalResourceId"])
        for resource in resources
        if resource["ResourceType"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table")
        and resource.get("PhysicalResourceId")
    ]


def remove(session: Any, kind: str, name: str) -> None:
    """Removes a bucket with all its versions, or a table; nothing if CloudFormation has removed it already."""
    try:
        if kind == "AWS::S3::Bucket":
            bucket = session.resource("s3").Bucket(name)
            errors = [error for answer in bucket.object_versions.delete() for error in answer.get("Errors", [])]
            if errors:
                sys.exit(f"{name} keeps {len(errors)} objects: {errors[0].get('Message')}")
            bucket.delete()
        else:
            session.client("dynamodb").delete_table(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise


if __name__ == "__main__":
    main()
