"""Sightings: what is said of a class follows from its frames and tracks."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.foreign_text import printable
from videojobs.results.sightings import Sightings, describe_shortly, describe_sightings
from videojobs.results.tracks import LOST_SECONDS


def show_time(seconds: float) -> str:
    return f"{seconds:g} s"


def see(*frames: tuple[int, float, int], tracks: Iterable[int | None] | None = None) -> Sightings:
    """Sees frames of (number, seconds, objects)."""
    sightings = Sightings()
    for frame in frames:
        sightings.see(*frame)
    for track in () if tracks is None else tracks:
        sightings.follow(track)
    return sightings


ONCE = [(0, 0.0, 1), (1, 0.5, 1), (2, 1.0, 1)]
TWICE = [*ONCE, (20, 10.0, 2), (21, 10.5, 1)]


@pytest.mark.parametrize(
    ("sightings", "sentence", "short"),
    [
        (see(*ONCE), "cat: 0 s to 1 s", "cat"),
        (see((7, 3.5, 1)), "cat: at 3.5 s", "cat"),
        (see((0, 0.0, 3), (1, 0.5, 1)), "cat: up to 3 at once, 0 s to 0.5 s", "cat 3 at once"),
        (see(*TWICE), "cat: seen 2 times, up to 2 at once, 0 s to 10.5 s", "cat 2 at once"),
        (see(*TWICE, tracks=[1, 2, 2, 3, None]), "cat: 3 visits, up to 2 at once, 0 s to 10.5 s", "cat 3x"),
        (see(*TWICE, tracks=[1, 2]), "cat: up to 2 at once, 0 s to 10.5 s", "cat 2 at once"),
        (see(*ONCE, tracks=[1, 1, 1]), "cat: 0 s to 1 s", "cat"),
        (see(*ONCE, tracks=range(1, 1201)), "cat: 1,200 visits, 0 s to 1 s", "cat 1,200x"),
        (see(*ONCE, tracks=[None]), "cat: 0 s to 1 s", "cat"),
    ],
    ids=["once", "one frame", "several", "twice", "tracks", "at once", "one track", "many tracks", "no track"],
)
def test_a_class_is_told_by_its_frames_and_tracks(sightings: Sightings, sentence: str, short: str) -> None:
    assert describe_sightings("cat", sightings, show_time) == sentence
    assert describe_shortly("cat", sightings) == short


@pytest.mark.parametrize(
    ("gap_frames", "gap_seconds", "appearances"),
    [(30, LOST_SECONDS, 1), (30, LOST_SECONDS + 0.1, 2), (3, 30.0, 1), (4, 30.0, 2)],
    ids=["short", "long", "few frames", "slow sampling"],
)
def test_a_class_comes_into_view_again_after_as_long_as_a_track_ends(
    gap_frames: int, gap_seconds: float, appearances: int
) -> None:
    assert see((9, 5.0, 1), (9 + gap_frames, 5.0 + gap_seconds, 1)).appearances == appearances


def test_the_peak_is_that_of_the_first_frame_that_has_it() -> None:
    sightings = see((0, 0.0, 1), (1, 0.5, 4), (2, 1.0, 4))
    assert (sightings.frames, sightings.peak, sightings.peak_at_seconds) == (3, 4, 0.5)


@pytest.mark.parametrize("name", ["", " \n"])
def test_a_class_without_a_name_is_told_as_such(name: str) -> None:
    assert describe_sightings(name, see(*ONCE), show_time) == "(no name): 0 s to 1 s"


@given(st.text(max_size=300))
def test_no_name_forges_a_line(name: str) -> None:
    for text in (describe_sightings(name, see(*ONCE), show_time), describe_shortly(name, see(*ONCE))):
        assert text == printable(text)
        assert len(text.splitlines()) <= 1
        assert "  " not in text
