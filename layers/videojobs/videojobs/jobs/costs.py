"""What a job cost on AWS: what it used, as measured, times published prices."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

PRICES_REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """US dollars for one unit, on demand and without free tiers; the day it was so, and where that is said."""

    usd: float
    as_of: str
    source: str


PRICES: Mapping[str, Price] = {
    "state_transitions": Price(0.025 / 1_000, "2026-03-14", "Step Functions' price page, Standard Workflows"),
    "lambda_gigabyte_seconds": Price(0.0000166667, "2026-06-14", "AWS Price List, Lambda on x86, first 6 billion"),
    "lambda_requests": Price(0.20 / 1_000_000, "2026-06-14", "AWS Price List, Lambda"),
    "s3_writes": Price(0.005 / 1_000, "2026-06-14", "AWS Price List, S3 Standard, PUT, COPY, POST and LIST"),
    "stored_gigabyte_months": Price(0.023, "2026-06-14", "AWS Price List, S3 Standard, first 50 TB"),
}
"""What is counted, as public copies of AWS's Price List and price pages had it on those days.

What is not: DynamoDB ($0.625 a million writes, one or two a poll), SQS, SNS and S3's reads ($0.40 to $0.50 a million),
a function's disk above 512 MB ($0.0000000309 a gigabyte-second) and its cold start come to about a twentieth of the
rest; logs ($0.50 a gigabyte) and traces ($5 a million) depend on the account.

Nor is what the Video Inference API bills, and the video's way to it: $0.09 a gigabyte (Amazon S3's price page) where
it leaves AWS, which a pipeline can't tell.
"""

PRICES_AS_OF = min(price.as_of for price in PRICES.values())
"""The day since when each price has been what it is here, as far as is known."""

COSTS = ("cost", "annotation_cost")
"""The names in `summary.json` of what a job cost: created, polled and delivered; and drawn on its video."""

type Costs = Mapping[str, Mapping[str, Any]]
"""Some of COSTS, each as `compose_cost` gives it."""

_GIGABYTE = 1024**3
_DAYS_A_MONTH = 30.4

TRANSITIONS_A_POLL = 3
OTHER_TRANSITIONS = 5
ANNOTATION_TRANSITIONS = 4
"""Choose; wait, check, choose; then deliver, choose twice, succeed. Between, if it is asked for: annotate, choose,
record, choose.
A test holds them against the state machine.
"""


@dataclass(frozen=True)
class Meter:
    """What a running function has used so far; `started_at` is a monotonic clock's."""

    memory_megabytes: int
    started_at: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, context: LambdaContext) -> "Meter":
        """Starts to measure the function that `context` describes, from now on."""
        # AWS's runtime client gives the memory as text, whatever Powertools' type says:
        # https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_context.py
        return cls(int(context.memory_limit_in_mb))

    @property
    def gigabyte_seconds(self) -> float:
        return (time.monotonic() - self.started_at) * self.memory_megabytes / 1024


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What was used, in the units of PRICES."""

    state_transitions: int
    lambda_gigabyte_seconds: float
    lambda_requests: int
    s3_writes: int
    stored_gigabyte_months: float


def measure_usage(
    *,
    polls: int,
    gigabyte_seconds: float,
    s3_writes: int,
    stored_bytes: int,
    retention_days: int,
    further_invocations: int = 0,
) -> Usage:
    """The usage of a job that was created, polled and delivered.

    Args:
        further_invocations: That the delivery took beside its first.
        gigabyte_seconds: Of creation, polls and delivery, as they measured themselves.
        stored_bytes: All that was written, to be kept for `retention_days`.
    """
    return Usage(
        state_transitions=polls * TRANSITIONS_A_POLL + OTHER_TRANSITIONS + 2 * further_invocations,
        lambda_gigabyte_seconds=round(gigabyte_seconds, 3),
        lambda_requests=polls + 2 + further_invocations,
        s3_writes=s3_writes,
        stored_gigabyte_months=_measure_storage(stored_bytes, retention_days),
    )


def measure_annotation(*, gigabyte_seconds: float, s3_writes: int, stored_bytes: int, retention_days: int) -> Usage:
    """What drawing on the video used beside that."""
    return Usage(
        state_transitions=ANNOTATION_TRANSITIONS,
        lambda_gigabyte_seconds=round(gigabyte_seconds, 3),
        lambda_requests=2,
        s3_writes=s3_writes,
        stored_gigabyte_months=_measure_storage(stored_bytes, retention_days),
    )


def _measure_storage(stored_bytes: int, retention_days: int) -> float:
    return round(stored_bytes / _GIGABYTE * retention_days / _DAYS_A_MONTH, 9)


def compose_cost(usage: Usage) -> dict[str, Any]:
    """What was used, what each of it cost, and all together, in US dollars."""
    used = asdict(usage)
    costs = {name: used[name] * price.usd for name, price in PRICES.items()}
    return {
        "total_usd": round(sum(costs.values()), 6),
        "prices_as_of": PRICES_AS_OF,
        "prices_region": PRICES_REGION,
        "used": used,
        "usd": {name: round(cost, 8) for name, cost in costs.items()},
    }


def add_costs(costs: Costs) -> float:
    """All together, in US dollars."""
    total: float = sum(cost["total_usd"] for cost in costs.values())
    return round(total, 6)
