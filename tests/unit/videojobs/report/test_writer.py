import base64
import gzip
import io
import json
import re
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frames import make_frames
from videojobs.report import class_timelines
from videojobs.report.class_timelines import COUNTS, OTHER_CLASSES
from videojobs.report.writer import ReportFacts, ReportWriter, join_modules
from videojobs.results.marks import Mark

FACTS = ReportFacts("belt.mp4", "video", share_url="https://api.example")


def make_box(name: str, confidence: float, **more: Any) -> dict[str, Any]:
    return {"x": 10.04, "y": 20, "width": 3.0, "height": 4.0, "confidence": confidence, "class": name, **more}


def write(elements: list[Any], **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The index, the pieces in order, and the page itself."""
    with ReportWriter() as writer:
        writer.add_model("parts", "object-detection")
        numbers = range(len(elements))
        writer.add(
            make_frames("parts", elements, [6 * number for number in numbers], [number / 5 for number in numbers])
        )
        report = writer.finish(FACTS, **options)
        file = io.BytesIO()
        report.write_page(file)
        pieces = [content for _, content in report.pieces()]
    page = file.getvalue().decode()
    data = dict(re.findall(r'<script type="application/gzip" data-name="([^"]+)">([^<]*)</script>', page))
    decoded = {name: json.loads(gzip.decompress(base64.b64decode(content))) for name, content in data.items()}
    index = decoded.pop("index")
    return index, [*decoded.values(), *(json.loads(gzip.decompress(piece)) for piece in pieces)], page


def unfold(pairs: list[int]) -> dict[int, int]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


predictions = st.lists(st.builds(make_box, st.sampled_from(["Rock", "Paper"]), st.floats(0, 1)), max_size=6)
elements = st.lists(st.one_of(st.none(), st.builds(lambda found: {"predictions": found}, predictions)), max_size=40)


@given(elements, st.integers(0, 100))
@settings(max_examples=60)
def test_the_index_counts_what_a_plain_reading_counts_at_any_confidence(elements: list[Any], percent: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_timelines, "BINS_MAX", 8)
        index, pieces, _ = write(elements)
    (model,) = index["models"]
    found, frames = Counter[str](), Counter[str]()
    at_once: dict[str, list[int]] = {}
    for element in elements:
        names = Counter(
            box["class"]
            for box in (element or {"predictions": []})["predictions"]
            if Mark(0, round(box["confidence"], 4)).percent >= percent
        )
        found.update(names)
        frames.update(names.keys())
        for name in ("Rock", "Paper"):
            at_once.setdefault(name, []).append(max([count for count in COUNTS if count <= names[name]], default=0))

    assert model["frames"] == len(elements) == sum(len(piece["frames"]) for piece in pieces)
    assert model["failed"] == elements.count(None)
    assert len(model["starts"]) <= 8
    per_bin = 1
    while len(elements) > 8 * per_bin:
        per_bin *= 2
    for entry in model["classes"]:
        name = entry["name"]
        assert sum(n for at, n in unfold(entry["found"]).items() if at >= percent) == found[name]
        assert sum(n for at, n in unfold(entry["frames"]).items() if at >= percent) == frames[name]
        most = [
            max([count for count, sure in zip(COUNTS, seen or [], strict=False) if sure >= percent], default=0)
            for seen in entry["bins"]
        ]
        assert most == [max(at_once[name][at : at + per_bin]) for at in range(0, len(elements), per_bin)]


def test_a_piece_holds_frames_with_their_times_and_the_pictures_size() -> None:
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


def test_pieces_are_in_the_page_while_they_are_small_and_beside_it_above(monkeypatch: pytest.MonkeyPatch) -> None:
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
        {"predictions": [make_box("Rock", float("nan"))]},
        {"predictions": [make_box("Rock", 10**400)]},
        {"predictions": [{**make_box("Rock", 0.5), "x": "left"}]},
        {"predictions": [make_box("Rock", 0.5, points=[{"x": 1}])]},
        {"predictions": [{"face": {"x": 1}, "yaw": 0, "pitch": 0}]},
        {"predictions": {"Rock": {}}, "predicted_classes": 3, "image": {"width": "wide"}},
    ],
    ids=str,
)
def test_what_can_not_be_drawn_does_not_keep_the_rest_from_being_drawn(element: Any) -> None:
    _, (piece,), _ = write([element, {"predictions": [make_box("Paper", 0.5)]}])

    assert [mark[1:] for mark in piece["frames"][1]] == [[0.5, 10.0, 20, 3.0, 4.0]]
    assert all(len(mark) == 2 for mark in piece["frames"][0])


def test_classes_beyond_what_a_page_can_list_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_timelines, "CLASSES_MAX", 2)
    index, _, _ = write([{"predictions": [make_box(name, 0.5) for name in "abcd"]}])

    entries = index["models"][0]["classes"]
    assert [(entry["name"], entry["found"]) for entry in entries] == [
        ("a", [50, 1]),
        ("b", [50, 1]),
        (OTHER_CLASSES, [50, 2]),
    ]


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

    assert measure(3000) < 1.2 * measure(500)


def test_the_page_allows_its_own_script_and_the_video_alone() -> None:
    _, _, page = write([])
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "media-src https: blob:" in policy


def test_modules_become_one() -> None:
    modules = ["export const a = 1;\nexport class B {}\n", 'import { a, B } from "./one.js";\na + new B();\n']

    assert join_modules(modules) == "const a = 1;\nclass B {}\n\na + new B();\n"
