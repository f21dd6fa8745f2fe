"""Local results files: what is read, and which files are refused."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.videoinfer.test_report import make_report, write_json
from videoinfer.results_file import read_results_file


def test_keys_may_be_in_any_order_and_elements_may_contain_anything(tmp_path: Path) -> None:
    results: dict[str, list[Any]] = {
        "clip.v1": [[0.5, 1e-3], {"embeddings": [[1]]}],
        "time_offset": [0.0, 0.5],
        "parts": [None, {"a.b": [{"c": [1, [2]]}], "frame_offset": 3}],
        "frame_offset": [0, 12],
    }
    file = read_results_file(write_json(tmp_path / "results.json", results))

    assert file.model_ids == ("clip.v1", "parts")
    batches = list(file.read_frames({"parts": "object-detection"}))
    assert {(frames.model_id, frames.inference_type) for frames in batches} == {
        ("clip.v1", None),
        ("parts", "object-detection"),
    }
    assert [
        (frames.model_id, *sample)
        for frames in batches
        for sample in zip(frames.frame_offsets, frames.time_offsets, frames.entries, strict=True)
    ] == [
        (model_id, offset, time, results[model_id][number])
        for model_id in ("clip.v1", "parts")
        for number, (offset, time) in enumerate([(0, 0.0), (12, 0.5)])
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (" ", "is not a results file"),
        ('{"frame_offset": [0', "is not a results file"),
        ("[1]", "'{' is missing"),
        ({"frame_offset": 3, "time_offset": []}, "it has no list frame_offset"),
        ({"frame_offset": []}, "it has no list time_offset"),
        ('{"frame_offset": [0], "time_offset": [0], "m": [null], "m": [null]}', "it has the list m twice."),
        ('{"frame_offset": [0], "time_offset": [0], "m": [], "m": [null]}', "it has the list m twice."),
        ('{"frame_offset": [], "time_offset": [0], "frame_offsets": [0]}', "it has the list frame_offsets twice."),
        ({"frame_offset": ["a"]}, "is not a results file"),
        ({"frame_offset": [0], "time_offset": [0], "parts": [None, None]}, "1 frame offsets but 2 of parts"),
        ({"frame_offset": [0], "time_offset": []}, "1 frame offsets but 0 of time offsets"),
    ],
)
def test_a_file_that_is_not_a_results_file_is_refused_with_a_reason(
    content: Any, words: str, tmp_path: Path, video: Path
) -> None:
    results = write_json(tmp_path / "results.json", content)

    status, text = make_report(results, video, "-o", tmp_path / "page.html")

    assert status == 1
    assert words in text
    assert not (tmp_path / "page.html").exists()
