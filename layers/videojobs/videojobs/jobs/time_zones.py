"""IANA time zones by name, such as Europe/Berlin. Their data is in the layer (tzdata): not every machine has it."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


def parse_zone(name: str) -> ZoneInfo | None:
    """Returns the time zone `name`, or None if there is no such zone."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder such as Europe is an OSError
        return None
