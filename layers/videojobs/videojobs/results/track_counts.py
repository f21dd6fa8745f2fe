"""Counts distinct tracks, in little memory for millions of them."""

from itertools import islice

_BITS = 1024
"""Track IDs in one group. IDs of the tracker are consecutive, so a group is a number of that many bits."""

GROUPS_MAX = 65_536
"""Maximum groups. Above that, which only IDs from a results file reach, the oldest are forgotten, to bound memory."""


class TrackSet:
    """The IDs of tracks that have been seen."""

    def __init__(self) -> None:
        self._groups: dict[int, int] = {}

    def add(self, track_id: int) -> bool:
        """Adds an ID, and returns whether it is new."""
        group, bit = track_id // _BITS, 1 << (track_id % _BITS)
        bits = self._groups.get(group, 0)
        if bits & bit:
            return False
        self._groups[group] = bits | bit
        if len(self._groups) > GROUPS_MAX:
            for oldest in list(islice(self._groups, GROUPS_MAX // 2)):
                del self._groups[oldest]
        return True
