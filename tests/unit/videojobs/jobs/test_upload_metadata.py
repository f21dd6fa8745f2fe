"""The options that an upload's metadata may set, their spelling, and their limits."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.templates import read_template
from videojobs.errors import InvalidOption
from videojobs.jobs.options import Options, resolve_options
from videojobs.jobs.upload_metadata import METADATA_OPTIONS, TOOLS_METADATA, MetadataLimits

NO_LIMITS = MetadataLimits.parse(120, "*", ",".join(METADATA_OPTIONS))
HANDS = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
DEFAULTS = {"models": [HANDS], "infer_fps": 30.0, "input_mode": "presigned", "annotate": False}


def resolve(metadata: Mapping[str, str], limits: MetadataLimits, routes: Mapping[str, Any] | None = None) -> Options:
    return resolve_options("shop/a.mp4", metadata, routes=routes or {}, defaults=DEFAULTS, limits=limits)


@pytest.mark.parametrize("name", ["infer-fps", "infer_fps", "Infer_FPS", "INFER-FPS"])
def test_an_option_is_recognized_in_every_spelling(name: str) -> None:
    assert resolve({name: "2"}, NO_LIMITS).infer_fps == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("infer-fsp", "infer-fsp: there is no such option; did you mean infer-fps[?]"),
        ("fps", "fps: there is no such option"),
        ("camera", "camera: there is no such option; the options are infer-fps, models,"),
        ("confidance", "did you mean confidence[?]"),
    ],
)
def test_an_unknown_name_is_never_ignored(name: str, words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        NO_LIMITS.select({name: "2"})


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(InvalidOption, match="infer-fps: it is set twice"):
        NO_LIMITS.select({"infer-fps": "2", "infer_fps": "3"})


@pytest.mark.parametrize("name", sorted(TOOLS_METADATA))
def test_metadata_that_tools_add_is_ignored(name: str) -> None:
    assert NO_LIMITS.select({name: "1700000000"}) == {}


def test_the_owner_can_allow_other_names() -> None:
    limits = MetadataLimits.parse(120, "*", "infer-fps, camera_id")
    assert limits.select({"camera-id": "7", "infer-fps": "2"}) == {"infer-fps": "2"}


def test_an_option_that_uploads_may_not_set_is_refused() -> None:
    limits = MetadataLimits.parse(120, "*", "infer-fps")
    with pytest.raises(InvalidOption, match=r"annotate: uploads may not set it.*AllowedMetadata"):
        limits.select({"annotate": "true"})


def test_the_limits_apply_to_what_uploads_request() -> None:
    limits = MetadataLimits.parse(10, "gloves", "infer-fps,model-id,model-version,models,confidence")
    assert resolve({}, limits).infer_fps == 30  # the stack's own default
    assert resolve({"infer-fps": "10"}, limits).infer_fps == 10
    with pytest.raises(InvalidOption, match=r"infer_fps: 10.5 is above .*\(10: MaxInferFps\)"):
        resolve({"infer-fps": "10.5"}, limits)
    assert resolve({"confidence": "0.2"}, limits).models[0].model_id == "hands"  # the stack chose this model


@pytest.mark.parametrize(
    ("allowed", "model", "passes"),
    [
        ("*", "gloves/7", True),
        ("gloves", "gloves/7", True),
        ("gloves/7", "gloves/7", True),
        ("hands, gloves/7", "gloves/7", True),
        ("acme/*", "acme/gloves/7", True),
        ("gl*", "gloves/7", True),
        ("gloves/8", "gloves/7", False),
        ("glove", "gloves/7", False),
        ("acme/*", "gloves/7", False),
        ("", "gloves/7", False),
    ],
)
@pytest.mark.parametrize("in_short", [True, False])
def test_models_are_allowed_by_id_version_or_prefix(allowed: str, model: str, passes: bool, in_short: bool) -> None:
    limits = MetadataLimits.parse(120, allowed, ",".join(METADATA_OPTIONS))
    model_id, version = model.rsplit("/", 1)
    metadata = {"model-id": model_id, "model-version": version}
    if not in_short:
        metadata = {"models": json.dumps([{**HANDS, "model_id": model_id, "model_version": version}])}
    if passes:
        assert resolve(metadata, limits).models[0].model_id == model_id
    else:
        with pytest.raises(InvalidOption, match=rf"models: uploads may not use {model}"):
            resolve(metadata, limits)


def test_the_template_s_defaults_limit_nothing() -> None:
    parameters = read_template("pipeline")["Parameters"]
    names = ("MaxInferFps", "AllowedModels", "AllowedMetadata")
    fps, models, metadata = (parameters[name]["Default"] for name in names)
    assert MetadataLimits.parse(float(fps), models, metadata) == NO_LIMITS
