"""When each class is on screen, compared with a simple reading, at any confidence."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.videojobs.report.written import make_box, write
from videojobs.report import class_timelines
from videojobs.report.class_timelines import COUNTS, OTHER_CLASSES
from videojobs.results.marks import Mark


def unfold(pairs: list[int]) -> dict[int, int]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


predictions = st.lists(st.builds(make_box, st.sampled_from(["Rock", "Paper"]), st.floats(0, 1)), max_size=6)


elements = st.lists(st.one_of(st.none(), st.builds(lambda found: {"predictions": found}, predictions)), max_size=40)


@given(elements, st.integers(0, 100))
@settings(max_examples=60)
def test_the_index_agrees_with_a_simple_reading_at_any_confidence(elements: list[Any], percent: int) -> None:
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


def test_classes_beyond_what_a_page_can_list_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_timelines, "CLASSES_MAX", 2)
    index, _, _ = write([{"predictions": [make_box(name, 0.5) for name in "abcd"]}])

    entries = index["models"][0]["classes"]
    assert [(entry["name"], entry["found"]) for entry in entries] == [
        ("a", [50, 1]),
        ("b", [50, 1]),
        (OTHER_CLASSES, [50, 2]),
    ]


def test_names_are_those_of_the_sentences() -> None:
    timelines = class_timelines.ModelTimelines()
    for name in ("", "hard  hat", "x" * 300):
        timelines.number_class(name)
    assert [entry["name"] for entry in timelines.to_dict()["classes"]] == ["(no name)", "hard hat", f"{'x' * 99}…"]
