"""What doctor says about an uploads bucket that is the owner's, and the command that turns on its events."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.pipeline_stacks import UPLOAD_OPTIONS, make_stack
from videoinfer.existing_bucket import check_existing_bucket, compose_eventbridge_command
from videoinfer.findings import Finding

EVENTBRIDGE: dict[str, Any] = {"EventBridgeConfiguration": {}}


class Answers:
    """A client that answers each operation with what it is given, or raises it."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, operation: str) -> Any:
        def answer(**_parameters: Any) -> Any:
            found = self._answers[operation]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def refuse(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "No."}}, "Operation")


def check(*, routes: str = "{}", prefix: str = "cameras/", **answers: Any) -> list[Finding]:
    """The findings that are not ok. Without `answers`, everything is."""
    usual = {
        "head_bucket": {"BucketRegion": "us-east-1"},
        "get_bucket_notification_configuration": EVENTBRIDGE,
        "get_bucket_versioning": {"Status": "Enabled"},
        "describe_stack_resources": refuse("ValidationError"),
        "describe_stack_resource": {"StackResourceDetail": {"PhysicalResourceId": "videoinfer-ExistingBucketRule-1A"}},
        "describe_rule": {"State": "ENABLED"},
    }
    client: Any = Answers(**{**usual, **answers})
    client.meta = type("Meta", (), {"region_name": "us-east-1"})
    clients: Any = type("Clients", (), {"s3": client, "events": client, "cloudformation": client})
    options = UPLOAD_OPTIONS.__class__(**{**vars(UPLOAD_OPTIONS), "prefix_routes": routes})
    stack = make_stack(
        clients, uploads_bucket="footage", has_existing_bucket=True, uploads_prefix=prefix, upload_options=options
    )
    return [it for it in check_existing_bucket(stack) if it.level != "ok"]


def test_a_bucket_that_sends_its_events_is_fine() -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("answers", "level", "words"),
    [
        ({"get_bucket_notification_configuration": {}}, "problem", "does not send its events to EventBridge"),
        (
            {"get_bucket_notification_configuration": refuse("AccessDenied")},
            "warning",
            "You may not see whether footage sends events",
        ),
        ({"head_bucket": {"BucketRegion": "eu-west-1"}}, "problem", "is in eu-west-1"),
        ({"describe_rule": {"State": "DISABLED"}}, "problem", "is disabled"),
        (
            {
                "describe_stack_resources": {
                    "StackResources": [{"StackName": "b", "LogicalResourceId": "ResultsBucket"}]
                }
            },
            "problem",
            "holds the results of the stack b",
        ),
        ({"routes": '{"yard/": {}, "cameras/1/": {}, "": {}}'}, "warning", "'yard/' in PrefixRoutes matches no upload"),
    ],
)
def test_what_is_wrong_is_said(answers: dict[str, Any], level: str, words: str) -> None:
    [finding] = check(**answers)
    assert finding.level == level
    assert words in finding.what
    assert finding.remedy


def test_a_bucket_that_is_gone_is_named() -> None:
    missing = refuse("404")
    [finding] = check(head_bucket=missing, get_bucket_notification_configuration=refuse("NoSuchBucket"))[:1]
    assert "does not exist" in finding.what


@pytest.mark.parametrize("is_denied", [False, True])
@pytest.mark.parametrize(
    "before", [{}, {"QueueConfigurations": [{"QueueArn": "arn:q", "Events": ["s3:ObjectCreated:*"]}]}]
)
def test_the_command_keeps_other_notifications_and_stops_if_it_can_t_read_them(
    tmp_path: Path, before: dict[str, Any], is_denied: bool
) -> None:
    """`aws` is a stand-in that reads and writes a file; it applies `--query` as the AWS CLI does, with jmespath."""
    state, aws = tmp_path / "state.json", tmp_path / "aws"
    state.write_text(json.dumps(before))
    aws.write_text(
        f"""#!/usr/bin/env python3
import json, sys
import jmespath
state, (operation, *rest) = {str(state)!r}, sys.argv[2:]
options = dict(zip(rest[::2], rest[1::2]))
if operation == "get-bucket-notification-configuration":
    if {is_denied}:
        sys.exit(254)
    print(json.dumps(jmespath.search(options["--query"], json.load(open(state)))))
else:
    open(state, "w").write(options["--notification-configuration"])
"""
    )
    aws.chmod(0o755)
    python = Path(__import__("sys").executable).parent
    command = compose_eventbridge_command("footage")
    shell = ["sh", "-c", command]
    done = subprocess.run(shell, env={"PATH": f"{tmp_path}:{python}:/usr/bin:/bin"}, check=False)
    assert (done.returncode != 0) == is_denied
    assert json.loads(state.read_text()) == ({**before} if is_denied else {**before, **EVENTBRIDGE})
    assert shlex.split(command)
