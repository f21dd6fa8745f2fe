"""The names of the outputs that a stack may be asked for; `outputs.py` has what makes them."""

from collections.abc import Sequence
from typing import Literal, get_args

OutputName = Literal["parquet", "csv", "coco", "webvtt", "report"]


def parse_outputs(text: str) -> Sequence[OutputName]:
    """The outputs that a stack's parameter names, separated by commas. Raises ValueError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in get_args(OutputName):
            raise ValueError(f"Outputs: {name!r} is none of {', '.join(get_args(OutputName))}.")
    return [name for name in get_args(OutputName) if name in names]
