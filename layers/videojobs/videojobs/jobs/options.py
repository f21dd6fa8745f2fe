"""Options: models, frames per second, how the API gets the video, what is made of its results, and what counts in it.

The object's metadata overrides the longest matching prefix route, which overrides the stack's defaults.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, asdict, dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal, Self, get_args

from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs import strict_json
from videojobs.jobs.dataset_frames import DatasetFrames, parse_dataset_frames
from videojobs.jobs.inference_types import parse_inference_type
from videojobs.jobs.notify_when import NotifyWhen, parse_notify_when
from videojobs.jobs.recorded_at import parse_recorded_at
from videojobs.jobs.regions import Region, parse_regions, read_classes
from videojobs.jobs.upload_metadata import ANY_METADATA, SHORT_FORM, MetadataLimits, normalize_name

InputMode = Literal["presigned", "upload"]

INFER_FPS_MIN, INFER_FPS_MAX = 1, 120
"""The API's documented minimum, and the official client's maximum."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
"""A model's ID, or its version: one part of a URL. IDs have no workspace, as in the results."""

_PARAMETERS = {
    "models": "DefaultModels",
    "infer_fps": "DefaultInferFps",
    "input_mode": "InputMode",
    "annotate": "Annotate",
    "track": "Track",
}
"""The stack's parameter with the default of each option. Other options have none: the prefix "" sets them for all."""

_JSON_OPTIONS = ("models", "min_confidence", "regions", "notify_when")
"""The options that are JSON in metadata."""

_ROUTES = "PrefixRoutes"

OTHER_CLASSES = "*"
"""The name in `min_confidence` that stands for the classes that it does not name."""


@dataclass(frozen=True)
class Model:
    """One entry of the API's `models`."""

    model_id: str
    model_version: str
    inference_type: str
    inference_params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Any) -> Self:
        """Reads a model in the API's format. Raises InvalidOption."""
        if not isinstance(data, Mapping):
            raise InvalidOption(f"models: {data!r} is not an object with model_id, model_version and inference_type.")
        _check_model(data)
        inference_type = parse_inference_type(data["inference_type"])
        params = data.get("inference_params", {})
        if not isinstance(params, Mapping):
            raise InvalidOption(f"inference_params: {params!r} is not an object.")
        if "confidence" in params:
            params = {**params, "confidence": _parse_number("confidence", params["confidence"], 0, 1)}
        try:
            strict_json.check(params)
        except ValueError as problem:
            raise InvalidOption(f"inference_params: {problem}.") from None
        return cls(str(data["model_id"]), str(data["model_version"]), inference_type, params)

    def to_request(self) -> dict[str, Any]:
        """Returns the model in the API's format."""
        return {name: value for name, value in asdict(self).items() if value != {}}


@dataclass(frozen=True)
class Options:
    """How to infer one upload.

    Attributes:
        annotate: Whether to make an annotated video too.
        track: Whether predictions get track IDs.
        classes: The classes that count in everything but `results.json`; empty for all.
        min_confidence: By class, or `*` for the others, the lowest confidence that counts in everything but
            `results.json`.
        regions: Where in the frame to look for entries, exits and crossings.
        recorded_at: When the video was recorded, or the pattern of that time in its key.
        notify_when: The conditions for sending the notice of the results.
        dataset_frames: The frames to make a dataset of; None for no dataset.
    """

    models: tuple[Model, ...]
    infer_fps: float
    input_mode: InputMode
    annotate: bool = False
    _: KW_ONLY
    track: bool = True
    classes: tuple[str, ...] = ()
    min_confidence: Mapping[str, float] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    recorded_at: str | None = None
    notify_when: NotifyWhen = field(default_factory=NotifyWhen)
    dataset_frames: DatasetFrames | None = None

    def __post_init__(self) -> None:
        if self.regions and not self.track:
            words = "they need the track IDs of objects. Set the option track to true"
            raise InvalidOption(f"regions: {words}.", remedy={"track": "true"})
        if self.dataset_frames and self.dataset_frames.kind == "events" and not self.track:
            words = "events are those of tracked objects. Set the option track to true"
            raise InvalidOption(f"dataset_frames: {words}.", remedy={"track": "true"})
        self.notify_when.check(self.regions, self.classes, track=self.track)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` returns. Raises InvalidOption.

        Jobs from before an option existed lack it.
        """
        data = {"annotate": False, "track": True, **data}
        return cls(**{name: parse(data[name]) for name, parse in _PARSERS.items() if name in data})

    def to_dict(self) -> dict[str, Any]:
        """Returns the options as plain JSON, without those that are not set and have no default."""
        given = {
            "classes": list(self.classes),
            "min_confidence": dict(self.min_confidence),
            "regions": [region.to_dict() for region in self.regions],
            "recorded_at": self.recorded_at,
            "notify_when": self.notify_when.to_dict() if self.notify_when else None,
            "dataset_frames": self.dataset_frames.to_text() if self.dataset_frames else None,
        }
        return {
            "models": [model.to_request() for model in self.models],
            "infer_fps": self.infer_fps,
            "input_mode": self.input_mode,
            "annotate": self.annotate,
            "track": self.track,
            **{name: value for name, value in given.items() if value},
        }


def resolve_options(
    key: str,
    metadata: Mapping[str, str],
    *,
    routes: Mapping[str, Any],
    defaults: Mapping[str, Any],
    limits: MetadataLimits = ANY_METADATA,
) -> Options:
    """Returns the options of the upload `key`: its metadata overrides its route, which overrides `defaults`.

    Args:
        metadata: Names without `x-amz-meta-`.
        routes: By key prefix, some of the fields that `Options.parse` reads, spelled like metadata or like these
            fields. The longest matching prefix counts.
        limits: What the metadata may set.

    Raises:
        InvalidParameter: A route or a default is invalid.
        InvalidOption: A value in the metadata is invalid or not allowed; the message names its field.
    """
    metadata = limits.select(metadata)
    given: dict[str, Any] = {_name_field(name): value for name, value in metadata.items()}
    for name in _JSON_OPTIONS:
        if name in given:
            given[name] = parse_json(name, given[name])
    routed = find_routed(key, routes)
    parsed = {name: parse(given[name]) for name, parse in _PARSERS.items() if name in given}
    for name in _PARSERS.keys() - parsed.keys():
        if name in routed:
            parsed[name] = _parse_routed(name, *routed[name])
        elif name in defaults:
            parsed[name] = _parse_default(name, defaults[name])
    try:
        options = Options(**parsed)
    except InvalidOption as invalid:
        if given:
            raise
        raise InvalidParameter(_ROUTES, str(invalid)) from None
    if short_form := {name: metadata[name] for name in SHORT_FORM if name in metadata}:
        options = replace(options, models=(_read_short_form(short_form, metadata, options),))
    limits.check(metadata, options.infer_fps, [(model.model_id, model.model_version) for model in options.models])
    return options


def find_routed(key: str, routes: Mapping[str, Any]) -> Mapping[str, tuple[str, Any]]:
    """Returns the options that `routes` sets for `key`: for each, the longest matching prefix with it, and the value.

    Prefixes are compared in Unicode's normal form: macOS uploads `é` as two characters.

    Raises:
        InvalidParameter: A matching prefix has other than options.
    """
    composed = unicodedata.normalize("NFC", key)
    matching = [prefix for prefix in routes if composed.startswith(unicodedata.normalize("NFC", prefix))]
    return {
        name: (prefix, value)
        for prefix in sorted(matching, key=len)
        for name, value in _read_route(prefix, routes[prefix]).items()
    }


def _read_route(prefix: str, given: Any) -> Mapping[str, Any]:
    """Returns a route's values by option. Raises InvalidParameter."""
    if not isinstance(given, Mapping):
        raise InvalidParameter(_ROUTES, f"{prefix!r}: it is not an object.")
    route: dict[str, Any] = {}
    for spelled, value in given.items():
        name = _name_field(spelled)
        if name not in _PARSERS:
            known = ", ".join(_PARSERS)
            raise InvalidParameter(
                _ROUTES, f"{prefix!r}: {spelled!r}: there is no such option; the options are {known}."
            )
        if name in route:
            raise InvalidParameter(_ROUTES, f"{prefix!r}: {name}: it is set twice, once as {spelled!r}.")
        route[name] = value
    return route


def _parse_routed(name: str, prefix: str, value: Any) -> Any:
    try:
        strict_json.check(value)
        return _PARSERS[name](value)
    except InvalidOption as invalid:
        raise InvalidParameter(_ROUTES, f"{prefix!r}: {invalid}") from None
    except ValueError as problem:
        raise InvalidParameter(_ROUTES, f"{prefix!r}: {name}: {problem}.") from None


def _parse_default(name: str, value: Any) -> Any:
    try:
        return _PARSERS[name](value)
    except InvalidOption as invalid:
        raise InvalidParameter(_PARAMETERS[name], str(invalid)) from None


def parse_routes(text: str) -> Mapping[str, Any]:
    """Parses the parameter PrefixRoutes, without its options. Raises InvalidParameter."""
    try:
        routes = strict_json.load(text)
    except ValueError as problem:
        raise InvalidParameter(_ROUTES, f"not valid JSON ({problem}).") from None
    if not isinstance(routes, Mapping):
        raise InvalidParameter(_ROUTES, "it is not an object.")
    return routes


def parse_parameter(name: str, text: str) -> Any:
    """Parses the JSON `text` of the stack's parameter `name`. Raises InvalidParameter."""
    try:
        return strict_json.parse(text)
    except ValueError as problem:
        raise InvalidParameter(name, f"not valid JSON ({problem}).") from None


def parse_json(name: str, text: str) -> Any:
    """Parses the JSON `text` of the option `name`. Raises InvalidOption."""
    try:
        return strict_json.parse(text)
    except ValueError as problem:
        raise InvalidOption(f"{name}: not valid JSON ({problem}).") from None


def _read_short_form(fields: Mapping[str, str], metadata: Mapping[str, str], options: Options) -> Model:
    """Returns one model from `model-id`, `model-version`, `inference-type` and `confidence`.

    Without `model-id`, the others change the single model of `options`.
    """
    if "models" in metadata:
        raise InvalidOption(f"models: can't be combined with {', '.join(fields)}.")
    if "model-id" in fields:
        data: dict[str, Any] = {"model_id": fields["model-id"], "inference_type": "object-detection"}
    elif len(options.models) == 1:
        data = options.models[0].to_request()
    else:
        raise InvalidOption(f"model-id: required with {', '.join(fields)}, because there are several models.")
    for name in ("model-version", "inference-type"):
        if name in fields:
            data[_name_field(name)] = fields[name]
    if "confidence" in fields:
        data["inference_params"] = {**data.get("inference_params", {}), "confidence": fields["confidence"]}
    return Model.parse(data)


def _check_model(data: Mapping[str, Any]) -> None:
    """Raises InvalidOption if a model lacks a field, has an unknown one, or its ID or version can't be one."""
    names = [field.name for field in fields(Model)]
    if unknown := sorted(data.keys() - names):
        words = f"a model has no field {json.dumps(unknown[0])}; its fields are {', '.join(names)}"
        raise InvalidOption(f"models: {words}.")
    for name in ("model_id", "model_version", "inference_type"):
        if not isinstance(data.get(name), str | int) or isinstance(data[name], bool) or data[name] == "":
            raise InvalidOption(f"{name}: missing in {json.dumps(data)}.")
    for name in ("model_id", "model_version"):
        if not _NAME.fullmatch(str(data[name])):
            words = "is not 1 to 200 letters, digits, dots, hyphens and underscores, or begins with a dot"
            raise InvalidOption(f"{name}: {data[name]!r} {words}.")


def _name_field(name: str) -> str:
    """Returns the field of an option, whose name may be spelled like metadata: `infer_fps` for `Infer-FPS`."""
    return normalize_name(name).replace("-", "_")


def _parse_models(value: Any) -> tuple[Model, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidOption("models: a list of at least one model is needed.")
    models = tuple(map(Model.parse, value))
    if len({model.model_id for model in models}) < len(models):
        raise InvalidOption("models: two models have the same model_id, but the results need different ones.")
    return models


def _parse_infer_fps(value: Any) -> float:
    return _parse_number("infer_fps", value, INFER_FPS_MIN, INFER_FPS_MAX)


def _parse_input_mode(value: Any) -> InputMode:
    if value not in get_args(InputMode):
        raise InvalidOption(f"input_mode: {value!r} is not one of {', '.join(get_args(InputMode))}.")
    mode: InputMode = value
    return mode


def _parse_bool(name: str, value: Any) -> bool:
    words = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise InvalidOption(f"{name}: {value!r} is neither true nor false.")


def _parse_classes(value: Any) -> tuple[str, ...]:
    """Reads a list of class names, or in metadata a text: a list as JSON, or names that are separated by commas."""
    if isinstance(value, str):
        is_json = value.lstrip().startswith("[")
        value = parse_json("classes", value) if is_json else [name.strip() for name in value.split(",")]
    return read_classes(value, "classes")


def _parse_min_confidence(value: Any) -> Mapping[str, float]:
    """Reads a number for all classes, or an object with a number for each class, and `*` for the others."""
    if not isinstance(value, Mapping):
        value = {OTHER_CLASSES: value}
    return {name: _parse_number(f"min_confidence: {name!r}", number, 0, 1) for name, number in value.items()}


def _parse_number(name: str, value: Any, at_least: float, at_most: float) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidOption(f"{name}: {value!r} is not a number.") from None
    if not at_least <= number <= at_most:
        raise InvalidOption(f"{name}: {value} is not between {at_least} and {at_most}.")
    return int(number) if number.is_integer() else number


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "models": _parse_models,
    "infer_fps": _parse_infer_fps,
    "input_mode": _parse_input_mode,
    "annotate": partial(_parse_bool, "annotate"),
    "track": partial(_parse_bool, "track"),
    "classes": _parse_classes,
    "min_confidence": _parse_min_confidence,
    "regions": parse_regions,
    "recorded_at": parse_recorded_at,
    "notify_when": parse_notify_when,
    "dataset_frames": parse_dataset_frames,
}
"""The parser of each option."""
