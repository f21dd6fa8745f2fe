"""The functions' latest log lines."""

import json
import time

from videoinfer.aws_clients import AwsClients
from videoinfer.function_logs import read_last_words


def test_the_latest_log_lines_are_shortened_and_the_functions_own(clients: AwsClients) -> None:
    lines = [
        "START RequestId: 1 Version: $LATEST",
        json.dumps({"level": "INFO", "message": "The job is created.", "upload": "s3://uploads/clip.mp4"}),
        json.dumps({"level": "ERROR", "message": "It has to wait.", "exception": "Traceback…\nApiUnavailable: 502"}),
        "Killed",
        "END RequestId: 1",
    ]
    now = round(time.time() * 1000)
    clients.logs.create_log_group(logGroupName="create_job")
    clients.logs.create_log_stream(logGroupName="create_job", logStreamName="1")
    clients.logs.put_log_events(
        logGroupName="create_job",
        logStreamName="1",
        logEvents=[{"timestamp": now + index, "message": line} for index, line in enumerate(lines)],
    )

    assert read_last_words(clients) == [
        "INFO The job is created.",
        "ERROR It has to wait. ApiUnavailable: 502",
        "Killed",
    ]
    assert read_last_words(clients, count=1) == ["Killed"]
