"""The options that an upload's metadata may set, their spelling, and their limits."""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.templates import read_template
from videojobs.errors import InvalidOption
from videojobs.jobs.options import Options, resolve_options
from videojobs.jobs.upload_metadata import (
    METADATA_OPTIONS,
    MODELS_MAX,
    TOOLS_METADATA,
    MetadataLimits,
    find_option,
    is_misspelled,
)

NO_LIMITS = MetadataLimits.parse(120, "*", ",".join(METADATA_OPTIONS))
HANDS = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
DEFAULTS = {"models": [HANDS], "infer_fps": 30.0, "input_mode": "presigned", "annotate": False, "track": True}


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


def test_a_name_has_an_option_s_meaning_if_one_slip_makes_the_difference() -> None:
    slips = {"infer-fsp": "infer-fps", "regins": "regions", "tarck": "track", "recorded-ta": "recorded-at"}
    assert {name: find_option(name) for name in slips} == slips
    assert all(map(is_misspelled, slips))
    forms = {"class": "classes", "region": "regions", "model": "models", "annotated": "annotate", "tracks": "track"}
    assert {name: find_option(name) for name in forms} == forms
    others = ("owner-id", "truck", "rack", "glasses", "recorded-by", "output-mode", "user-id", "camera", "mode", "")
    assert not any(map(find_option, others))
    assert not any(map(is_misspelled, [*METADATA_OPTIONS, *forms, *others]))


@given(st.sampled_from(METADATA_OPTIONS), st.integers(1, 30), st.sampled_from("xq9"))
def test_every_slip_in_a_long_option_is_found(option: str, place: int, wrong: str) -> None:
    at = place % len(option)
    missing, added = option[:at] + option[at + 1 :], option[:at] + wrong + option[at:]
    swapped = option[:at] + option[at : at + 2][::-1] + option[at + 2 :]
    names = {missing, added} if at else {added} - {wrong + option}
    for name in names | ({swapped} if at else set()):
        assert name == option or find_option(name) in METADATA_OPTIONS


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
        ("gloves/*", "gloves/7", True),
        ("gl*", "gloves/7", True),
        ("gl*/7", "gloves/7", True),
        ("gloves/1*", "gloves/12", True),
        ("gloves/8", "gloves/7", False),
        ("glove", "gloves/7", False),
        ("acme/*", "gloves/7", False),
        ("gloves/7", "gloves/70", False),
        ("gloves/", "gloves/7", False),
        ("gl*/8", "gloves/7", False),
        ("*/8", "gloves/7", False),
        ("gloves/7/8", "gloves/7", False),
        ("g*s", "gloves/7", False),
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


names_of_models = st.text("ab/.*", min_size=1, max_size=4)


@given(st.text("ab/.*, ", max_size=8), names_of_models, names_of_models)
def test_a_model_that_passes_is_in_the_list(allowed: str, model_id: str, version: str) -> None:
    """It agrees with a shell's pattern, whose `*` does not match a slash, for `id/version`."""
    limits = MetadataLimits.parse(120, allowed, ",".join(METADATA_OPTIONS))
    try:
        [model] = resolve({"model-id": model_id, "model-version": version}, limits).models
    except InvalidOption:
        return
    joined = PurePosixPath(model.model_id, model.model_version)
    entries = [entry.strip() for entry in allowed.split(",")]
    assert joined.parts == (model_id, version)
    assert any(joined.full_match(entry if "/" in entry else f"{entry}/*") for entry in entries if entry)


@pytest.mark.parametrize("count", [MODELS_MAX, MODELS_MAX + 1])
def test_an_upload_may_ask_for_a_few_models(count: int) -> None:
    models = [{**HANDS, "model_id": f"m{number}"} for number in range(count)]
    metadata = {"models": json.dumps(models)}
    assert len(resolve({}, NO_LIMITS, {"": {"models": models}}).models) == count  # the stack's own are not limited
    if count <= MODELS_MAX:
        assert len(resolve(metadata, NO_LIMITS).models) == count
    else:
        with pytest.raises(InvalidOption, match=r"^models: uploads may ask for at most 8 models, not 9[.]$"):
            resolve(metadata, NO_LIMITS)


def test_the_template_s_defaults_limit_nothing() -> None:
    parameters = read_template("pipeline")["Parameters"]
    names = ("MaxInferFps", "AllowedModels", "AllowedMetadata")
    fps, models, metadata = (parameters[name]["Default"] for name in names)
    assert MetadataLimits.parse(float(fps), models, metadata) == NO_LIMITS
