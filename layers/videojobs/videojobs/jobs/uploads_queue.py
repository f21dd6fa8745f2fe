"""The uploads queue: failed messages return after a delay, which grows with each failure."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from videojobs.errors import ApiUnavailable, TurnLater
from videojobs.logs import logger
from videojobs.metrics import measure

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

RECEIVES_MAX = 100
"""How often an upload may fail before SQS moves it to the dead-letter queue: the template's `maxReceiveCount`."""

POSTPONE_SECONDS_MIN, POSTPONE_SECONDS_MAX = 5, 900

VISIBILITY_TIMEOUT_SECONDS_MAX = 12 * 3600 - 1000
"""SQS limits it to 12 hours from when the message was received, which may be 900 s ago."""


@dataclass(frozen=True)
class UploadsQueue:
    """The queue that S3 notifies. Its own visibility timeout covers the longest upload: too long for a backoff."""

    sqs: "SQSClient"
    url: str

    @contextmanager
    def postponed_on_error(self, message: SQSRecord) -> Iterator[None]:
        """If the block raises, lets `message` return after a delay, and re-raises, so that SQS counts a failure."""
        try:
            yield
        except Exception as error:
            seconds = choose_postponement(message.attributes.approximate_receive_count, error)
            # Log here, because the batch processor that gets the exception does not.
            logger.exception("The upload has to wait.", retry_in_seconds=seconds)
            self.sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=seconds
            )
            if isinstance(error, TurnLater):
                measure("MinutesToTurn", error.seconds / 60)
            else:
                measure("MinutesPostponed", (time.time() - int(message.attributes.sent_timestamp) / 1000) / 60)
            raise


def choose_postponement(receive_count: int | str, error: Exception) -> int:
    """Returns the seconds until the next attempt: doubled each time from 5 up to 900, or more if the API asks for it.

    For an upload with a booked turn, they end just before the turn, and the function waits for the rest.
    """
    if isinstance(error, TurnLater):
        return int(error.seconds)
    backoff = min(POSTPONE_SECONDS_MIN * 2 ** min(int(receive_count) - 1, 10), POSTPONE_SECONDS_MAX)
    asked_for = (error.retry_after_seconds if isinstance(error, ApiUnavailable) else None) or 0
    return round(min(max(float(backoff), asked_for), VISIBILITY_TIMEOUT_SECONDS_MAX))
