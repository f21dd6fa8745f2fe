"""Options: metadata overrides the longest matching route, which overrides the stack's defaults."""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import pytest

from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs.options import Options, resolve_options

HANDS = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
BELT = {"model_id": "belt", "model_version": 2, "inference_type": "classification"}
DEFAULTS = {"models": [HANDS], "infer_fps": 5.0, "input_mode": "presigned", "annotate": False, "track": True}
ROUTES = {"shop/": {"infer_fps": 1}, "shop/till/": {"models": [BELT], "input_mode": "upload"}}


NO_NAMES = ["hands/4", "rock/../../evil", "..", ".hidden", "a b", "a?api_key=1", "a#", "a%2fb", "a*", "é", "hands\n"]
"""Neither IDs nor versions of models."""


def resolve(metadata: Mapping[str, str], key: str = "a.mp4", defaults: Mapping[str, Any] = DEFAULTS) -> Options:
    return resolve_options(key, metadata, routes=ROUTES, defaults=defaults)


def test_defaults_apply_to_what_is_not_set() -> None:
    assert resolve({}).to_dict() == DEFAULTS


def test_the_route_with_the_longest_prefix_applies() -> None:
    assert resolve({}, "shop/a.mp4").infer_fps == 1
    till = resolve({}, "shop/till/a.mp4")
    assert (till.models[0].model_id, till.models[0].model_version) == ("belt", "2")
    assert (till.input_mode, till.infer_fps) == ("upload", 1)


def test_each_option_comes_from_the_longest_prefix_that_sets_it() -> None:
    routes = {
        "": {"track": False, "infer_fps": 2, "classes": ["car"]},
        "yard/gate/": {"infer_fps": 3},
        "yard/": {"infer_fps": 1, "annotate": True},
    }
    gate = resolve_options("yard/gate/a.mp4", {}, routes=routes, defaults=DEFAULTS)
    assert (gate.infer_fps, gate.annotate, gate.track, gate.classes) == (3, True, False, ("car",))
    other = resolve_options("hall/a.mp4", {}, routes=routes, defaults=DEFAULTS)
    assert (other.infer_fps, other.annotate, other.track, other.classes) == (2, False, False, ("car",))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("key_form", ["NFC", "NFD"])
def test_a_route_matches_in_every_unicode_normalization(form: Any, key_form: Any) -> None:
    routes = {unicodedata.normalize(form, "café/"): {"infer_fps": 1}}
    assert (
        resolve_options(unicodedata.normalize(key_form, "café/x.mp4"), {}, routes=routes, defaults=DEFAULTS).infer_fps
        == 1
    )


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (3, "it is not an object"),
        (
            {"fps": 1},
            "'fps': there is no such option; the options are models, infer_fps, input_mode, annotate, track, ",
        ),
        ({"infer_fps": "x"}, "infer_fps: 'x' is not a number."),
        ({"infer-fps": 1, "Infer_FPS": 2}, "infer_fps: it is set twice, once as 'Infer_FPS'."),
        ({"models": [{**HANDS, "model_id": ""}]}, "model_id: missing"),
        ({"input_mode": "mail"}, "input_mode: 'mail' is not one of"),
    ],
)
def test_an_invalid_route_is_named_with_its_prefix(route: Any, words: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^PrefixRoutes: 'shop/': {re.escape(words)}") as invalid:
        resolve_options("shop/a.mp4", {}, routes={"shop/": route}, defaults=DEFAULTS)
    assert invalid.value.parameter == "PrefixRoutes"


@pytest.mark.parametrize("name", ["infer_fps", "infer-fps", "Infer-FPS"])
def test_a_route_s_options_may_be_spelled_like_metadata(name: str) -> None:
    assert resolve_options("shop/a.mp4", {}, routes={"shop/": {name: 1}}, defaults=DEFAULTS).infer_fps == 1


@pytest.mark.parametrize(
    ("option", "value", "parameter"),
    [
        ("models", [], "DefaultModels"),
        ("models", [{**HANDS, "model_version": ""}], "DefaultModels"),
        ("infer_fps", 0, "DefaultInferFps"),
        ("input_mode", "mail", "InputMode"),
        ("annotate", "perhaps", "Annotate"),
        ("track", "perhaps", "Track"),
    ],
)
def test_an_invalid_default_is_named_by_its_parameter(option: str, value: Any, parameter: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{parameter}: ") as invalid:
        resolve({}, defaults={**DEFAULTS, option: value})
    assert invalid.value.parameter == parameter


def test_an_invalid_option_that_the_upload_overrides_is_not_read() -> None:
    assert resolve({"infer-fps": "2"}, defaults={**DEFAULTS, "infer_fps": 0}).infer_fps == 2


def test_metadata_overrides_the_route() -> None:
    options = resolve({"infer-fps": "2.5", "input-mode": "presigned", "models": json.dumps([HANDS])}, "shop/till/a.mp4")
    assert options.to_dict() == {**DEFAULTS, "infer_fps": 2.5}


@pytest.mark.parametrize(("word", "annotate"), [("true", True), ("True", True), ("false", False)])
def test_metadata_can_request_an_annotated_video(word: str, annotate: bool) -> None:
    assert resolve({"annotate": word}).annotate is annotate


def test_the_stack_s_parameter_and_a_route_can_request_an_annotated_video() -> None:
    assert resolve({}, defaults={**DEFAULTS, "annotate": "true"}).annotate
    assert resolve_options("a.mp4", {}, routes={"a": {"annotate": True}}, defaults=DEFAULTS).annotate


def test_options_from_before_annotated_videos_request_none() -> None:
    assert Options.parse({"models": [HANDS], "infer_fps": 5, "input_mode": "presigned"}).annotate is False


@pytest.mark.parametrize(("word", "track"), [("true", True), ("False", False)])
def test_metadata_a_route_and_the_stack_can_turn_tracking_on_and_off(word: str, track: bool) -> None:
    assert resolve({"track": word}, defaults={**DEFAULTS, "track": not track}).track is track
    assert resolve({}, defaults={**DEFAULTS, "track": word}).track is track
    routes = {"a": {"track": track}}
    assert resolve_options("a.mp4", {}, routes=routes, defaults={**DEFAULTS, "track": not track}).track is track


def test_an_invalid_track_is_refused() -> None:
    with pytest.raises(InvalidOption, match=r"^track: 'yes' is neither true nor false"):
        resolve({"track": "yes"})
    with pytest.raises(InvalidParameter, match=r"^Track: track: 'yes' is neither true nor false"):
        resolve({}, defaults={**DEFAULTS, "track": "yes"})


def test_options_from_before_tracks_existed_turn_tracking_on() -> None:
    assert Options.parse({"models": [HANDS], "infer_fps": 5, "input_mode": "presigned"}).track is True


def test_a_model_can_be_given_in_short_form() -> None:
    short = {"model-id": "gloves", "model-version": "7", "inference-type": "classification", "confidence": "0.25"}
    [model] = resolve(short).models
    assert model.to_request() == {
        "model_id": "gloves",
        "model_version": "7",
        "inference_type": "classification",
        "inference_params": {"confidence": 0.25},
    }


def test_the_short_form_without_an_id_changes_the_one_model() -> None:
    [model] = resolve({"confidence": "0.7"}).models
    assert (model.model_id, model.inference_params) == ("hands", {"confidence": 0.7})


def test_options_survive_the_conversion_to_json() -> None:
    options = resolve({"confidence": "0.7", "infer-fps": "2.5"})
    assert Options.parse(json.loads(json.dumps(options.to_dict()))) == options


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"infer-fps": "0"}, "infer_fps"),
        ({"infer-fps": "121"}, "infer_fps"),
        ({"infer-fps": "fast"}, "infer_fps"),
        ({"infer-fps": "nan"}, "infer_fps"),
        ({"input-mode": "carrier pigeon"}, "input_mode"),
        ({"models": "[{"}, "models"),
        ({"models": "[]"}, "models"),
        ({"models": "[3]"}, "models"),
        ({"models": json.dumps([HANDS, {**HANDS, "model_version": "5"}])}, "models"),
        ({"models": json.dumps([HANDS]), "model-id": "gloves"}, "models"),
        ({"models": json.dumps([{**HANDS, "inference_params": 3}])}, "inference_params"),
        ({"model-id": "gloves"}, "model_version"),
        ({"model-id": "gloves", "model-version": "1", "inference-type": "crystal ball"}, "inference_type"),
        ({"models": json.dumps([{**HANDS, "inference_params": {"iou": 1e200}}])}, "models"),
        ({"models": json.dumps([{**HANDS, "inference_params": {"iou": float("nan")}}])}, "models"),
        ({"models": json.dumps([{**HANDS, "inference_params": {"": 1}}])}, "models"),
        ({"models": json.dumps([{**HANDS, "model_id": "hands\ud800"}])}, "models"),
        ({"models": json.dumps([{**HANDS, "model_id": "hands\nJob      j2"}])}, "model_id"),
        ({"models": json.dumps([{**HANDS, "model_version": "\u202e4"}])}, "model_version"),
        ({"models": json.dumps([{**HANDS, "model_id": "a" * 201}])}, "model_id"),
        *(({"model-id": name, "model-version": "1"}, "model_id") for name in NO_NAMES),
        *(({"models": json.dumps([{**HANDS, "model_version": name}])}, "model_version") for name in NO_NAMES),
        ({"models": "[" * 1500}, "models"),
        ({"model-id": "a" * 201, "model-version": "1"}, "model_id"),
        ({"confidence": "1e-200"}, "inference_params"),
        ({"confidence": "1.5"}, "confidence"),
        ({"confidence": "high"}, "confidence"),
    ],
)
def test_a_bad_value_is_named(metadata: Mapping[str, str], field: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{field}: ") as invalid:
        resolve(metadata)
    assert not isinstance(invalid.value, InvalidParameter)


@pytest.mark.parametrize("in_defaults", [True, False])
@pytest.mark.parametrize("field", ["infer_fps", "url", "modelId", "Model_id", "api_key", "a\nJob      j2"])
def test_a_field_that_models_do_not_have_is_named(field: str, in_defaults: bool) -> None:
    place = "DefaultModels: " if in_defaults else ""
    words = f"^{place}models: a model has no field {re.escape(json.dumps(field))}; its fields are model_id, "
    models = [{**HANDS, field: 120}]
    metadata = {} if in_defaults else {"models": json.dumps(models)}
    with pytest.raises(InvalidOption, match=words):
        resolve(metadata, defaults={**DEFAULTS, "models": models} if in_defaults else DEFAULTS)


@pytest.mark.parametrize("name", ["rock-paper-scissors-sxsw", "-oyrl4", "COCO_v8.1", "1"])
def test_ids_of_models_are_slugs(name: str) -> None:
    [model] = resolve({"model-id": name, "model-version": name}).models
    assert (model.model_id, model.model_version) == (name, name)


def test_the_short_form_requires_a_unique_model() -> None:
    with pytest.raises(InvalidOption, match=r"^model-id: "):
        resolve({"confidence": "0.5"}, defaults={**DEFAULTS, "models": [HANDS, BELT]})


DOOR = {"name": "door", "line": [[0.2, 0.8], [0.7, 0.8]], "anchor": "center"}
DOCK = {"name": "dock", "polygon": [[0, 0], [1, 0], [1, 1]], "classes": ["truck"]}


def test_what_counts_is_read_from_metadata() -> None:
    metadata = {"classes": "truck, person", "min-confidence": "0.5", "regions": json.dumps([DOOR, DOCK])}
    options = resolve(metadata)
    assert options.classes == ("truck", "person")
    assert options.min_confidence == {"*": 0.5}
    assert options.to_dict()["regions"] == [DOOR, DOCK]
    assert Options.parse(options.to_dict()) == options


def test_classes_and_least_confidences_may_be_json() -> None:
    options = resolve({"classes": '["Lkw, 40 t"]', "min-confidence": '{"Lkw, 40 t": 0.25, "*": 1}'})
    assert (options.classes, options.min_confidence) == (("Lkw, 40 t",), {"Lkw, 40 t": 0.25, "*": 1})


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"classes": "[1]"}, "classes: a list of class names is needed."),
        ({"classes": "a,,b"}, "classes: a list of class names is needed."),
        ({"min-confidence": "1.5"}, "min_confidence: '*': 1.5 is not between 0 and 1."),
        ({"min-confidence": '{"car": "x"}'}, "min_confidence: 'car': 'x' is not a number."),
        ({"min-confidence": "half"}, "min_confidence: not valid JSON"),
        ({"regions": "[}"}, "regions: not valid JSON"),
        ({"regions": json.dumps([DOOR]), "track": "false"}, "regions: they need the track IDs of objects."),
    ],
)
def test_invalid_values_of_what_counts_are_named(metadata: Mapping[str, str], words: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{re.escape(words)}") as invalid:
        resolve(metadata)
    assert not isinstance(invalid.value, InvalidParameter)


def test_routes_that_contradict_the_stack_are_its_parameters_fault() -> None:
    with pytest.raises(InvalidParameter, match=r"^PrefixRoutes: regions: they need the track IDs"):
        resolve_options("a.mp4", {}, routes={"": {"regions": [DOOR]}}, defaults={**DEFAULTS, "track": False})


def test_a_route_with_a_value_that_can_not_be_stored_is_named() -> None:
    with pytest.raises(
        InvalidParameter, match=r"^PrefixRoutes: 'a': min_confidence: a number is not 0 and not between"
    ):
        resolve_options("a.mp4", {}, routes={"a": {"min_confidence": {"car": 1e-200}}}, defaults=DEFAULTS)


PATTERN = "cam_%Y%m%d_%H%M%S[Europe/Berlin]"


@pytest.mark.parametrize("value", ["2026-11-28T22:00:00+01:00", PATTERN])
def test_when_a_video_was_recorded_is_read_from_metadata_and_from_a_route(value: str) -> None:
    for options in (
        resolve({"recorded-at": value}),
        resolve_options("a.mp4", {}, routes={"a": {"recorded-at": value}}, defaults=DEFAULTS),
    ):
        assert options.recorded_at == value
        assert Options.parse(json.loads(json.dumps(options.to_dict()))) == options
    assert resolve({}).recorded_at is None


def test_an_invalid_time_of_recording_is_named() -> None:
    with pytest.raises(InvalidOption, match=r"^recorded_at: '2026-11-28T22:00:00': it has no time zone"):
        resolve({"recorded-at": "2026-11-28T22:00:00"})
    with pytest.raises(InvalidParameter, match=r"^PrefixRoutes: 'a': recorded_at: 3: it is not a text"):
        resolve_options("a.mp4", {}, routes={"a": {"recorded_at": 3}}, defaults=DEFAULTS)
