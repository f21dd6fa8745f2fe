"""What a job cost on AWS: what it used, as measured, times published prices."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PRICES_AS_OF = "2025-06-01"
PRICES_REGION = "us-east-1"
PRICES_USD: Mapping[str, float] = {
    "state_transitions": 0.025 / 1_000,
    "lambda_gigabyte_seconds": 0.0000166667,
    "lambda_requests": 0.20 / 1_000_000,
    "s3_writes": 0.005 / 1_000,
    "stored_gigabyte_months": 0.023,
}
"""On demand, without free tiers, of one unit: Step Functions Standard, Lambda on x86, S3 Standard.

Source: the price pages of AWS Step Functions, AWS Lambda and Amazon S3. Left out, for they round to nothing: creating
the job, DynamoDB, SQS, SNS, Secrets Manager, logs and traces. What the Video Inference API bills is between you and it.
"""

_GIGABYTE = 1024**3
_DAYS_A_MONTH = 30.4

TRANSITIONS_A_POLL = 3
OTHER_TRANSITIONS = 5
"""Choose; wait, check, choose; then deliver, choose twice, succeed. A test holds them against the state machine."""


@dataclass(frozen=True)
class Meter:
    """What a function that is running has used so far; `started_at` is a monotonic clock's."""

    memory_megabytes: int
    started_at: float = field(default_factory=time.monotonic)

    @property
    def gigabyte_seconds(self) -> float:
        return (time.monotonic() - self.started_at) * self.memory_megabytes / 1024


@dataclass(frozen=True)
class Usage:
    """What a job used, in the units of PRICES_USD."""

    state_transitions: int
    lambda_gigabyte_seconds: float
    lambda_requests: int
    s3_writes: int
    stored_gigabyte_months: float


def measure_usage(
    *, polls: int, gigabyte_seconds: float, s3_writes: int, stored_bytes: int, retention_days: int
) -> Usage:
    """The usage of a job that was polled and delivered.

    Args:
        gigabyte_seconds: Of the polls and the delivery, as they measured themselves.
        stored_bytes: All that was written, to be kept for `retention_days`.
    """
    return Usage(
        state_transitions=polls * TRANSITIONS_A_POLL + OTHER_TRANSITIONS,
        lambda_gigabyte_seconds=round(gigabyte_seconds, 3),
        lambda_requests=polls + 1,
        s3_writes=s3_writes,
        stored_gigabyte_months=round(stored_bytes / _GIGABYTE * retention_days / _DAYS_A_MONTH, 9),
    )


def compose_cost(usage: Usage) -> dict[str, Any]:
    """What was used, what each of it cost, and all together, in US dollars."""
    used = asdict(usage)
    costs = {name: used[name] * price for name, price in PRICES_USD.items()}
    return {
        "total_usd": round(sum(costs.values()), 6),
        "prices_as_of": PRICES_AS_OF,
        "prices_region": PRICES_REGION,
        "used": used,
        "usd": {name: round(cost, 8) for name, cost in costs.items()},
    }
