"""Predictions: one reader of elements, strict for what is stored and lenient for what is shown."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import make_frames
from tests.unit.videojobs.results.summarized import HANDS, classes
from videojobs.errors import BrokenResults
from videojobs.results.predictions import COLUMNS, FrameFacts, decode_boxes, read_frame_facts

ROCK = {"class": "Rock", "confidence": 0.5}

numbers = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


boxes = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("x", "y", "width", "height", "confidence"), numbers),
        "class": st.none() | classes,
        "class_id": st.none() | st.integers(-5, 5),
        "tracker_id": st.none() | st.integers(0, 5) | st.text(max_size=3),
        "detection_id": st.none() | st.text(max_size=3),
    },
)


box_elements = st.fixed_dictionaries(
    {"predictions": st.lists(boxes, max_size=3)},
    optional={
        "time": numbers,
        "image": st.sampled_from([None, 3, [], {"width": 640, "height": 360}, [{"width": 1}]]),
        "repeated_from": st.integers(0, 2**40),
    },
)


@given(st.lists(st.none() | box_elements, min_size=1, max_size=5))
def test_boxes_are_the_same_however_they_are_parsed(elements: list[Any]) -> None:
    plain = make_frames(HANDS.model_id, elements)
    parsed = make_frames(HANDS.model_id, decode_boxes(json.dumps(elements).encode()))
    for name in COLUMNS:
        assert list(map(repr, parsed.predictions.columns[name])) == list(map(repr, plain.predictions.columns[name]))
    for frames in (plain, parsed):
        assert all(set(frames.predictions.columns[name]) <= {None} for name in frames.predictions.absent - {"extra"})
    assert (parsed.predictions.counts, parsed.predictions.extra) == (plain.predictions.counts, plain.predictions.extra)
    assert parsed.facts == plain.facts
    again = make_frames(HANDS.model_id, msgspec.to_builtins(parsed.entries))
    assert again.predictions.columns == plain.predictions.columns


@pytest.mark.parametrize(
    "prediction",
    [{"mood": 1}, {"points": []}, {"x": 2**63}, {"x": -(2**63) - 1}, {"x": True}, {"x": "1"}, {"class_id": 1.0}, 5],
)
def test_predictions_with_other_fields_are_not_parsed_as_boxes(prediction: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_boxes(json.dumps([{"predictions": [prediction]}]).encode())


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("text", 'element 13 of parts: "text" is neither an object nor a list nor null'),
        ({"predictions": 7}, "element 13 of parts: predictions is 7"),
        ({"predictions": [ROCK, None]}, "element 13 of parts: null is not a prediction"),
        ({"predictions": [{"face": ROCK}, [1]]}, r"element 13 of parts: \[1\] is not a prediction"),
    ],
)
def test_a_prediction_that_breaks_the_contract_is_an_error_when_stored_and_left_out_when_shown(
    broken: Any, words: str
) -> None:
    frames = make_frames("parts", [{"predictions": [ROCK]}, broken, 5, {"predictions": [ROCK]}], first=12)

    with pytest.raises(BrokenResults, match=words):
        frames.predictions  # noqa: B018  reading the property raises the error

    usable = frames.usable_predictions
    assert (usable.counts[0], usable.counts[2:]) == (1, [0, 1])
    assert set(usable.columns["class"]) == {"Rock"}
    assert len(usable) == sum(usable.counts) == len(usable.extra)


def test_valid_predictions_are_the_same_stored_and_shown() -> None:
    frames = make_frames("parts", [{"predictions": [ROCK]}, None, [0.5], {}])
    assert frames.predictions is frames.usable_predictions


def test_values_without_a_column_and_those_that_do_not_fit_it_are_kept_by_row() -> None:
    predictions = make_frames("parts", [{"predictions": [ROCK, {**ROCK, "mood": 1, "x": "left"}]}]).predictions
    assert predictions.others == {1: {"mood": 1, "x": "left"}}
    assert list(predictions.extra) == [None, '{"mood": 1, "x": "left"}']


@pytest.mark.parametrize(
    ("element", "vector"),
    [
        ([0.5, 1], [0.5, 1]),
        ([], []),
        ([[0.5]], [0.5]),
        ({"embeddings": [[0.5]]}, [0.5]),
        (["half"], None),
        ({"embeddings": None}, None),
    ],
)
def test_an_embedding_is_recognized_even_without_numbers(element: Any, vector: list[float] | None) -> None:
    facts = read_frame_facts(element)
    assert (facts.is_embedding, facts.embedding) == (True, vector)


@pytest.mark.parametrize("element", [None, {}, {"predictions": []}, {"top": "day", "predictions": []}, "text", 7])
def test_nothing_else_is_an_embedding(element: Any) -> None:
    assert not read_frame_facts(element).is_embedding


@pytest.mark.parametrize(
    ("image", "size"),
    [
        ({"width": 640, "height": 360}, (640, 360)),
        ([{"width": 640.0, "height": 360}], (640, 360)),
        ({"width": 0.5, "height": 360}, None),
        ({"width": 0, "height": 360}, None),
        ({"width": "wide", "height": 360}, None),
        ({"width": 2**31, "height": 360}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_picture_has_a_size_of_whole_pixels_or_none(image: Any, size: tuple[int, int] | None) -> None:
    assert read_frame_facts({"image": image, "predictions": []}) == FrameFacts(size=size)
