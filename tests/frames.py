"""Frames like those of a results file, made from a test's elements."""

from collections.abc import Sequence
from typing import Any

from videojobs.results.predictions import Frames


def make_frames(
    model_id: str,
    elements: Sequence[Any],
    frame_offsets: Sequence[int] | None = None,
    time_offsets: Sequence[float] | None = None,
    first: int = 0,
) -> Frames:
    """Makes frames; offsets default to the elements' numbers.

    Args:
        elements: The model's elements, as in a results file.
        frame_offsets: Frame numbers.
        time_offsets: Seconds.
        first: The number of the first element.
    """
    numbers = range(first, first + len(elements))
    return Frames(
        model_id=model_id,
        inference_type=None,
        first=first,
        frame_offsets=numbers if frame_offsets is None else frame_offsets,
        time_offsets=numbers if time_offsets is None else time_offsets,
        entries=elements,
    )
