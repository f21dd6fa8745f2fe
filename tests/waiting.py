"""Waiting for another thread or process."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float = 30) -> None:
    """Waits until `condition` holds.

    Raises:
        AssertionError: It did not hold within `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "It does not happen."
        time.sleep(0.05)


def wait_for_value(read: Callable[[], Any], expected: object, *, timeout_seconds: float = 30) -> None:
    """Waits until `read` returns the expected value, such as `pytest.approx(6)`.

    Raises:
        AssertionError: It did not within `timeout_seconds`.
    """
    deadline = time.monotonic() + timeout_seconds
    while (value := read()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert value == expected, f"It stays {value!r}, and is not {expected!r}."
