"""The analysis: all that is derived from elements, in one order; events fail alone."""

from dataclasses import replace

import pytest

from tests.frames import make_frames
from tests.unit.videojobs.results.watched import (
    DOCK,
    DOOR,
    analyze_elements,
    see,
)
from videojobs.jobs.regions import parse_regions
from videojobs.results.analysis import Analysis, analyze, select_regions
from videojobs.results.filters import PredictionFilter
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
    kinds = ["entry", "crossing", "exit"]
    assert [[event.kind for event in frames.events] for frames in analyzed] == [[], kinds, [], [], kinds]
    assert all(event.model_id == frames.model_id for frames in analyzed for event in frames.events)


def test_without_regions_there_are_no_further_frames() -> None:
    assert len(list(analyze([make_frames("a", [])], Analysis(track=True)))) == 1


def test_an_object_that_is_once_found_as_a_class_that_counts_has_no_events() -> None:
    elements = [see({1: (0.5, 0.5)}, **{"class": "bottle" if number == 5 else "cup"}) for number in range(10)]
    analysis = Analysis(track=True, selected=PredictionFilter(classes={"bottle"}), regions=DOCK)
    analyzed = list(analyze([make_frames("m", elements)], analysis))
    assert [event for frames in analyzed for event in frames.events] == []
    assert [len(frames.usable_predictions) for frames in analyzed] == [1, 0]


def test_an_object_that_is_once_found_as_another_class_has_one_visit() -> None:
    elements = [see({1: (0.5, 0.5)}, **{"class": "cup" if number == 5 else "bottle"}) for number in range(10)]
    analysis = Analysis(track=True, selected=PredictionFilter(classes={"bottle"}), regions=DOCK)
    analyzed = list(analyze([make_frames("m", elements)], analysis))
    assert [(event.kind, event.class_name) for frames in analyzed for event in frames.events] == [
        ("entry", "bottle"),
        ("exit", "bottle"),
    ]
    assert [len(frames.usable_predictions) for frames in analyzed] == [9, 0]


def test_an_object_that_is_found_as_two_classes_is_of_the_one_that_counts() -> None:
    """One is a kind of the other, for example."""
    boxes = [see({1: (0.5, 0.5)}, **{"class": name})["predictions"][0] for name in ("person", "worker")]
    elements = [{**see({}), "predictions": boxes} for _ in range(3)]
    for selected, regions in (
        (PredictionFilter(classes={"worker"}), DOCK),
        (PredictionFilter(), [replace(DOCK[0], classes=("worker",))]),
    ):
        analyzed = list(analyze([make_frames("m", elements)], Analysis(track=True, selected=selected, regions=regions)))
        events = [event for frames in analyzed for event in frames.events]
        assert [(event.kind, event.class_name) for event in events] == [("entry", "worker"), ("exit", "worker")]


def test_predictions_below_the_least_confidence_make_no_events() -> None:
    elements = [see({1: (0.5, 0.5)}, confidence=0.3)]
    selected = PredictionFilter(classes={"car"}, min_confidence={"car": 0.4})
    analyzed = list(analyze([make_frames("m", elements)], Analysis(track=True, selected=selected, regions=DOCK)))
    assert [event for frames in analyzed for event in frames.events] == []


def test_only_classes_that_count_are_left_in_regions() -> None:
    polygon = [[0, 0], [1, 0], [1, 1]]
    regions = parse_regions(
        [
            {"name": "all", "polygon": polygon},
            {"name": "some", "polygon": polygon, "classes": ["truck", "bus"]},
            {"name": "none", "polygon": polygon, "classes": ["bus"]},
        ]
    )
    assert select_regions(regions, set()) == regions
    limited = select_regions(regions, {"truck", "car"})
    assert [(region.name, region.classes) for region in limited] == [("all", ("car", "truck")), ("some", ("truck",))]
