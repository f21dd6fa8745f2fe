"""IANA time zones by name, such as Europe/Berlin. Their data is in the layer (tzdata): not every machine has it."""

from collections.abc import Set
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo


def parse_zone(name: str) -> ZoneInfo | None:
    """Returns the time zone `name`, or None if there is no such zone."""
    return ZoneInfo(name) if name in _list_names() else None


@cache
def _list_names() -> Set[str]:
    """Returns the names of the IANA database. A machine has others too, such as `localtime` for its own time zone."""
    names = resources.files("tzdata").joinpath("zones").read_text("ascii").split()
    return frozenset(names) - {"Factory"}  # means that no time zone is set
