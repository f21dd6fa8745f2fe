"""Waits for events in an account."""

import time
from collections.abc import Callable

_INTERVAL_MIN_SECONDS = 0.2
_INTERVAL_MAX_SECONDS = 5.0


def wait_for[Found](look: Callable[[], Found | None], seconds: float) -> Found | None:
    """Calls `look` at growing intervals until it returns something. Returns None after `seconds`."""
    deadline = time.monotonic() + seconds
    interval = _INTERVAL_MIN_SECONDS
    while (found := look()) is None and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(interval, left))
        interval = min(interval * 1.5, _INTERVAL_MAX_SECONDS)
    return found
