import re
import tracemalloc
from typing import Any

import pytest

from tests.frames import make_frames
from tests.unit.videojobs.report.written import FACTS, make_box, write
from videojobs.report import class_timelines
from videojobs.report.writer import ReportWriter, join_modules


def test_a_piece_contains_frames_with_their_times_and_the_picture_size() -> None:
    boxes = [make_box("Rock", 0.91239), make_box("Paper", 1)]
    _, (piece,), _ = write([{"image": {"width": 640, "height": 360}, "predictions": boxes}, None])

    assert piece == {
        "size": [640, 360],
        "times": [0.0, 0.2],
        "offsets": [0, 6],
        "frames": [[[0, 0.9124, 10.0, 20, 3.0, 4.0], [1, 1, 10.0, 20, 3.0, 4.0]], None],
    }


def test_a_picture_of_another_size_starts_a_piece() -> None:
    sizes = [(640, 360), (640, 360), (320, 180)]
    _, pieces, _ = write([{"image": {"width": w, "height": h}, "predictions": []} for w, h in sizes])

    assert [(piece["size"], len(piece["frames"])) for piece in pieces] == [([640, 360], 2), ([320, 180], 1)]


def test_small_pieces_are_in_the_page_and_large_ones_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videojobs.report.writer.PIECE_BYTES", 200)
    elements = [{"predictions": [make_box("Rock", 0.5)]}] * 20

    inside, pieces, page = write(elements)
    assert inside["pieces_url"] is None
    assert len(pieces) == len(inside["models"][0]["pieces"]) > 3
    assert "connect-src 'none'" in page

    beside, same_pieces, smaller_page = write(elements, inline_max_bytes=0)
    assert beside["pieces_url"] == "report-data"
    assert same_pieces == pieces
    assert len(smaller_page) < len(page)
    spans = [(piece["first"], piece["last"]) for piece in beside["models"][0]["pieces"]]
    assert spans == [(piece["times"][0], piece["times"][-1]) for piece in pieces]


@pytest.mark.parametrize(
    "element",
    [
        {},
        [],
        "text",
        7,
        {"predictions": None},
        {"predictions": [None, 3, {}, {"class": "Rock"}]},
        {"predictions": [make_box("Rock", 0.5) | {"x": float("nan")}]},
        {"predictions": [make_box("Rock", 0.5) | {"x": 10**400}]},
        {"predictions": [{**make_box("Rock", 0.5), "x": "left"}]},
        {"predictions": [make_box("Rock", 0.5, points=[{"x": 1}])]},
        {"predictions": [{"face": {"x": 1}, "yaw": 0, "pitch": 0}]},
        {"predictions": {"Rock": {}}, "predicted_classes": 3, "image": {"width": "wide"}},
    ],
    ids=str,
)
def test_an_element_that_cannot_be_drawn_does_not_prevent_drawing_the_others(element: Any) -> None:
    _, (piece,), _ = write([element, {"predictions": [make_box("Paper", 0.5)]}])

    assert [mark[1:] for mark in piece["frames"][1]] == [[0.5, 10.0, 20, 3.0, 4.0]]
    assert all(len(mark) == 2 for mark in piece["frames"][0] or ())


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_timelines, "BINS_MAX", 64)
    monkeypatch.setattr("videojobs.report.writer.PIECE_BYTES", 20_000)

    def measure(frames: int) -> int:
        element = {"predictions": [make_box("Rock", 0.5)] * 20}
        tracemalloc.start()
        with ReportWriter() as writer:
            writer.add_model("parts", None)
            for number in range(frames):
                writer.add(make_frames("parts", [element], first=number))
            writer.finish(FACTS)
            _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    measure(3000)  # Python keeps a few thousand small objects for reuse, and the first call starts gzip's thread
    assert measure(3000) < 1.2 * measure(500)


def test_the_page_allows_only_its_own_script_and_the_video() -> None:
    _, _, page = write([])
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "media-src https: blob:" in policy


def test_the_page_s_modules_are_combined_into_one() -> None:
    modules = ["export const a = 1;\nexport class B {}\n", 'import { a, B } from "./one.js";\na + new B();\n']

    assert join_modules(modules) == "const a = 1;\nclass B {}\n\na + new B();\n"
