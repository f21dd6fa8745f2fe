"""Waiting for what happens elsewhere."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float = 30) -> None:
    """Returns once `condition` holds."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "It does not happen."
        time.sleep(0.1)
