"""How many examples slow tests try: all in CI, fewer elsewhere, so that the unit tests take a minute."""

import os

IN_CI = bool(os.environ.get("CI"))


def count_examples(thorough: int) -> int:
    """How many examples Hypothesis tries if each takes more than 20 ms: all in CI, a quarter elsewhere.

    Args:
        thorough: The number in CI.
    """
    return thorough if IN_CI else thorough // 4
