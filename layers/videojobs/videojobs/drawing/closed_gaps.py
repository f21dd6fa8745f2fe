"""Closes the gaps in a recording's times that appear when a camera's clock is set while it records."""

from fractions import Fraction

from av.rational import AVRational

GAP_MAX_SECONDS = 3600
"""Longer gaps are closed. MP4 can't represent a gap of more than 37 hours at 16,000 ticks a second."""


class ClosedGaps:
    """Removes the jumps from the times of one stream, which are in ticks.

    ```python
    gaps = ClosedGaps(Fraction(1, 25))
    [gaps.close(ticks) for ticks in (0, 1, 2, 1_000_000, 1_000_001)]  # 0, 1, 2, 3, 4
    ```
    """

    def __init__(self, time_base: AVRational | Fraction) -> None:
        self._gap_max = GAP_MAX_SECONDS * time_base.denominator / time_base.numerator
        self._last: int | None = None
        self._gap, self._closed = 1, 0

    def close(self, ticks: int) -> int:
        """Returns the time without the jumps before it. A gap that is too long becomes as long as the previous one."""
        gap = ticks - self._last if self._last is not None else 0
        if gap > self._gap_max:
            self._closed += gap - self._gap
        elif gap > 0:
            self._gap = gap
        self._last = ticks
        return ticks - self._closed
