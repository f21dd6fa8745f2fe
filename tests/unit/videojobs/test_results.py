"""Results are counted as they stream by, whatever the pieces."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.errors import BrokenResults
from videojobs.options import Model
from videojobs.results import CountedStream, ResultsCounter, Summary

HANDS = Model("my.hands", "4", "object-detection")
ROOM = Model("room", "1", "classification")

classes = st.sampled_from(["Rock", "Paper", "Scissors", "class", "ü\"'"])
detections = st.none() | st.lists(classes, max_size=4).map(
    lambda names: {"time": 0.1, "predictions": [{"x": 1.5, "class": name, "extra": {"class": 1}} for name in names]}
)
labels = (
    st.none()
    | classes.map(lambda name: {"predictions": [{"class": "other", "confidence": 0.1}], "top": name})
    | st.lists(classes, unique=True).map(
        lambda names: {"predictions": {name: {"confidence": 1} for name in names}, "predicted_classes": names}
    )
)


def count(content: bytes, models: list[Model], piece_size: int = 7) -> Summary:
    stream = CountedStream(io.BytesIO(content), ResultsCounter(models))
    while stream.read(piece_size):
        pass
    return stream.finish()


def name_classes(element: Any) -> list[str]:
    if element is None:
        return []
    if "top" in element:
        return [element["top"]]
    return element.get("predicted_classes") or [prediction["class"] for prediction in element["predictions"]]


@given(st.lists(st.tuples(detections, labels), max_size=5), st.integers(1, 50), st.randoms(), st.booleans())
def test_counts_agree_with_a_plain_reading(frames: Any, piece_size: int, random: Any, plural: bool) -> None:
    items = [
        ("frame_offsets" if plural else "frame_offset", list(range(len(frames)))),
        ("time_offset", [float(index) for index in range(len(frames))]),
        (HANDS.model_id, [hands for hands, _ in frames]),
        (ROOM.model_id, [room for _, room in frames]),
    ]
    random.shuffle(items)
    results: dict[str, Any] = dict(items)
    summary = count(json.dumps(results).encode(), [HANDS, ROOM], piece_size)
    assert summary.frames == len(frames)
    for model in (HANDS, ROOM):
        names = [name for element in results[model.model_id] for name in name_classes(element)]
        assert summary.counts[model.model_id] == {name: names.count(name) for name in names}
        assert summary.failed_frames[model.model_id] == results[model.model_id].count(None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", "not JSON"),
        (b"", "end in the middle"),
        (b'{"frame_offset": [0], "my.hands": [{"predictions"', "end in the middle"),
        (b'{"frame_offset": [0, 6], "my.hands": [null]}', "2 frame offsets but 1 elements for my.hands"),
        (b'{"frame_offset": [0]}', "1 frame offsets but 0 elements for my.hands"),
    ],
)
def test_a_broken_file_says_where(content: bytes, words: str) -> None:
    with pytest.raises(BrokenResults, match=words):
        count(content, [HANDS])


def test_a_broken_file_is_read_to_its_end() -> None:
    content = b"<html>" + b"x" * 1000
    stream = CountedStream(io.BytesIO(content), ResultsCounter([HANDS]))
    assert stream.read(6) + stream.read() == content
    with pytest.raises(BrokenResults):
        stream.finish()
