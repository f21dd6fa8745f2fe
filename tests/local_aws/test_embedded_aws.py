import os
from pathlib import Path

import pytest

from videoinfer.errors import CommandError
from videoinfer.local.embedded_aws import embedded_aws, start_embedded_aws
from videoinfer.local.stacks import create_stack

REFUSED_TEMPLATE = """
Resources:
  Topic: {Type: "AWS::SNS::Topic"}
  Queue: {Type: "AWS::SQS::Queue", Properties: {QueueName: !GetAtt Topic.Colour}}
"""

LISTENING = "0A"
LOOPBACK = "0100007F"


def list_listening_addresses(process_id: int) -> list[str]:
    """The addresses that a process listens on, in the notation of /proc/net/tcp, without the port."""
    sockets = {str(file.readlink()) for file in Path(f"/proc/{process_id}/fd").iterdir()}
    tables = [Path(f"/proc/{process_id}/net/{table}").read_text().splitlines()[1:] for table in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table]
    return [row[1].partition(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets]


def test_the_embedded_aws_listens_only_on_loopback_and_leaves_nothing_behind() -> None:
    with embedded_aws() as aws:
        aws.clients.s3.create_bucket(Bucket="uploads")
        addresses = list_listening_addresses(aws.process.pid)

    assert addresses == [LOOPBACK]
    assert not aws.folder.exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(aws.process.pid, 0)


def test_a_failed_stack_says_which_resource_and_why() -> None:
    with embedded_aws() as aws:
        aws.clients.s3.create_bucket(Bucket="templates")
        aws.clients.s3.put_object(Bucket="templates", Key="stack.yaml", Body=REFUSED_TEMPLATE)
        template_url = f"{aws.endpoint_url}/templates/stack.yaml"

        with pytest.raises(CommandError, match=r"The stack broken was not created: Queue: .*Colour"):
            create_stack(aws.clients, "broken", template_url=template_url, parameters={})


def test_an_address_that_this_machine_lacks_is_refused() -> None:
    with pytest.raises(CommandError, match=r"192\.0\.2\.1 is not an address of this machine"):
        start_embedded_aws(host="192.0.2.1")
