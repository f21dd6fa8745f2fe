"""Messages that can't be processed now come back later."""

import json
import time
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from tests.templates import find_resources
from videojobs.api.turns import BOOK_AHEAD_SECONDS_MAX
from videojobs.errors import ApiUnavailable, TurnLater
from videojobs.jobs.uploads_queue import RECEIVES_MAX, UploadsQueue, choose_postponement

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("receive_count", "error", "seconds"),
    [
        (1, ValueError(), 5),
        ("2", ValueError(), 10),
        (8, ValueError(), 640),
        (9, ValueError(), 900),
        (1000, ValueError(), 900),
        (1, ApiUnavailable("busy", retry_after_seconds=77), 77),
        (9, ApiUnavailable("busy", retry_after_seconds=1), 900),
        (1, ApiUnavailable("gone fishing", retry_after_seconds=10**6), 42_200),
        (1, TurnLater(60, NOW + 1000.7, 1000.7), 1000),
        (9, TurnLater(60, NOW + 7, 7.2), 7),
    ],
)
def test_each_failure_lengthens_the_postponement(receive_count: Any, error: Exception, seconds: int) -> None:
    assert choose_postponement(receive_count, error) == seconds


@pytest.mark.parametrize(
    "error", [ApiUnavailable("gone fishing", retry_after_seconds=10**6), TurnLater(1, None, BOOK_AHEAD_SECONDS_MAX)]
)
def test_sqs_accepts_the_longest_postponement_at_the_end_of_the_longest_invocation(error: Exception) -> None:
    """SQS counts its 12 hours from when the message was received.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """
    function = find_resources("pipeline", "AWS::Serverless::Function")["CreateJobFunction"]
    assert function["Properties"]["Timeout"] + choose_postponement(1, error) < 12 * 3600


def test_the_tries_take_about_a_day() -> None:
    seconds = sum(choose_postponement(count, ValueError()) for count in range(1, RECEIVES_MAX))
    assert seconds == pytest.approx(24 * 3600, rel=0.05)


def test_a_failed_message_is_postponed_and_stays_in_the_queue(aws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    url = aws.sqs.create_queue(QueueName="uploads")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    [message] = aws.sqs.receive_message(QueueUrl=url)["Messages"]
    two_minutes_ago = str(round((time.time() - 120) * 1000))
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": two_minutes_ago}
    record = SQSRecord({"receiptHandle": message["ReceiptHandle"], "attributes": attributes, "body": "{}"})
    with pytest.raises(ZeroDivisionError), UploadsQueue(aws.sqs, url).postponed_on_error(record):
        raise ZeroDivisionError
    attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
    [metric] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "MinutesPostponed" in line]
    assert metric["MinutesPostponed"] == [pytest.approx(2, abs=0.5)]
