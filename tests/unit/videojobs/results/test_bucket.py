"""Results are read as they stream by, whatever the pieces, and derived outputs agree with a plain reading."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.errors import BrokenResults
from videojobs.jobs.options import Model
from videojobs.outputs.summary import Summary
from videojobs.results.derivation import derive, read_frames
from videojobs.results.json_lists import read_lists
from videojobs.results.predictions import COLUMNS, Frames, decode_boxes, read_frame_facts

HANDS = Model("my.hands", "4", "object-detection")
ROOM = Model("room", "1", "classification")

classes = st.sampled_from(["Rock", "Paper", "Scissors", "class", "ü\"'", "[{", "\\"])
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
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=12,
)
indents = st.sampled_from([None, 0, 3])


def cut(content: bytes, piece_size: int) -> Iterator[bytes]:
    return (content[start : start + piece_size] for start in range(0, len(content), piece_size))


def summarize(content: bytes, models: list[Model], piece_size: int = 7) -> Summary:
    summary = Summary(models)
    derive(cut(content, piece_size), models, [summary], lambda: cut(content, piece_size))
    return summary


def name_classes(element: Any) -> list[str]:
    if element is None:
        return []
    if "top" in element:
        return [element["top"]]
    return element.get("predicted_classes") or [prediction["class"] for prediction in element["predictions"]]


@given(st.dictionaries(st.text(), anything, max_size=4), st.integers(1, 40), indents, st.booleans())
def test_lists_are_read_whatever_they_hold(
    document: Any, piece_size: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    read: dict[str, list[Any]] = {}
    for entries in read_lists(cut(text, piece_size)):
        values = read.setdefault(entries.key, [])
        assert entries.first == len(values)
        values += entries.values
    assert read == {key: value for key, value in document.items() if isinstance(value, list)}


@given(st.lists(st.tuples(detections, labels), max_size=5), st.integers(1, 50), st.randoms(), st.booleans(), indents)
def test_counts_agree_with_a_plain_reading(
    frames: Any, piece_size: int, random: Any, plural: bool, indent: int | None
) -> None:
    items = [
        ("frame_offsets" if plural else "frame_offset", list(range(len(frames)))),
        ("time_offset", [float(index) for index in range(len(frames))]),
        (HANDS.model_id, [hands for hands, _ in frames]),
        (ROOM.model_id, [room for _, room in frames]),
        ("unknown", {"further": [1]}),
    ]
    random.shuffle(items)
    results: dict[str, Any] = dict(items)
    summary = summarize(json.dumps(results, indent=indent).encode(), [HANDS, ROOM], piece_size)
    assert summary.frames == len(frames)
    for model in (HANDS, ROOM):
        names = [name for element in results[model.model_id] for name in name_classes(element)]
        assert summary.counts[model.model_id] == {name: names.count(name) for name in names}
        assert summary.failed_frames[model.model_id] == results[model.model_id].count(None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", "not JSON: '{' is missing, at byte 0"),
        (b"", "end in the middle of the JSON, after 0 bytes"),
        (b'{"frame_offset": [0], "my.hands": [null, {"predictions"', "after 55 bytes, in element 1 of my.hands"),
        (
            b'{"frame_offset": [0, 6], "time_offset": [0, 1], "my.hands": [null]}',
            "2 frame offsets but 1 elements for my.h",
        ),
        (b'{"frame_offset": [0], "time_offset": [0]}', "The results lack the list my.hands"),
        (b'{"frame_offset": [0], "time_offset": [0, 1], "my.hands": [null]}', "1 frame offsets but 2 time offsets"),
        (b'{"frame_offset": [0], "my.hands": [null]}', "The results lack the list time_offset"),
        (b'{"frame_offset": [0, 6.5], "time_offset": [0, 1], "my.hands": [null, null]}', "element 1 of frame_offset"),
        (b'{"frame_offset": [0], "frame_offsets": [0], "my.hands": []}', "frame_offset twice"),
        (b'{"my.hands": [], "my.hands": []}', "my.hands twice"),
        (b'{"my.hands": [null,\nnull,\n{"x": 1,}]}', "at byte 34 .line 3., in element 2 of my.hands"),
        (b'{"my.hands": [null, [}]}', "in element 1 of my.hands"),
        (b'{"my.hands": [null, nul]}', "in element 1 of my.hands"),
        (b'{"my.hands": [null, "\xff"]}', "not UTF-8, at byte 21"),
        (b'{"my.hands": [null,]}', "not JSON"),
        (b'{"my.hands": [,null]}', "not JSON"),
        (b'{"my.hands": [null null]}', "not JSON"),
        (b'{"my.hands": [NaN]}', "not JSON"),
        (b'{"my.hands": []} x', "something follows its end, at byte 17"),
        (b'{"my.hands": [],}', "a key is missing"),
        (b'{"other": 1 2}', "not JSON"),
        (b'{"my.hands" []}', "':' is missing"),
        (
            b'{"frame_offset": [0, 6], "time_offset": [0, 1], "my.hands": [null, 7]}',
            "contract in element 1 of my.hands: 7 is neither",
        ),
        (
            b'{"frame_offset": [0], "time_offset": [0], "my.hands": [{"predictions": [{}, 8]}]}',
            "contract in element 0 of my.hands: 8 is not a prediction",
        ),
    ],
)
@pytest.mark.parametrize("piece_size", [1, 5, 1000])
def test_a_broken_file_says_where(content: bytes, words: str, piece_size: int) -> None:
    with pytest.raises(BrokenResults, match=words):
        summarize(content, [HANDS], piece_size)


@given(st.binary(max_size=30), st.integers(0, 60), st.integers(1, 70))
def test_a_damaged_file_is_read_or_refused(damage: bytes, place: int, piece_size: int) -> None:
    whole = b'{"frame_offset": [0], "time_offset": [0.5], "my.hands": [{"predictions": [{"class": "a"}]}]}'
    content = whole[:place] + damage + whole[place + len(damage) :]
    try:
        summarize(content, [HANDS], piece_size)
    except BrokenResults:
        return
    assert isinstance(json.loads(content), dict)


def test_elements_before_their_offsets_are_read_once_more() -> None:
    content = b'{"my.hands": [null, {}], "frame_offset": [0, 6], "time_offset": [0, 0.25]}'
    [frames] = [frames for frames in read_frames([content], [HANDS], lambda: [content]) if frames.elements]
    assert (list(frames.frame_offsets), list(frames.time_offsets)) == ([0, 6], [0, 0.25])


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


def test_a_list_goes_on_when_it_is_boxes_no_more() -> None:
    elements = [*({"predictions": [{"class": "a"}]} for _ in range(9)), *({"predictions": [{"mood": 1}]},) * 9, None]
    text = json.dumps({"frame_offset": [0] * 19, "time_offset": [0] * 19, HANDS.model_id: elements}).encode()
    found = [
        element
        for frames in read_frames([text[n : n + 90] for n in range(0, len(text), 90)], [HANDS], lambda: [text])
        for element in frames.elements
    ]
    assert found == elements
