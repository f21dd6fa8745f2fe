"""What the functions logged."""

from collections.abc import Iterator

from videoinfer.aws_clients import AwsClients


def read_log_lines(clients: AwsClients) -> Iterator[str]:
    """Every line of every function, stream by stream."""
    for groups in clients.logs.get_paginator("describe_log_groups").paginate():
        for group in groups["logGroups"]:
            pages = clients.logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for page in pages:
                for event in page["events"]:
                    yield event["message"].rstrip()


def find_errors(clients: AwsClients) -> list[str]:
    """The lines that Powertools logged as errors, and tracebacks' last words."""
    return [line for line in read_log_lines(clients) if '"level":"ERROR"' in line or "[ERROR]" in line]
