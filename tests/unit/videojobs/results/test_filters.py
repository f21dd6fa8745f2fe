"""Filters: which predictions count, in everything that reads them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import make_frames
from videojobs.jobs.options import Model, Options
from videojobs.results.analysis import Analysis
from videojobs.results.filters import PredictionFilter, keep_selected
from videojobs.results.predictions import read_predictions
from videojobs.results.samples import read_samples

CAR: dict[str, Any] = {"class": "car", "x": 100, "y": 50, "width": 40, "height": 30, "confidence": 0.9}
MODELS = (Model("m", "1", "object-detection"),)

predictions = st.fixed_dictionaries(
    {"class": st.sampled_from(["car", "dog", "cat"]) | st.none()},
    optional={"confidence": st.floats(-1, 2) | st.none() | st.just("high"), "x": st.integers(), "mood": st.just(1)},
)
elements = st.lists(st.none() | st.builds(lambda found: {"predictions": found}, st.lists(predictions, max_size=4)))


def see(*found: dict[str, Any]) -> dict[str, Any]:
    return {"predictions": list(found)}


def count(**options: Any) -> list[str]:
    """Returns the classes of those of four predictions that count."""
    found = [CAR, {**CAR, "class": "dog", "confidence": 0.4}, {**CAR, "class": "dog", "confidence": None}, {"x": 1}]
    frames = Analysis.of(Options(MODELS, 5, "presigned", **options)).add(make_frames("m", [see(*found)]))
    return [str(name) for name in frames.predictions.columns["class"]]


@pytest.mark.parametrize(
    ("options", "counted"),
    [
        ({}, ["car", "dog", "dog", "None"]),
        ({"classes": ("car",)}, ["car"]),
        ({"classes": ("dog", "cat")}, ["dog", "dog"]),
        ({"min_confidence": {"*": 0.5}}, ["car", "dog", "None"]),
        ({"min_confidence": {"dog": 0.4, "*": 0.95}}, ["dog", "dog", "None"]),
        ({"min_confidence": {"dog": 0.5}}, ["car", "dog", "None"]),
        ({"classes": ("dog",), "min_confidence": {"dog": 0.5}}, ["dog"]),
    ],
)
def test_a_prediction_counts_if_its_class_and_its_confidence_do(options: dict[str, Any], counted: list[str]) -> None:
    assert count(**options) == counted


@given(
    elements, st.sets(st.sampled_from(["car", "dog"])), st.dictionaries(st.sampled_from(["car", "*"]), st.floats(0, 1))
)
def test_selected_predictions_are_those_of_elements_without_the_others(
    found: list[Any], classes: set[str], least: dict[str, float]
) -> None:
    every = read_predictions(found)[0]
    selected = PredictionFilter(classes=classes, min_confidence=least).select(every)
    rows = iter(selected)
    kept = [element and {"predictions": [row for row in element["predictions"] if next(rows)]} for element in found]
    expected, result = read_predictions(kept)[0], keep_selected(every, selected)
    assert (result.counts, result.columns, result.others) == (expected.counts, expected.columns, expected.others)
    assert list(result.extra) == list(expected.extra)
    assert all(not any(result.columns[name]) for name in result.absent - {"extra"})


def test_predictions_that_do_not_count_help_to_follow_an_object() -> None:
    doubtful = {**CAR, "confidence": 0.3}
    analysis = Analysis.of(Options(MODELS, 5, "presigned", min_confidence={"*": 0.5}))
    found = [see({**(CAR if number % 8 == 0 else doubtful), "x": 100 + 30 * number}) for number in range(17)]
    frames = analysis.add(make_frames("m", found))
    assert frames.track_ids == [1, 1, 1]
    assert frames.predictions.counts == [int(number % 8 == 0) for number in range(17)]


def test_elements_that_break_the_contract_still_do() -> None:
    analysis = Analysis.of(Options(MODELS, 5, "presigned", classes=("dog",)))
    with pytest.raises(Exception, match="The results break the contract in element 1 of m"):
        _ = analysis.add(make_frames("m", [see(CAR), 7])).predictions


def test_the_annotated_video_has_the_same_predictions(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    found = [see(CAR, {**CAR, "class": "dog", "x": 300})]
    file.write_text(json.dumps({"frame_offset": [0], "time_offset": [0], "m": found}))
    analysis = Analysis.of(Options(MODELS, 5, "presigned", classes=("dog",)))
    [sample] = read_samples(file, ["m"], analysis)
    [element] = sample.elements
    assert (element.predictions.columns["class"], element.track_ids) == (["dog"], [2])


def test_without_filters_nothing_is_copied() -> None:
    frames = make_frames("m", [see(CAR)])
    analyzed = Analysis(track=False).add(frames)
    assert analyzed is frames
