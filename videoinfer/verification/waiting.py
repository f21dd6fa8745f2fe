"""Waiting for what happens in an account."""

import time
from collections.abc import Callable

_INTERVAL_MIN_SECONDS = 0.2
_INTERVAL_MAX_SECONDS = 5.0


def wait_for[Found](look: Callable[[], Found | None], seconds: float) -> Found | None:
    """What `look` finds, asked ever more seldom for up to `seconds`; None if it finds nothing."""
    deadline = time.monotonic() + seconds
    interval = _INTERVAL_MIN_SECONDS
    while (found := look()) is None and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(interval, left))
        interval = min(interval * 1.5, _INTERVAL_MAX_SECONDS)
    return found
