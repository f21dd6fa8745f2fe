"""Ranges of bytes: how they are written, and how a file is split."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoengine.byte_ranges import parse_content_range, plan_parts

numbers = st.integers(0, 10**18 - 1)


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_parts_cover_a_file_once_and_only_the_last_is_shorter(total: int, part_bytes: int) -> None:
    part_bytes = max(part_bytes, total // 1000)
    parts = plan_parts(total, part_bytes)
    assert parts[0].start == 0
    assert parts[-1].stop == total
    assert all(part.stop == after.start for part, after in pairwise(parts))
    assert {len(part) for part in parts[:-1]} <= {part_bytes}
    assert 0 < len(parts[-1]) <= part_bytes


def test_a_file_of_the_largest_size_has_no_more_parts_than_s3_takes() -> None:
    assert len(plan_parts(100 * 2**30, 16 * 2**20)) <= 10_000


@given(numbers, numbers, numbers)
def test_a_content_range_is_read_if_it_is_possible(first: int, last: int, total: int) -> None:
    parsed = parse_content_range(f"bytes {first}-{last}/{total}")
    assert parsed == ((range(first, last + 1), total) if first <= last < total else None)


@settings(max_examples=50)
@given(st.text() | st.from_regex(r"bytes ?-?[0-9]*-[0-9]*/[0-9*]*", fullmatch=True))
def test_any_other_text_is_none_or_written_the_same(text: str) -> None:
    if parsed := parse_content_range(text):
        content, total = parsed
        assert [int(number) for number in text[6:].replace("/", "-").split("-")] == [content[0], content[-1], total]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes */10",
        "bytes 0-4/*",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes 0-4/10, bytes 5-9/10",  # urllib3 joins repeated headers
        "bytes -1-4/10",
        "bytes 0-4/10 ",
        "bytes \uff10-\uff14/\uff11\uff10",
        "items 0-4/10",
        f"bytes 0-4/{'9' * 5000}",
    ],
)
def test_invalid_content_ranges_are_none(header: str) -> None:
    assert parse_content_range(header) is None
