"""When a video was recorded: an ISO time, a pattern for the key, or the time in the file."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.errors import InvalidOption
from videojobs.jobs.recorded_at import DIRECTIVES, parse_recorded_at, resolve_recorded_at

IN_FILE = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


def resolve(option: str | None, key: str = "a.mp4", in_file: datetime | None = None) -> str | None:
    return resolve_recorded_at(option and parse_recorded_at(option), key, lambda: in_file)


@pytest.mark.parametrize(
    ("option", "time"),
    [
        ("2026-11-28T22:00:00+01:00", "2026-11-28T22:00:00+01:00"),
        (" 2026-11-28T21:00:00Z ", "2026-11-28T21:00:00+00:00"),
        ("20261128T220000.5-0330", "2026-11-28T22:00:00.500000-03:30"),
    ],
)
def test_an_iso_time_counts_and_keeps_its_offset(option: str, time: str) -> None:
    assert resolve(option, in_file=IN_FILE) == time


@pytest.mark.parametrize(
    ("pattern", "key", "time"),
    [
        ("cam_%Y%m%d_%H%M%S[Europe/Berlin]", "yard/cam_20261128_220000.mp4", "2026-11-28T22:00:00+01:00"),
        ("cam_%Y%m%d_%H%M%S[Europe/Berlin]", "yard/cam_20260728_220000.mp4", "2026-07-28T22:00:00+02:00"),
        ("%Y/%m/%d/%H.%M[UTC]", "cam/2026/11/28/22.05.mkv", "2026-11-28T22:05:00+00:00"),
        ("%Y-%m-%dT%H-%M-%S.%f%z", "2026-11-28T22-00-00.25+0530.mp4", "2026-11-28T22:00:00.250000+05:30"),
        ("%Y%m%d%H%z", "2026112822-03:30.mp4", "2026-11-28T22:00:00-03:30"),
        ("%Y%m%d%H%z", "2026112822Z.mp4", "2026-11-28T22:00:00+00:00"),
        ("%d.%m.%y %I.%M %p[America/New_York]", "28.11.26 12.05 am.mov", "2026-11-28T00:05:00-05:00"),
        ("%d.%m.%y %I.%M %p[America/New_York]", "28.11.99 12.05 PM.mov", "1999-11-28T12:05:00-05:00"),
        ("100%%_%Y%m%d%H[UTC]", "100%_2026112822.mp4", "2026-11-28T22:00:00+00:00"),
        # The first text that is a time counts.
        ("%Y%m%d_%H%M%S[UTC]", "20260230_220000/20261128_220000.mp4", "2026-11-28T22:00:00+00:00"),
    ],
)
def test_a_pattern_is_searched_in_the_key(pattern: str, key: str, time: str) -> None:
    assert resolve(pattern, key, IN_FILE) == time


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_pattern_matches_in_every_unicode_normalization(form: str) -> None:
    key = unicodedata.normalize(form, "café_2026112822.mp4")  # type: ignore[arg-type]
    assert resolve("café_%Y%m%d%H[UTC]", key) == "2026-11-28T22:00:00+00:00"


@pytest.mark.parametrize(
    "key",
    [
        "a.mp4",
        "20261128.mp4",
        "20261328_220000.mp4",
        "20260230_220000.mp4",
        "120261128_220000.mp4",
        "20261128_2200001.mp4",
    ],
)
def test_a_key_without_the_time_leaves_it_to_the_file(key: str) -> None:
    pattern = "%Y%m%d_%H%M%S[UTC]"
    assert resolve(pattern, key, IN_FILE) == "2026-11-29T08:00:00+00:00"
    assert resolve(pattern, key) is None


def test_without_the_option_the_time_in_the_file_counts() -> None:
    assert resolve(None, in_file=IN_FILE) == "2026-11-29T08:00:00+00:00"
    assert resolve(None) is None


def test_the_file_is_not_read_if_the_option_says_the_time() -> None:
    def read() -> datetime:
        raise AssertionError("The file was read.")

    assert resolve_recorded_at("2026-11-28T22:00:00Z", "a.mp4", read)
    assert resolve_recorded_at("%Y%m%d%H[UTC]", "2026112822.mp4", read)


def test_local_times_where_clocks_change() -> None:
    pattern = "%Y%m%d_%H%M[Europe/Berlin]"
    assert resolve(pattern, "20261025_0230.mp4") == "2026-10-25T02:30:00+02:00"  # twice: the first
    assert resolve(pattern, "20260329_0230.mp4") == "2026-03-29T02:30:00+01:00"  # never: as before the change


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-11-28T22:00:00", "it has no time zone; add the offset from UTC, such as 2026-11-28T22:00:00+01:00."),
        ("2026-11-28", "it has no time zone"),
        ("", "it is neither an ISO 8601 time such as 2026-11-28T22:00:00+01:00 nor a pattern such as cam_%Y"),
        ("yesterday", "it is neither an ISO 8601 time"),
        ("0001-01-01T00:00:00+14:00", "its year is not between 1800 and 2999"),
        ("2026-11-28T22:00:00[Europe/Berlin]", "it is neither an ISO 8601 time"),
        ("%Y%m%d_%H%M%S", "it has no time zone; add one, such as %Y%m%d_%H%M%S[Europe/Berlin]."),
        ("%Y%m%d_%H%M%S[Europe/Bonn]", "there is no time zone 'Europe/Bonn'; one is Europe/Berlin."),
        ("%Y%m%d_%H%M%S[]", "there is no time zone ''"),
        ("%Y%m%d_%H%M%S%z[UTC]", "it has a zone and %z; leave one of them out"),
        (
            "%Y%m%d_%H%Q[UTC]",
            "%Q is not a directive; the directives are %Y, %y, %m, %d, %H, %I, %p, %M, %S, %f, %z, and",
        ),
        ("%Y%m%d_%H%", "% is not a directive"),
        ("%Y%m%d_%H%H[UTC]", "%H is in it twice."),
        ("%Y%m%d[UTC]", "it lacks an hour (%H, or %I with %p)."),
        ("%H%M[UTC]", "it lacks a year (%Y or %y), a month (%m), a day (%d)."),
        ("%Y%y%m%d%H[UTC]", "it has a year (%Y or %y) twice; keep one of them."),
        ("%Y%m%d%I[UTC]", "it lacks an hour"),
        ("%Y%m%d%H" + "x" * 200 + "[UTC]", "it is longer than 200 characters."),
        (3, "it is not a text such as 2026-11-28T22:00:00+01:00."),
    ],
)
def test_an_invalid_value_is_rejected_with_the_remedy(value: object, words: str) -> None:
    with pytest.raises(InvalidOption) as invalid:
        parse_recorded_at(value)
    assert str(invalid.value).startswith("recorded_at: ")
    assert words in str(invalid.value)


PIECES = st.one_of(
    st.sampled_from([*DIRECTIVES, "%%", "%", "_", "[", "]", "UTC", "[UTC]", "T", ":"]), st.text(max_size=3)
)


@given(st.lists(PIECES, max_size=16).map("".join), st.text(max_size=60))
def test_no_value_and_no_key_raises_anything_else(value: str, key: str) -> None:
    try:
        option = parse_recorded_at(value)
    except InvalidOption:
        return
    assert parse_recorded_at(option) == option
    time = resolve_recorded_at(option, key, lambda: None)
    assert time is None or datetime.fromisoformat(time).tzinfo is not None


SECONDS = st.integers(-5_000_000_000, 32_000_000_000)
"""Since 1970: from 1811 to 2984."""


@given(SECONDS.map(lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)))
def test_a_time_that_was_written_into_a_key_is_read_back(time: datetime) -> None:
    key = time.strftime("cam1_%m%d_%H%M%S_") + f"{time.year:04}.mp4"
    assert resolve("_%m%d_%H%M%S_%Y[UTC]", key) == time.isoformat()
