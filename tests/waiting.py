"""Waiting for another thread or process."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float = 30) -> None:
    """Waits until `condition` holds.

    Raises:
        AssertionError: It did not hold within `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "It does not happen."
        time.sleep(0.1)
