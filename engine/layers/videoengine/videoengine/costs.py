"""What a job costs on AWS: its measured usage times published prices."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

PRICES_REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """US dollars for one unit, on demand and without free tiers, with the date and the source of the price."""

    usd: float
    as_of: str
    source: str


PRICES: Mapping[str, Price] = {
    "lambda_gigabyte_seconds": Price(0.0000166667, "2026-06-14", "AWS Price List, Lambda on x86, first 6 billion"),
    "lambda_requests": Price(0.20 / 1_000_000, "2026-06-14", "AWS Price List, Lambda"),
    "state_transitions": Price(0.025 / 1_000, "2026-03-14", "Step Functions' price page, Standard Workflows"),
    "express_requests": Price(1.00 / 1_000_000, "2026-03-14", "Step Functions' price page, Express Workflows"),
    "express_gigabyte_seconds": Price(0.00001667, "2026-03-14", "Step Functions' price page, Express Workflows"),
    "s3_writes": Price(0.005 / 1_000, "2026-06-14", "AWS Price List, S3 Standard, PUT, COPY, POST and LIST"),
    "s3_reads": Price(0.0004 / 1_000, "2026-06-14", "AWS Price List, S3 Standard, GET and all other requests"),
    "stored_gigabyte_months": Price(0.023, "2026-06-14", "AWS Price List, S3 Standard, first 50 TB"),
}
"""The prices that are counted, from public copies of AWS's Price List and price pages on those days.

Not counted: DynamoDB ($0.625 a million writes), API Gateway and the function behind it, a function's disk above 512 MB
($0.0000000309 a gigabyte-second), logs, traces, and the transfer of what leaves AWS.
"""

STEP_TRANSITIONS: Mapping[str, int] = {"fetch_video": 2, "plan_job": 5, "merge_results": 4}
"""The states that a job's execution enters from each step until the next one, if the job succeeds."""

SEGMENT_TRANSITIONS: Mapping[str, int] = {"EXPRESS": 1, "STANDARD": 5}
"""The same for a segment, by the type of the execution that infers it. Its start counts as one. A Standard execution
enters three states, and comes after an Express one that left the segment.
"""

_GIGABYTE = 1024**3
_DAYS_A_MONTH = 30.4


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Usage in the units of PRICES."""

    lambda_gigabyte_seconds: float = 0.0
    lambda_requests: int = 0
    state_transitions: int = 0
    express_requests: int = 0
    express_gigabyte_seconds: float = 0.0
    s3_writes: int = 0
    s3_reads: int = 0
    stored_gigabyte_months: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        mine, theirs = asdict(self), asdict(other)
        return Usage(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def usd(self) -> float:
        """The cost in US dollars."""
        return math.fsum(amount * PRICES[name].usd for name, amount in asdict(self).items())


def measure_invocation(seconds: float, memory_megabytes: int) -> Usage:
    """The usage of one invocation of a function, whose duration Lambda rounds up to a millisecond.

    Source: https://aws.amazon.com/lambda/pricing/
    """
    billed_seconds = math.ceil(round(seconds * 1000, 6)) / 1000
    return Usage(lambda_gigabyte_seconds=billed_seconds * memory_megabytes / 1024, lambda_requests=1)


def measure_express_execution(seconds: float) -> Usage:
    """The usage of one Express execution, whose duration Step Functions rounds up to 100 ms.

    Its memory is billed in chunks of 64 MB, and a segment's data is a few kilobytes, so it takes one.
    Source: https://aws.amazon.com/step-functions/pricing/
    """
    billed_seconds = math.ceil(round(seconds * 10, 6)) / 10
    return Usage(express_requests=1, express_gigabyte_seconds=billed_seconds * 64 / 1024)


def measure_storage(stored_bytes: float, retention_days: float) -> Usage:
    """The usage of storing bytes for a number of days."""
    return Usage(stored_gigabyte_months=stored_bytes / _GIGABYTE * retention_days / _DAYS_A_MONTH)
