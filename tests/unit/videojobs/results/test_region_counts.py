"""Running counts agree with the delivery's events, at each sampled frame."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.frames import make_frames
from videojobs.jobs.options import Model, Options
from videojobs.jobs.regions import Region, parse_regions
from videojobs.results.region_counts import RegionCounts, count_regions

LEFT = {"name": "left", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], "anchor": "center"}
MIDDLE = {"name": "middle", "line": [[0.5, 1], [0.5, 0]], "anchor": "center"}
REGIONS = parse_regions([LEFT, MIDDLE])


def make_element(*xs: float) -> dict[str, Any]:
    """Boxes at these places, in shares of the width."""
    boxes = [
        {"x": 100 * x, "y": 50 + 20 * number, "width": 10, "height": 10, "class": "car", "tracker_id": number + 1}
        for number, x in enumerate(xs)
    ]
    return {"image": {"width": 100, "height": 100}, "predictions": boxes}


def write(folder: Path, elements: list[Any], models: tuple[str, ...] = ("m",)) -> Path:
    path, numbers = folder / "results.json", range(len(elements))
    offsets = {"frame_offset": [6 * number for number in numbers], "time_offset": [number / 5 for number in numbers]}
    path.write_text(json.dumps({**offsets, **dict.fromkeys(models, elements)}))
    return path


def make_options(regions: tuple[Region, ...], models: tuple[str, ...] = ("m",), **more: Any) -> Options:
    entries = tuple(Model(model, "1", "object-detection") for model in models)
    return Options(entries, 5, "presigned", regions=regions, **more)


def count(results: Path, options: Options, frames: int) -> list[list[str]]:
    counts = count_regions(results, options)
    assert counts
    return [[counts.describe(region, 6 * number) for region in options.regions] for number in range(frames)]


def test_counts_change_in_the_sampled_frame_that_shows_it(tmp_path: Path) -> None:
    path = [0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.7, 0.6, 0.4, 0.3]
    described = count(write(tmp_path, [make_element(x) for x in path]), make_options(REGIONS), len(path))
    assert [left for left, _ in described] == [f"left: {int(x < 0.5)} inside" for x in path]
    assert [middle for _, middle in described] == [
        *["middle: 0 in, 0 out"] * 3,
        *["middle: 1 in, 0 out"] * 5,
        *["middle: 1 in, 1 out"] * 2,
    ]


def test_an_object_that_is_lost_is_inside_in_its_last_frame_and_no_longer(tmp_path: Path) -> None:
    elements = [make_element(0.3)] * 5 + [make_element()] * 30
    described = count(write(tmp_path, elements), make_options(REGIONS), len(elements))
    assert [left for left, _ in described] == ["left: 1 inside"] * 5 + ["left: 0 inside"] * 30


def test_all_models_count_and_filters_apply(tmp_path: Path) -> None:
    results = write(tmp_path, [make_element(0.3)] * 3, ("m", "n"))
    assert count(results, make_options(REGIONS[:1], ("m", "n")), 1) == [["left: 2 inside"]]
    assert count(results, make_options(REGIONS[:1], ("m", "n"), classes=("truck",)), 1) == [["left: 0 inside"]]


def test_without_the_picture_s_size_there_are_only_names(tmp_path: Path) -> None:
    element = make_element(0.3)
    del element["image"]
    assert count(write(tmp_path, [element] * 3), make_options(REGIONS), 1) == [["left", "middle"]]


def test_without_regions_results_are_not_read() -> None:
    assert count_regions(Path("missing.json"), make_options(())) is None


@pytest.mark.parametrize("batch", [1, 7])
def test_events_may_come_in_any_batches(batch: int) -> None:
    counts = RegionCounts(REGIONS)
    for start in range(0, 14, batch):
        counts.add(make_frames("m", [None] * batch, first=start))
    counts.finish()
    assert counts.describe(REGIONS[1], 100) == "middle: 0 in, 0 out"
