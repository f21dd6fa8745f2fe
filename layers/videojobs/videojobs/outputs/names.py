"""The names of the outputs, for the stack's parameter `Outputs`; `registry.py` has the code that makes them."""

from collections.abc import Sequence
from typing import Literal, get_args

OutputName = Literal["parquet", "csv", "coco", "webvtt", "report"]


def parse_outputs(text: str) -> Sequence[OutputName]:
    """Reads the outputs of the stack's parameter, which are separated by commas. Raises ValueError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in get_args(OutputName):
            raise ValueError(f"Outputs: {name!r} is not one of {', '.join(get_args(OutputName))}.")
    return [name for name in get_args(OutputName) if name in names]
