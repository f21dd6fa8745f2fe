"""A task's retriers, as Step Functions counts their delays."""

from collections.abc import Mapping, Sequence
from typing import Any

JITTER_MEAN = {"FULL": 0.5, "NONE": 1.0}
"""With full jitter a delay is anything up to its length. Of the hundreds that fill a history the mean is what counts.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""


def list_waits(retry: Mapping[str, Any]) -> Sequence[float]:
    """The mean seconds before each retry."""
    return [
        find_delay(retry, attempt) * JITTER_MEAN[retry["JitterStrategy"]] for attempt in range(retry["MaxAttempts"])
    ]


def find_delay(retry: Mapping[str, Any], attempt: int) -> float:
    """The seconds before a retry, the first of them being 0, without jitter."""
    # A greater power is longer than any delay, and in the end no float.
    longest = float(retry.get("MaxDelaySeconds", "inf"))
    return min(float(retry["IntervalSeconds"] * retry["BackoffRate"] ** min(attempt, 50)), longest)
