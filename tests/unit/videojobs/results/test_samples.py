"""The sampled frames of a stored results file."""

import json
from pathlib import Path

import pytest

from videojobs.results.analysis import Analysis
from videojobs.results.samples import Sample, read_samples


@pytest.mark.parametrize("names", [("frame_offset", "time_offset"), ("frame_offsets", "time_offsets")])
def test_samples_are_read_whatever_the_order_of_the_lists(tmp_path: Path, names: tuple[str, str]) -> None:
    results = tmp_path / "results.json"
    frames, times = names
    results.write_text(json.dumps({"b.2": [None, [1.5]], times: [0, 1.5], "a": [{"top": "x"}, None], frames: [0, 45]}))
    first, second = read_samples(results, ["a", "b.2"], Analysis(track=False))
    assert first == Sample.normalize(0, 0, {"a": {"top": "x"}, "b.2": None})
    assert second == Sample.normalize(45, 1.5, {"a": None, "b.2": [1.5]})
