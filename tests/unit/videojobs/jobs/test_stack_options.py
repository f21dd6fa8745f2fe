"""The stack's parameters, and how an upload's metadata overrides them."""

import json
from dataclasses import replace

import pytest

from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs.stack_options import StackOptions

HANDS = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
STACK = StackOptions(
    default_models=json.dumps([HANDS]),
    default_infer_fps=5,
    prefix_routes='{"shop/": {"infer_fps": 1}}',
    input_mode="presigned",
    annotate="true",
    track="false",
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
        "track": False,
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


def with_parameters(**values: str) -> StackOptions:
    return replace(STACK, **values)  # type: ignore[arg-type]  # these parameters are texts


@pytest.mark.parametrize(("field", "name"), [("default_models", "DefaultModels"), ("prefix_routes", "PrefixRoutes")])
def test_a_parameter_that_is_not_json_is_named(field: str, name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name}: not valid JSON") as invalid:
        with_parameters(**{field: "{"}).resolve("a.mp4", {})
    assert invalid.value.parameter == name


@pytest.mark.parametrize("routes", ["[]", '"shop/"', "null"])
def test_routes_that_are_no_object_are_named(routes: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^PrefixRoutes: it is not an object"):
        with_parameters(prefix_routes=routes).resolve("a.mp4", {})


def test_all_that_uploads_get_without_metadata_is_resolved() -> None:
    assert [*STACK.resolve_all()] == [STACK.resolve("a.mp4", {}), STACK.resolve("shop/a.mp4", {})]


@pytest.mark.parametrize(
    ("parameters", "faults"),
    [
        ({"prefix_routes": "{shop/:1}"}, ["PrefixRoutes: not valid JSON"]),
        ({"default_models": "[]"}, ["DefaultModels: models: a list of at least one"]),
        ({"default_models": "[", "prefix_routes": "["}, ["PrefixRoutes: not valid", "DefaultModels: not valid JSON"]),
        (
            {"prefix_routes": '{"a/": {"fps": 1}, "b/": {"infer_fps": 1}, "c/": {"infer-fps": 0}}'},
            ["PrefixRoutes: 'a/': 'fps': there is no", "PrefixRoutes: 'c/': infer_fps: 0 is not"],
        ),
        (
            {"default_models": "[]", "prefix_routes": json.dumps({"a/": {"models": [HANDS]}})},
            ["DefaultModels: models: a list of at least one"],
        ),
    ],
)
def test_every_fault_of_the_parameters_is_found(parameters: dict[str, str], faults: list[str]) -> None:
    outcomes = [*with_parameters(**parameters).resolve_all()]
    found = dict.fromkeys(str(outcome) for outcome in outcomes if isinstance(outcome, InvalidParameter))
    assert len(found) == len(faults)
    assert all(text.startswith(start) for text, start in zip(found, faults, strict=True)), found
