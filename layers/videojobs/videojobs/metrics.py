"""What CloudWatch counts: lines in the log in its embedded metric format, one a metric, written as it happens.

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
]
"""`MinutesWaited` is from the first sight of an upload to the end of its job, `MinutesPostponed` how long a message has
been in the uploads queue that is postponed once more, `MinutesToTurn` how far off the turn at the API is that an
upload books; the others are counts.
"""


def measure(name: MetricName, value: float = 1) -> None:
    """Adds `value` to a metric."""
    unit = MetricUnit.NoUnit if name.startswith("Minutes") else MetricUnit.Count
    with single_metric(name=name, unit=unit, value=value, namespace=NAMESPACE):
        pass  # it is written when the block ends
