"""Marks: how predictions of each inference type are drawn, and how marks are written for the page."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import make_frames
from videojobs.results.marks import Keypoint, Mark, list_mark_columns, list_marks
from videojobs.results.predictions import decode_boxes, read_predictions

BOX = {"class": "Rock", "confidence": 0.91239, "x": 10.04, "y": 20, "width": 3.0, "height": 4.0}
SHAPE = (10.0, 20, 3.0, 4.0)


def read(*elements: Any) -> list[list[Mark]]:
    numbers: dict[str, int] = {}
    predictions, _ = read_predictions(elements)
    return list_marks(predictions, lambda name: numbers.setdefault(name, len(numbers)))


def read_one(**changes: Any) -> list[Mark]:
    """The marks of a box with some of its fields changed."""
    [marks] = read({"predictions": [{**BOX, **changes}]})
    return marks


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in BOX.items() if name not in names}


def test_marks_are_grouped_by_frame_and_classes_numbered_in_order_of_appearance() -> None:
    paper = {**BOX, "class": "Paper"}
    assert read({"predictions": [BOX, paper]}, None, {"predictions": []}, {"predictions": [paper]}) == [
        [Mark(0, 0.9124, SHAPE), Mark(1, 0.9124, SHAPE)],
        [],
        [],
        [Mark(1, 0.9124, SHAPE)],
    ]


@pytest.mark.parametrize(
    ("element", "confidence"),
    [
        ({"top": "day", "confidence": 0.5, "predictions": [{"class": "day", "confidence": 0.5}]}, 0.5),
        ({"top": "day", "predictions": [{"class": "day"}]}, None),
        ({"top": "day", "confidence": 0.5, "predictions": []}, 0.5),
        ({"predictions": {"day": {"confidence": 0.5}, "night": {}}, "predicted_classes": ["day"]}, 0.5),
        ({"predictions": {"day": {"class_id": 3}}, "predicted_classes": ["day"]}, None),
        ({"predictions": [{"class": "day"}]}, None),
    ],
    ids=str,
)
def test_a_label_has_the_same_confidence_as_in_the_tables(element: Any, confidence: float | None) -> None:
    assert read(element) == [[Mark(0, confidence)]]
    predictions = make_frames("m", [element]).predictions
    assert predictions.columns["confidence"] == [confidence]


@pytest.mark.parametrize("box", [without("confidence"), {**BOX, "confidence": None}], ids=["missing", "null"])
def test_a_box_without_confidence_is_drawn_without_one_and_counts_as_certain(box: Any) -> None:
    [[mark]] = read({"predictions": [box]})
    assert mark == Mark(0, None, SHAPE)
    assert (mark.certainty, mark.percent) == (1.0, 100)
    assert json.loads(json.dumps(mark.to_list())) == [0, None, 10.0, 20, 3.0, 4.0]


@pytest.mark.parametrize(
    ("confidence", "percent"), [(0.0, 0), (0.29, 29), (0.5799, 57), (1, 100), (1.7, 100), (-0.2, 0)]
)
def test_percents_are_whole_rounded_down_and_from_0_to_100(confidence: float, percent: int) -> None:
    assert Mark(0, confidence).percent == percent


POINTS = [{"x": 1, "y": 2.04}, {"x": 3, "y": 4}]


@pytest.mark.parametrize(
    ("fields", "mark", "written"),
    [
        ({}, Mark(0, 0.9124, SHAPE), []),
        ({"points": []}, Mark(0, 0.9124, SHAPE), []),
        (
            {"points": POINTS},
            Mark(0, 0.9124, SHAPE, polygon=[1, 2.0, 3, 4]),
            [{"polygon": [1, 2.0, 3, 4]}],
        ),
        (
            {"points": [{"x": 1, "y": 2, "z": 3}]},  # a field for which the tables have no column
            Mark(0, 0.9124, SHAPE, polygon=[1, 2]),
            [{"polygon": [1, 2]}],
        ),
        (
            {"keypoints": [{"x": 1, "y": 2, "confidence": 0.777, "class": "n\nse"}, {"x": 3, "y": 4}]},
            Mark(0, 0.9124, SHAPE, keypoints=[Keypoint(1, 2, 0.78, "n\\nse"), Keypoint(3, 4, None, "")]),
            [{"keypoints": [[1, 2, 0.78, "n\\nse"], [3, 4, None, ""]]}],
        ),
    ],
    ids=str,
)
def test_the_details_of_a_box_are_read_and_written(fields: Any, mark: Mark, written: list[Any]) -> None:
    assert read_one(**fields) == [mark]
    assert json.loads(json.dumps(mark.to_list())) == [0, 0.9124, *SHAPE, *written]


@pytest.mark.parametrize(("fields", "details"), [({}, None), ({"points": POINTS}, {"polygon": [1, 2.0, 3, 4]})])
def test_a_track_is_written_after_the_details_of_a_box(fields: Any, details: Any) -> None:
    predictions = make_frames("parts", [{"predictions": [{**BOX, **fields}]}]).predictions
    [[mark]] = list_marks(predictions, lambda _: 0, [12])
    assert json.loads(json.dumps(mark.to_list())) == [0, 0.9124, *SHAPE, details, 12]


def test_a_gaze_is_read_from_its_face() -> None:
    [[mark]] = read({"predictions": [{"face": {**BOX, "landmarks": POINTS}, "yaw": -0.5, "pitch": 0.25}]})
    assert mark == Mark(0, 0.9124, SHAPE, gaze=(-0.5, 0.25), landmarks=[1, 2.0, 3, 4])
    assert json.loads(json.dumps(mark.to_list()[6])) == {"gaze": [-0.5, 0.25], "landmarks": [1, 2.0, 3, 4]}


@pytest.mark.parametrize(
    "changes",
    [
        {"class": None},
        {"class": 7},
        {"x": None},
        {"x": "left"},
        {"x": 10**9},
        {"height": float("inf")},
        {"points": 3},
        {"points": "round"},
        {"points": [{"x": 1}]},
        {"points": [{"x": 1, "y": None}]},
        {"points": [None]},
        {"keypoints": {"x": 1}},
        {"yaw": 0.5},
        {"landmarks": POINTS},
    ],
    ids=str,
)
def test_only_a_prediction_without_a_required_number_is_left_out(changes: Any) -> None:
    rock, paper = {**BOX, **changes}, {**BOX, "class": "Paper"}
    assert read({"predictions": [rock, paper]}, {"predictions": [paper]}) == [[Mark(0, 0.9124, SHAPE)]] * 2


NO_CONFIDENCES = ["high", True, -0.01, 1.01, 95, 1e308, -1e308, 10**400, float("nan"), float("inf"), None, [0.5]]


@pytest.mark.parametrize("confidence", NO_CONFIDENCES, ids=str)
def test_what_is_not_from_0_to_1_is_no_confidence(confidence: Any) -> None:
    point = {"x": 1, "y": 2, "confidence": confidence}
    assert read_one(confidence=confidence) == [Mark(0, None, SHAPE)]
    assert read_one(keypoints=[point]) == [Mark(0, 0.9124, SHAPE, keypoints=[Keypoint(1, 2, None, "")])]


@pytest.mark.parametrize("confidence", [0, 0.0, 1, 1.0])
def test_0_and_1_are_confidences(confidence: Any) -> None:
    assert read_one(confidence=confidence) == [Mark(0, confidence, SHAPE)]


numbers = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
boxes = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("x", "y", "width", "height", "confidence"), numbers),
        "class": st.none() | st.sampled_from(["a", "b"]),
    },
)


@given(st.lists(st.none() | st.fixed_dictionaries({"predictions": st.lists(boxes, max_size=3)}), max_size=4))
def test_boxes_have_the_same_marks_however_they_are_parsed(elements: list[Any]) -> None:
    assert read(*decode_boxes(json.dumps(elements).encode())) == read(*elements)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from([*BOX, "points", "keypoints", "face", "yaw", "landmarks"]), values, max_size=4
        )
    ),
    max_leaves=15,
)


@given(st.lists(anything | st.fixed_dictionaries({"predictions": anything, "image": anything}), max_size=3))
def test_marks_of_any_results_can_be_listed_and_written(elements: list[Any]) -> None:
    marks = read(*elements)
    assert len(marks) == len(elements)
    for mark in (mark for found in marks for mark in found):
        json.dumps(mark.to_list(), allow_nan=False)


coordinates = st.floats(-1e10, 1e10) | st.integers(-(2**62), 2**62) | st.sampled_from([0.25, 0.35, -0.05, 1e9, None])
optional_boxes = st.fixed_dictionaries(
    dict.fromkeys(("x", "y", "width", "height"), coordinates),
    optional={
        "class": st.sampled_from(["Rock", "Paper", ""]) | st.none(),
        "confidence": st.floats(-0.1, 1.1) | st.sampled_from([0.29, 0.99995, 1, None]),
        "points": st.just(POINTS),
    },
)
plain_boxes = st.fixed_dictionaries(
    {
        **{name: st.floats(-1e8, 1e8) | st.integers(-1000, 1000) for name in ("x", "y", "width", "height")},
        "class": st.sampled_from(["Rock", "Paper"]),
        "confidence": st.floats(0, 1) | st.none(),
    }
)


@given(st.lists(st.lists(plain_boxes | optional_boxes, max_size=3) | st.lists(plain_boxes, max_size=3)), st.data())
def test_the_columns_of_marks_have_the_same_marks(frames: list[list[dict[str, Any]]], data: st.DataObject) -> None:
    predictions, _ = read_predictions([{"predictions": found} for found in frames])
    count = len(predictions)
    track_ids = data.draw(st.none() | st.lists(st.none() | st.integers(1, 9), min_size=count, max_size=count))
    numbers: list[dict[str, int]] = [{}, {}]

    columns = list_mark_columns(predictions, lambda name: numbers[0].setdefault(name, len(numbers[0])), track_ids)

    marks = list_marks(predictions, lambda name: numbers[1].setdefault(name, len(numbers[1])), track_ids)
    every = [mark for found in marks for mark in found]
    assert numbers[0] == numbers[1]
    assert list(columns.counts) == list(map(len, marks))
    assert list(columns.class_numbers) == [mark.class_number for mark in every]
    assert list(columns.percents) == [mark.percent for mark in every]
    assert json.dumps(columns.lists) == json.dumps([mark.to_list() for mark in every])
