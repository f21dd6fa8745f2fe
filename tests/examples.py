"""How much is tried where a try takes long: in CI all of it, elsewhere less, so that the units take a minute."""

import os

IN_CI = bool(os.environ.get("CI"))


def count_examples(thorough: int) -> int:
    """How many examples Hypothesis tries of those that take more than 20 ms each: a quarter of them outside CI."""
    return thorough if IN_CI else thorough // 4
