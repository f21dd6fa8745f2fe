"""Track IDs of predictions: independent of batches and parsers, from any results."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import make_frames
from videojobs.results.analysis import Analysis
from videojobs.results.predictions import Frames, decode_boxes
from videojobs.results.samples import read_samples
from videojobs.results.tracking import TrackIds, Tracking, read_tracker_id

CAR: dict[str, Any] = {"class": "car", "x": 10, "y": 20.5, "width": 40, "height": 30, "confidence": 0.9}

numbers = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ids = st.none() | st.integers(-1, 5) | st.text(max_size=3)
boxes = st.fixed_dictionaries(
    {"class": st.sampled_from(["car", "dog"]), "confidence": numbers},
    optional={**dict.fromkeys(("x", "y", "width", "height"), numbers | st.integers(1, 9)), "tracker_id": ids},
)
elements = st.lists(st.none() | st.fixed_dictionaries({"predictions": st.lists(boxes, max_size=3)}), max_size=6)


def track(*batches: list[Any], parse: Any = list) -> list[int | None]:
    """Returns the track IDs of all predictions of a model whose elements come in batches."""
    tracking, found, first = Tracking(), list[int | None](), 0
    for batch in batches:
        tracked = tracking.add(make_frames("cars", parse(batch), first=first))
        assert tracked.track_ids is not None
        assert len(tracked.track_ids) == len(tracked.usable_predictions)
        found += tracked.track_ids
        first += len(batch)
    return found


def see(*predictions: dict[str, Any]) -> dict[str, Any]:
    return {"predictions": list(predictions)}


@given(elements, st.integers(0, 6))
def test_track_ids_do_not_depend_on_batches_or_parsers(found: list[Any], place: int) -> None:
    expected = track(found)
    assert track(found[:place], found[place:]) == expected
    assert track(found, parse=lambda batch: decode_boxes(json.dumps(batch).encode())) == expected


def test_track_ids_are_the_same_when_read_one_sample_at_a_time(tmp_path: Path) -> None:
    """The annotated video reads all models of one sample after another; the tables read one model after another."""
    found: dict[str, list[Any]] = {
        "cars": [see({**CAR, "x": 10 + n}, {**CAR, "x": 500 - n}) for n in range(5)],
        "dogs": [None, see(CAR), see(CAR), None, see({**CAR, "x": 900})],
    }
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"frame_offset": [0, 6, 12, 18, 24], "time_offset": [0, 1, 2, 3, 4], **found}))
    samples = list(read_samples(file, ["cars", "dogs"], Analysis(track=True)))
    for place, (name, of_model) in enumerate(found.items()):
        by_sample = [n for sample in samples for n in sample.elements[place].track_ids or ()]
        assert by_sample == Tracking().add(make_frames(name, of_model)).track_ids
    assert [element.track_ids for element in next(read_samples(file, ["cars"], Analysis(track=False))).elements] == [
        None
    ]


def test_each_model_has_its_own_track_ids() -> None:
    tracking = Tracking()
    assert tracking.add(make_frames("cars", [see(CAR)])).track_ids == [1]
    assert tracking.add(make_frames("dogs", [see(CAR)])).track_ids == [1]


def test_tracker_ids_in_the_results_are_kept_and_the_tracker_adds_none() -> None:
    found = [see({**CAR, "tracker_id": 7}, {**CAR, "x": 300}), see(CAR), see({**CAR, "tracker_id": "12"})]
    assert track(found) == [7, None, None, 12]


def test_tracker_ids_that_begin_late_are_not_mixed_with_those_of_the_tracker() -> None:
    """The tracker gave 1 and 2 before, so the results' own 1 and 2 get other numbers. Their other IDs are kept."""
    before = [see(CAR, {**CAR, "x": 300})] * 2
    own = [see(*({**CAR, "x": 300 * number, "tracker_id": number} for number in (1, 2, 3, "3", "1"))), see(CAR)]
    *ours, first, second, third, third_again, first_again, after = track([*before, *own])
    assert ours == [1, 2, 1, 2]
    assert third == third_again == 3
    assert first == first_again
    assert first is not None
    assert second is not None
    assert len({1, 2, 3, first, second}) == 5
    assert max(first, second) < 2**53
    assert after is None


@pytest.mark.parametrize(("given_id", "number"), [(None, None), (-1, None), (0, 0), (3, 3), ("3", 3)])
def test_a_tracker_id_that_is_a_number_is_kept(given_id: int | str | None, number: int | None) -> None:
    assert read_tracker_id(given_id) == number


@given(st.text(), st.text())
def test_tracker_ids_that_are_texts_become_numbers_that_javascript_can_represent(one: str, other: str) -> None:
    numbers = [read_tracker_id(text) for text in (one, other)]
    assert all(number is not None and 0 <= number < 2**53 for number in numbers)
    if not (one.isdecimal() and other.isdecimal()):
        assert (numbers[0] == numbers[1]) is (one == other)


@pytest.mark.parametrize(
    "without",
    [{"class": "car"}, {**CAR, "width": 0}, {**CAR, "height": -3}, {**CAR, "x": 1e10}, {**CAR, "y": "left"}],
)
def test_a_prediction_without_a_valid_box_has_no_track(without: dict[str, Any]) -> None:
    assert track([see(without, CAR), see(CAR, without)]) == [None, 1, 1, None]


def test_a_prediction_with_a_low_confidence_gets_a_track_when_it_is_detected_again() -> None:
    doubtful = {**CAR, "confidence": 0.3}
    assert track([see(doubtful), see(doubtful)]) == [None, 1]


@pytest.mark.parametrize("confidence", [None, "high", -0.2, 70])
def test_a_confidence_that_is_not_from_0_to_1_counts_as_none(confidence: Any) -> None:
    assert track([see({**CAR, "confidence": confidence})]) == [1]


def test_adding_track_ids_does_not_read_the_elements_again() -> None:
    frames = make_frames("cars", [see(CAR)])
    tracked = frames.with_track_ids([4])
    ids: TrackIds | None = tracked.track_ids
    assert ids == [4]
    assert isinstance(tracked, Frames)
    assert tracked.usable_predictions is frames.usable_predictions
