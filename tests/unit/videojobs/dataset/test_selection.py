"""Which frames a dataset gets: all, some, or those at events."""

import json
from pathlib import Path

import pytest

from tests.frames import make_frames
from tests.unit.videojobs.dataset.drawn_cases import FPS, STEP, SURE, choose, choose_of_models, make_box, make_options
from videojobs.dataset.selection import TrackEnds, choose_frames
from videojobs.jobs.regions import Region, parse_regions
from videojobs.results.analysis import Analysis


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_all_and_every_nth_frame(batch: int) -> None:
    assert choose("all", *[SURE] * 17, batch=batch) == list(range(17))
    assert choose("every 5", *[SURE] * 17, batch=batch) == [0, 5, 10, 15]
    assert choose("every 40", *[SURE] * 17, batch=batch) == [0]
    assert choose_of_models("every 5", {"m": [SURE] * 12, "n": [SURE] * 12}, batch=batch) == [0, 5, 10]


LINE: tuple[Region, ...] = parse_regions([{"name": "door", "line": [[0.5, 1], [0.5, 0]], "anchor": "center"}])


def test_frames_at_events_of_regions() -> None:
    frames = [[make_box(1, x=x)] for x in (10, 20, 30, 40, 60, 70, 80, 90)]
    assert choose("events", *frames, regions=LINE) == [4]


def test_without_regions_the_first_and_the_last_frame_of_each_object() -> None:
    two = [make_box(1), make_box(2)]
    frames = [[], *[SURE] * 3, *[two] * 5, *[[make_box(2)]] * 2, []]
    assert choose("events", *frames) == [1, 4, 8, 10]


def test_an_object_that_was_lost_comes_again() -> None:
    frames = [*[SURE] * 3, *[[]] * 10, *[SURE] * 3, *[[]] * 30, *[SURE] * 3]
    assert choose("events", *frames) == [0, 15, 46, 48]


def test_ended_tracks_take_no_memory() -> None:
    selection = TrackEnds()
    count = 1000
    elements = [{"predictions": [make_box(number)]} for number in range(1, count + 1)]
    frames = make_frames("m", elements, range(count), [float(number) for number in range(count)])
    selection.add(Analysis(track=True).add(frames))
    assert len(selection._live) < 10


def test_frames_are_chosen_from_a_results_file_in_which_models_follow_one_another(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    elements = {
        "m": [{"predictions": SURE}] * 9,
        "n": [{"predictions": SURE}] * 4 + [{"predictions": []}] + 4 * [{"predictions": SURE}],
    }
    offsets = {"frame_offset": [STEP * number for number in range(9)], "time_offset": [n / FPS for n in range(9)]}
    path.write_text(json.dumps({**elements, **offsets}))
    assert list(choose_frames(path, make_options("uncertain", ("m", "n")))) == [4 * STEP]
    assert list(choose_frames(path, make_options("every 4", ("m", "n")))) == [0, 4 * STEP, 8 * STEP]
