"""Runs a check: measures its time, and turns AWS's errors into a verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from videoinfer.aws_errors import describe_error
from videoinfer.verification.verdicts import CheckOutcome, Unavailable, Verdict, wrong


@dataclass(frozen=True)
class Timeouts:
    """Maximum waiting times in seconds.

    Attributes:
        job: For the end of the video's job.
        follow_up: For what normally follows within seconds, such as a notice.
        metrics: For CloudWatch's metrics, which take minutes.
    """

    job: float
    follow_up: float = 120
    metrics: float = 300


def run_check(check: str, step: Callable[[], Verdict]) -> CheckOutcome:
    """Runs `step` as the check with this name. If it can't be carried out, it is wrong, because it proves nothing."""
    start = time.monotonic()
    try:
        verdict = step()
    except Unavailable as reason:
        verdict = wrong(str(reason))
    except (BotoCoreError, ClientError) as error:
        verdict = wrong(f"Could not check. {describe_error(error)}")
    return CheckOutcome(
        check=check,
        level=verdict.level,
        what=verdict.what,
        seconds=round(time.monotonic() - start, 1),
        cost_usd=verdict.cost_usd,
    )
