"""The stack's parameters, and how an upload's metadata overrides them."""

import json
from dataclasses import replace

import pytest

from videojobs.errors import InvalidOption
from videojobs.jobs.stack_options import StackOptions

HANDS = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
STACK = StackOptions(
    default_models=json.dumps([HANDS]),
    default_infer_fps=5,
    prefix_routes='{"shop/": {"infer_fps": 1}}',
    input_mode="presigned",
    annotate="true",
    max_infer_fps=10,
    allowed_models="hands",
    allowed_metadata="infer-fps,model-id,model-version",
)


def test_an_upload_without_metadata_has_the_stacks_options() -> None:
    assert STACK.resolve("a.mp4", {}).to_dict() == {
        "models": [HANDS],
        "infer_fps": 5,
        "input_mode": "presigned",
        "annotate": True,
    }


def test_metadata_overrides_routes_and_routes_override_defaults() -> None:
    assert STACK.resolve("shop/a.mp4", {}).infer_fps == 1
    assert STACK.resolve("shop/a.mp4", {"infer-fps": "2"}).infer_fps == 2


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({"infer-fps": "11"}, "infer_fps"),
        ({"model-id": "gloves", "model-version": "1"}, "models"),
        ({"annotate": "true"}, "annotate"),
    ],
)
def test_the_stack_s_limits_apply(metadata: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{name}: "):
        STACK.resolve("a.mp4", metadata)


@pytest.mark.parametrize(("field", "name"), [("default_models", "DefaultModels"), ("prefix_routes", "PrefixRoutes")])
def test_a_parameter_that_is_not_json_is_named(field: str, name: str) -> None:
    stack: StackOptions = replace(STACK, **{field: "{"})  # type: ignore[arg-type]  # both are texts
    with pytest.raises(InvalidOption, match=f"^{name}: "):
        stack.resolve("a.mp4", {})
