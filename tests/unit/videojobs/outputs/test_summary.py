"""Counts, compared with a simple reading of the results."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.results.summarized import HANDS, ROOM, detections, indents, labels, summarize


def name_classes(element: Any) -> list[str]:
    if element is None:
        return []
    if "top" in element:
        return [element["top"]]
    return element.get("predicted_classes") or [prediction["class"] for prediction in element["predictions"]]


@given(st.lists(st.tuples(detections, labels), max_size=5), st.integers(1, 50), st.randoms(), st.booleans(), indents)
def test_counts_agree_with_a_simple_reading(
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


def test_an_element_without_predictions_is_a_failure_like_null() -> None:
    elements = [{"error": "model crashed"}, {"predictions": None}, {}, None, {"predictions": []}, {"embeddings": [0.5]}]
    results = {"frame_offset": list(range(6)), "time_offset": list(range(6)), HANDS.model_id: elements}
    summary = summarize(json.dumps(results).encode(), [HANDS])
    assert (summary.frames, summary.failed_frames[HANDS.model_id]) == (6, 4)
