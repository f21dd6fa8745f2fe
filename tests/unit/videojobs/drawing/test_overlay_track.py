"""Each frame has the overlay of the nearest sampled frame."""

from pathlib import Path

import numpy as np

from tests.unit.videojobs.drawing.clips import (
    GRAY,
    Clip,
    assert_box_at,
    draw,
    make_sample,
    read_pictures,
)
from videojobs.results.samples import Sample


def test_a_frame_shows_the_detections_of_the_nearest_sampled_frame(tmp_path: Path) -> None:
    samples = [make_sample(0, 60, 100), make_sample(10, 160, 100), make_sample(40, 250, 100)]
    pictures = read_pictures(draw(Clip().write(tmp_path), samples, tmp_path))
    assert len(pictures) == 50
    for number, x in [(0, 60), (5, 60), (6, 160), (25, 160), (26, 250), (49, 250)]:
        assert_box_at(pictures[number][1], x, 100)
    untouched = pictures[0][1][120:, 200:]
    assert np.abs(untouched.astype(int) - GRAY).max() < 12


def test_results_without_a_sample_leave_the_video_unchanged(tmp_path: Path) -> None:
    pictures = read_pictures(draw(Clip().write(tmp_path), [], tmp_path))
    assert len(pictures) == 50
    assert np.abs(pictures[20][1].astype(int) - GRAY).max() < 12


def test_a_frame_on_which_the_model_failed_has_nothing_drawn_on_it(tmp_path: Path) -> None:
    samples = [Sample.normalize(0, 0.0, {"parts": None}), make_sample(30, 60, 100)]
    pictures = read_pictures(draw(Clip().write(tmp_path), samples, tmp_path))
    assert np.abs(pictures[10][1].astype(int) - GRAY).max() < 12
    assert_box_at(pictures[30][1], 60, 100)
