"""The analysis: all that is derived from elements, in one order; events fail alone."""

import pytest

from tests.frames import make_frames
from tests.unit.videojobs.results.watched import (
    DOCK,
    DOOR,
    analyze_elements,
    see,
)
from videojobs.results.analysis import Analysis, analyze
from videojobs.results.object_paths import ObjectPaths


@pytest.mark.parametrize("time", [1e10, -1e10])
def test_an_impossible_time_ends_the_events_and_nothing_else(time: float) -> None:
    inside = see({1: (0.5, 0.5)})
    analyzed = analyze_elements(DOCK, [inside, inside, inside], [0, time, 2], batch=1)
    assert [str(frames.events_failure) for frames in analyzed[1:]] == [
        f"The results break the contract: {time:g} is not a valid time of a video."
    ] * 3
    assert [len(frames.usable_predictions) for frames in analyzed] == [1, 1, 1, 0]


def test_a_bug_ends_the_events_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ObjectPaths, "follow", lambda *_: 1 / 0)
    [frames, end] = analyze_elements(DOCK, [see({1: (0.5, 0.5)})])
    assert isinstance(frames.events_failure, ZeroDivisionError)
    assert (frames.track_ids, frames.events, end.events) == ([1], (), ())


def test_each_model_has_its_own_events_which_end_before_the_next_model() -> None:
    crossing = [see({1: (0.8, 0.5)}), see({1: (0.4, 0.5)})]
    batches = [make_frames("a", crossing), make_frames("b", crossing, first=0), make_frames("b", [], first=2)]
    analyzed = list(analyze(batches, Analysis(track=True, regions=(*DOOR, *DOCK))))
    assert [(frames.model_id, frames.first, len(frames.entries)) for frames in analyzed] == [
        ("a", 0, 2),
        ("a", 2, 0),
        ("b", 0, 2),
        ("b", 2, 0),
        ("b", 2, 0),
    ]
    assert [[event.kind for event in frames.events] for frames in analyzed].count(["exit"]) == 2
    assert all(event.model_id == frames.model_id for frames in analyzed for event in frames.events)


def test_without_regions_there_are_no_further_frames() -> None:
    assert len(list(analyze([make_frames("a", [])], Analysis(track=True)))) == 1
