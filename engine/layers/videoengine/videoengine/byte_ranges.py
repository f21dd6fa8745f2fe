"""Byte ranges of a file, as `range(first, last + 1)`: how a server writes one, and how a file is split into them."""

import re

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)


def parse_content_range(header: str) -> tuple[range, int] | None:
    """Parses the header `Content-Range` of a response with one range.

    Returns:
        The range that the response contains, and the size of the whole file in bytes; None if the header is missing,
        invalid, or without the size. https://www.rfc-editor.org/rfc/rfc9110#section-14.4
    """
    match = _CONTENT_RANGE.fullmatch(header)
    if not match:
        return None
    first, last, total = map(int, match.groups())
    return (range(first, last + 1), total) if first <= last < total else None


def plan_parts(total: int, part_bytes: int) -> list[range]:
    """Splits a file of `total` bytes into parts of `part_bytes`. Only the last one may be shorter."""
    return [range(first, min(first + part_bytes, total)) for first in range(0, total, part_bytes)]
