"""Types of inference that are not documented are passed on."""

import pytest

from videojobs.errors import InvalidOption
from videojobs.jobs.inference_types import INFERENCE_TYPES, describe_type, find_similar, hint, parse_inference_type
from videojobs.jobs.options import Model


@pytest.mark.parametrize(
    "kind", [*INFERENCE_TYPES, "depth-estimation", "object-detections", "sam3", "A_b-9", "a" * 100]
)
def test_a_type_that_the_api_may_know_is_passed_on(kind: str) -> None:
    model = Model.parse({"model_id": "m", "model_version": "1", "inference_type": kind})
    assert model.to_request()["inference_type"] == kind


@pytest.mark.parametrize("kind", ["a b", "-a", "a/b", "<b>", "$(rm)", "ö", "a\n", "a" * 101, 7, None, [], True])
def test_what_can_not_be_a_type_is_rejected_with_the_documented_ones(kind: object) -> None:
    with pytest.raises(InvalidOption, match=r"^inference_type: .* documented types are object-detection, class"):
        parse_inference_type(kind)


@pytest.mark.parametrize(
    ("kind", "similar"),
    [
        ("object-detections", "object-detection"),
        ("object_detection", "object-detection"),
        ("Classification", "classification"),
        ("keypoints-detection", "keypoint-detection"),
        ("clip-embed-images", "clip-embed-image"),
        ("depth-estimation", None),
        ("sam3", None),
    ],
)
def test_a_misspelled_type_has_a_hint(kind: str, similar: str | None) -> None:
    assert find_similar(kind) == similar
    assert hint(kind).endswith(f"; did you mean {similar}?" if similar else "is not a documented one.")


def test_people_are_told_that_a_type_is_not_documented() -> None:
    assert describe_type("object-detection") == "object-detection"
    assert describe_type("depth-estimation") == "depth-estimation, not a documented type"
