"""Elements that are boxes alone are parsed faster, and say the same."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.results.summarized import HANDS, classes
from videojobs.results.predictions import COLUMNS, Frames, decode_boxes, read_frame_facts

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
    optional={"time": numbers, "image": st.sampled_from([None, 3, [], {"width": 640, "height": 360}, [{"width": 1}]])},
)


@given(st.lists(st.none() | box_elements, min_size=1, max_size=5))
def test_boxes_are_the_same_however_they_are_parsed(elements: list[Any]) -> None:
    offsets = [0] * len(elements)
    plain = Frames(model=HANDS, first=0, frame_offsets=offsets, time_offsets=offsets, entries=elements)
    parsed = Frames(
        model=HANDS,
        first=0,
        frame_offsets=offsets,
        time_offsets=offsets,
        entries=decode_boxes(json.dumps(elements).encode()),
    )
    for name in COLUMNS:
        assert list(map(repr, parsed.predictions.columns[name])) == list(map(repr, plain.predictions.columns[name]))
    for frames in (plain, parsed):
        assert all(set(frames.predictions.columns[name]) <= {None} for name in frames.predictions.absent - {"extra"})
    assert (parsed.predictions.counts, parsed.predictions.extra) == (plain.predictions.counts, plain.predictions.extra)
    assert list(map(read_frame_facts, parsed.entries)) == list(map(read_frame_facts, elements))
    again = Frames(model=HANDS, first=0, frame_offsets=offsets, time_offsets=offsets, entries=parsed.elements)
    assert again.predictions.columns == plain.predictions.columns


@pytest.mark.parametrize(
    "prediction",
    [{"mood": 1}, {"points": []}, {"x": 2**63}, {"x": -(2**63) - 1}, {"x": True}, {"x": "1"}, {"class_id": 1.0}, 5],
)
def test_what_is_more_than_boxes_is_not_parsed_as_boxes(prediction: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_boxes(json.dumps([{"predictions": [prediction]}]).encode())
