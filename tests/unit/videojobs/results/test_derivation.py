"""Elements are matched with their offsets while results stream, and an error in the file names its place."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.results.summarized import HANDS, summarize
from videojobs.errors import BrokenResults
from videojobs.results.derivation import read_frames


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
        (b'{"my.hands": [-Infinity]}', "not JSON"),
        (b'{"my.hands": ["a\\ud800", 1e400,]}', "not JSON"),
        (b'{"my.hands": ["\xed\xa0\x80"]}', "not UTF-8, at byte 15"),
        (b'{"frame_offset": [0], "time_offset": [0, 1e400], "my.hands": [null]}', "element 1 of time_offset: it is no"),
        (b'{"frame_offset": [0], "time_offset": ["1"], "my.hands": [null]}', "element 0 of time_offset: it is no"),
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
def test_an_error_in_a_broken_file_names_its_place(content: bytes, words: str, piece_size: int) -> None:
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


def test_elements_that_precede_their_offsets_are_read_a_second_time() -> None:
    content = b'{"my.hands": [null, {}], "frame_offset": [0, 6], "time_offset": [0, 0.25]}'
    [frames] = [frames for frames in read_frames([content], [HANDS], lambda: [content]) if frames.entries]
    assert (list(frames.frame_offsets), list(frames.time_offsets)) == ([0, 6], [0, 0.25])


def test_a_list_continues_after_its_elements_stop_being_boxes() -> None:
    elements = [*({"predictions": [{"class": "a"}]} for _ in range(9)), *({"predictions": [{"mood": 1}]},) * 9, None]
    text = json.dumps({"frame_offset": [0] * 19, "time_offset": [0] * 19, HANDS.model_id: elements}).encode()
    found = [
        element
        for frames in read_frames([text[n : n + 90] for n in range(0, len(text), 90)], [HANDS], lambda: [text])
        for element in msgspec.to_builtins(frames.entries)
    ]
    assert found == elements
