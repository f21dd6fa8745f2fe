"""How a check is run: timed, and with AWS's refusals as its verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from videoinfer.aws_errors import describe_error
from videoinfer.verification.verdicts import CheckOutcome, Unavailable, Verdict, wrong


@dataclass(frozen=True)
class Patience:
    """How long things are waited for, in seconds.

    Attributes:
        job: The end of the video's job.
        settling: What follows within seconds where all is well.
        metrics: CloudWatch, which takes minutes.
    """

    job: float
    settling: float = 120
    metrics: float = 300


def look(check: str, step: Callable[[], Verdict]) -> CheckOutcome:
    """Runs `step` as the check of that name. A check that can't be made proves nothing, and so is wrong."""
    start = time.monotonic()
    try:
        verdict = step()
    except Unavailable as reason:
        verdict = wrong(str(reason))
    except (BotoCoreError, ClientError) as error:
        verdict = wrong(f"Could not look. {describe_error(error)}")
    return CheckOutcome(
        check=check,
        level=verdict.level,
        what=verdict.what,
        seconds=round(time.monotonic() - start, 1),
        cost_usd=verdict.cost_usd,
    )
