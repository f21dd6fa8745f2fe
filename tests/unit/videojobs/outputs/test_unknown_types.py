"""Results of a type that is not documented: what has a known form is derived, and the rest is counted."""

import json
from typing import Any

import pytest

from tests.unit.videojobs.outputs.derived import BOX, PICTURE, derive_all, make_job
from videojobs.jobs.options import Model
from videojobs.outputs.answers import answer, answer_shortly
from videojobs.outputs.summary import ModelSummary, Summary

DEPTHS = {"depth": [[0.5, 1], [2, 3]], "time": 0.1}
ELEMENTS: dict[str, tuple[Any, int, int]] = {
    "boxes": ({"predictions": [BOX], **PICTURE}, 1, 0),
    "boxes with other fields": ({"predictions": [{**BOX, "speed": 3}], "depth": [1]}, 1, 0),
    "no boxes": ({"predictions": []}, 0, 0),
    "a vector": ([0.5, 1.0], 0, 0),
    "a failure": (None, 0, 0),
    "another object": (DEPTHS, 0, 1),
    "a list of objects": ([{"text": "STOP"}], 0, 1),
    "a text": ("STOP", 0, 1),
    "a number": (7, 0, 1),
    "predictions of another form": ({"predictions": "STOP"}, 0, 1),
    "predictions with unknown fields": ({"predictions": [{"text": "STOP"}]}, 1, 1),
    "predictions that are numbers": ({"predictions": [1, 2]}, 0, 1),
}


def derive(*elements: Any) -> tuple[Any, Summary]:
    content = {"frame_offset": list(range(len(elements))), "time_offset": list(range(len(elements))), "m": elements}
    return derive_all(make_job(Model("m", "1", "depth-estimation")), json.dumps(content).encode())


@pytest.mark.parametrize(("element", "predictions", "unread"), ELEMENTS.values(), ids=ELEMENTS)
def test_known_forms_are_read_and_others_counted(element: Any, predictions: int, unread: int) -> None:
    _, summary = derive(element)
    model = summary.models["m"]
    assert (model.predictions, model.unread_frames) == (predictions, unread)
    assert model.failed_frames == (element is None)
    assert ModelSummary.from_dict(model.to_dict()) == model


def test_the_answer_says_where_the_results_are() -> None:
    _, summary = derive(DEPTHS, DEPTHS, None)
    told = "2 frames have results of an unknown type, which are only in results.json."
    assert answer(summary, str) == [told, "Failed on 1 of 3 frames."]
    assert answer_shortly(summary, None) == "results of an unknown type, failed on 1 of 3 frames"


def test_found_boxes_are_answered_as_for_other_types() -> None:
    _, summary = derive({"predictions": [BOX]}, {"predictions": [BOX]})
    assert answer(summary, str) == ["Rock: 0.0 to 1.0"]
    assert "unread_frames" not in summary.models["m"].to_dict()
