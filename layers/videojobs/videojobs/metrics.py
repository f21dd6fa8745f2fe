"""Metrics: log lines in CloudWatch's embedded metric format, one line for each value.

Namespace `videoinfer`; the dimension `service` is the stack's name, from `POWERTOOLS_SERVICE_NAME`.
"""

from typing import Literal

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "videoinfer"

MetricName = Literal[
    "JobsCreated",
    "JobsDone",
    "JobsFailed",
    "JobsOverdue",
    "JobsRejected",
    "JobsCancelled",
    "MinutesWaited",
    "MinutesPostponed",
    "MinutesToTurn",
    "Polls",
    "UploadsIgnored",
]
"""`MinutesWaited` is the time from an upload's first record in the ledger to the end of its job. `MinutesPostponed` is
the age of a message in the uploads queue that is postponed again. `MinutesToTurn` is the time until an upload's booked
turn at the API. The others are counts.
"""


def measure(name: MetricName, value: float = 1) -> None:
    """Adds `value` to a metric."""
    unit = MetricUnit.NoUnit if name.startswith("Minutes") else MetricUnit.Count
    with single_metric(name=name, unit=unit, value=value, namespace=NAMESPACE):
        pass  # the line is written when the block ends
