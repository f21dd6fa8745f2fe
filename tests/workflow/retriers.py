"""The delays of a task's retriers, as Step Functions computes them."""

from collections.abc import Mapping, Sequence
from typing import Any

JITTER_MEAN = {"FULL": 0.5, "NONE": 1.0}
"""With full jitter a delay is random, up to its length. A history holds hundreds of them, so their mean counts.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""


def list_waits(retry: Mapping[str, Any]) -> Sequence[float]:
    """The mean seconds before each retry of a retrier."""
    return [
        find_delay(retry, attempt) * JITTER_MEAN[retry["JitterStrategy"]] for attempt in range(retry["MaxAttempts"])
    ]


def find_delay(retry: Mapping[str, Any], attempt: int) -> float:
    """Seconds before a retry, without jitter.

    Args:
        retry: The retrier, with its fields in the Amazon States Language.
        attempt: The retry's number, beginning with 0.
    """
    # Greater powers exceed every delay, and finally overflow a float.
    longest = float(retry.get("MaxDelaySeconds", "inf"))
    return min(float(retry["IntervalSeconds"] * retry["BackoffRate"] ** min(attempt, 50)), longest)
