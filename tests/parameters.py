"""The values that the two templates' parameters accept.

CloudFormation gets numbers as strings, so that a pattern can say which numbers are allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class NumberRange:
    """The numbers that a parameter accepts, both ends included; only whole numbers if `whole`."""

    lowest: float
    highest: float
    whole: bool


def _whole(lowest: int, highest: int) -> NumberRange:
    return NumberRange(lowest, highest, whole=True)


def _any(lowest: float, highest: float) -> NumberRange:
    return NumberRange(lowest, highest, whole=False)


NUMBERS: Mapping[str, Mapping[str, NumberRange]] = {
    "pipeline": {
        "ApiRequestsPerMinute": _whole(0, 6_000),
        "DigestMinutes": _whole(1, 1_440),
        "DefaultInferFps": _any(1, 120),
        "MaxInferFps": _any(1, 120),
        "DeadlineHours": _any(0.01, 40),
        "PollSeconds": _whole(1, 3_600),
        "ShareLinkDays": _any(0.01, 365),
    },
    "engine": {
        "MaxConcurrency": _whole(1, 1_000),
        "PollSecondsMin": _whole(0, 3_600),
        "MaxVideoGigabytes": _any(0.001, 100),
        "MaxVideoHours": _any(0.001, 999),
        "MaxSampledFrames": _whole(1, 2_000_000),
        "MaxFramePixels": _whole(1, 999_999_999),
        "MaxModels": _whole(1, 999),
        "MaxFailedShare": _any(0, 1),
    },
}
"""Ranges by application and parameter. `RetentionDays` has a list of values instead."""

LONGEST_STACK_NAME = {"pipeline": 122, "engine": 66}
"""Longer names leave no room for `-share` in an API's 128 characters, or `-inference-job` in a state machine's 80."""
