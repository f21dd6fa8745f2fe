"""What a job cost on AWS: its measured usage times published prices."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.jobs.media_outputs import MEDIA_OUTPUTS

PRICES_REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """US dollars for one unit, on demand and without free tiers, with the date and the source of the price."""

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
"""The prices that are counted, from public copies of AWS's Price List and price pages on those days.

Not counted: DynamoDB ($0.625 a million writes, one or two a poll), SQS, SNS and S3's reads ($0.40 to $0.50 a million),
a function's disk above 512 MB ($0.0000000309 a gigabyte-second) and its cold start, which add about a twentieth; logs
($0.50 a gigabyte) and traces ($5 a million), which depend on the account.

What the Video Inference API costs is counted only if the API says so, as the engine does. Also not counted is the
transfer of the video to it if it leaves AWS, which the pipeline can't know: $0.09 a gigabyte (Amazon S3's price page).
"""

PRICES_AS_OF = min(price.as_of for price in PRICES.values())
"""The oldest date of these prices."""

COSTS = ("cost", *(output.cost for output in MEDIA_OUTPUTS))
"""The costs in `summary.json`: of creating, polling and delivering the job, and of each media output."""

type Costs = Mapping[str, Mapping[str, Any]]
"""Some of COSTS, each from `compose_cost`."""

_GIGABYTE = 1024**3
_DAYS_A_MONTH = 30.4

TRANSITIONS_A_POLL = 3
OTHER_TRANSITIONS = 6
MEDIA_TRANSITIONS = 4
"""A poll is: wait, check, choose. The others are: choose first; at the end deliver, choose three times, succeed. Each
media output also has: make, choose, record, choose. A test compares them with the state machine.
"""


@dataclass(frozen=True)
class Meter:
    """Measures what a running function has used so far. `started_at` is a monotonic time."""

    memory_megabytes: int
    started_at: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, context: LambdaContext) -> "Meter":
        """Starts to measure the function that `context` describes."""
        # AWS's runtime client gives the memory as text, although Powertools' type is int:
        # https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_context.py
        return cls(int(context.memory_limit_in_mb))

    @property
    def gigabyte_seconds(self) -> float:
        return (time.monotonic() - self.started_at) * self.memory_megabytes / 1024


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Usage in the units of PRICES."""

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
    """Returns the usage of creating, polling and delivering a job.

    Args:
        further_invocations: The delivery's invocations after the first.
        gigabyte_seconds: The measured total of creation, polls and delivery.
        stored_bytes: The total size of all files, which are stored for `retention_days`.
    """
    return Usage(
        state_transitions=polls * TRANSITIONS_A_POLL + OTHER_TRANSITIONS + 2 * further_invocations,
        lambda_gigabyte_seconds=round(gigabyte_seconds, 3),
        lambda_requests=polls + 2 + further_invocations,
        s3_writes=s3_writes,
        stored_gigabyte_months=_measure_storage(stored_bytes, retention_days),
    )


def measure_media_output(*, gigabyte_seconds: float, s3_writes: int, stored_bytes: int, retention_days: int) -> Usage:
    """Returns the further usage of one of a job's media outputs."""
    return Usage(
        state_transitions=MEDIA_TRANSITIONS,
        lambda_gigabyte_seconds=round(gigabyte_seconds, 3),
        lambda_requests=2,
        s3_writes=s3_writes,
        stored_gigabyte_months=_measure_storage(stored_bytes, retention_days),
    )


def _measure_storage(stored_bytes: int, retention_days: int) -> float:
    return round(stored_bytes / _GIGABYTE * retention_days / _DAYS_A_MONTH, 9)


def compose_cost(usage: Usage, api_cost_usd: float | None = None) -> dict[str, Any]:
    """Returns the usage, its costs and their total, in US dollars.

    Args:
        api_cost_usd: What the Video Inference API says that the job cost; None if it does not say.
    """
    used = asdict(usage)
    costs = {name: used[name] * price.usd for name, price in PRICES.items()}
    if api_cost_usd is not None:
        costs["video_inference_api"] = api_cost_usd
    return {
        "total_usd": round(sum(costs.values()), 6),
        "prices_as_of": PRICES_AS_OF,
        "prices_region": PRICES_REGION,
        "used": used,
        "usd": {name: round(cost, 8) for name, cost in costs.items()},
    }


def choose_costs(summary: Mapping[str, Any]) -> Costs:
    """Returns the costs in a `summary.json`."""
    return {name: summary[name] for name in COSTS if name in summary}


def add_costs(costs: Costs) -> float:
    """Returns the total of some costs, in US dollars."""
    total: float = sum(cost["total_usd"] for cost in costs.values())
    return round(total, 6)
