"""Parses and checks job requests. Every error names the field."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from videoengine.destinations import InvalidUrl, WebAddress
from videoengine.errors import BadRequest
from videoengine.model_packages import TASK_TYPES
from videoengine.request_bodies import quote
from videoengine.still_frames import StillFrames

MAX_INFER_FPS = 1_000_000
"""Far above the frame rate of any video. A job whose `infer_fps` is above its video's frame rate fails later."""
MAX_URL_LENGTH = 8192
"""Four times the limit of browsers, and far below the size limit of a DynamoDB item."""
MAX_FILE_NAME_LENGTH = 1024
"""Four times the limit of file systems."""
OFFSET_KEYS = ("frame_offset", "time_offset")
"""Keys of the results file that are not model ids."""

_RATIOS = {"confidence": 0.4, "iou_threshold": 0.3}
"""The parameters of a model that are numbers from 0 to 1, with their defaults."""
_PARAMETERS = (*_RATIOS, "still_frames")
_TYPES = ", ".join(TASK_TYPES)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Ids of models, their versions and jobs. They become parts of object keys, and keys of the results file."""


@dataclass(frozen=True)
class ModelRequest:
    """A model of a job, and its parameters.

    Attributes:
        inference_type: one of `TASK_TYPES`.
        confidence: minimum confidence, 0 to 1.
        iou_threshold: NMS drops boxes that overlap a better box by more, 0 to 1.
        still_frames: one of `StillFrames`. Jobs from before this parameter existed lack it.
    """

    model_id: str
    model_version: str
    inference_type: str
    confidence: float
    iou_threshold: float
    still_frames: str = StillFrames.INFER

    @property
    def package_name(self) -> str:
        """The model package's folder in the models bucket."""
        return f"{self.model_id}/{self.model_version}"


@dataclass(frozen=True)
class JobRequest:
    """A request to infer `infer_fps` frames a second of the video at `input_url` with each model."""

    input_url: str
    infer_fps: Fraction
    models: tuple[ModelRequest, ...]

    @classmethod
    def parse(cls, body: dict[str, Any], still_frames: StillFrames = StillFrames.INFER) -> Self:
        """Parses the body of `POST /videoinfer`.

        Args:
            still_frames: for models whose parameters don't have it.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        return cls(
            input_url=_parse_url(body.get("input_url")),
            infer_fps=_parse_infer_fps(body.get("infer_fps")),
            models=_parse_models(body.get("models"), still_frames),
        )


def parse_file_name(body: dict[str, Any]) -> str:
    """Parses the body of `POST /video_upload_signed_url`.

    Raises:
        BadRequest: `file_name` is missing, empty or too long.
    """
    return _parse_text(body.get("file_name"), "file_name", MAX_FILE_NAME_LENGTH)


def _parse_text(value: Any, field: str, max_length: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadRequest(f"{field} must be a string that is not empty")
    if len(value) > max_length:
        raise BadRequest(f"{field} must be at most {max_length} characters")
    return value


def _parse_url(value: Any) -> str:
    url = _parse_text(value, "input_url", MAX_URL_LENGTH)
    try:
        WebAddress.parse(url)
    except InvalidUrl as problem:
        raise BadRequest(f"input_url {problem}") from None
    return url


def _parse_infer_fps(value: Any) -> Fraction:
    is_nan = isinstance(value, float) and math.isnan(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or is_nan:
        raise BadRequest("infer_fps must be a number of frames per second")
    if value < 1:
        raise BadRequest(f"infer_fps must be at least 1, not {str(value)[:20]}")
    if value > MAX_INFER_FPS:
        raise BadRequest(f"infer_fps must be at most {MAX_INFER_FPS}")
    # Use the decimal digits: 29.97 is 2997/100, not the nearest binary fraction.
    return Fraction(str(value))


def _parse_models(value: Any, still_frames: StillFrames) -> tuple[ModelRequest, ...]:
    if not isinstance(value, list) or not value:
        raise BadRequest("models must be a list with at least one model")
    models = tuple(_parse_model(model, f"models[{index}]", still_frames) for index, model in enumerate(value))
    seen: dict[str, str] = {}
    for model in models:
        if model.model_id in seen:
            again = "twice" if seen[model.model_id] == model.model_version else "in two versions"
            raise BadRequest(f"models: {quote(model.model_id)} is listed {again}; list each model once")
        seen[model.model_id] = model.model_version
    return models


def _parse_model(value: Any, field: str, still_frames: StillFrames) -> ModelRequest:
    if not isinstance(value, dict):
        raise BadRequest(f"{field} must be an object with model_id, model_version and inference_type")
    model_id = _parse_name(value.get("model_id"), f"{field}.model_id")
    if model_id in OFFSET_KEYS:
        raise BadRequest(f"{field}.model_id can't be {model_id}: the results file has a key of that name")
    version = value.get("model_version")
    if isinstance(version, float) and version.is_integer():
        version = int(version)  # JSON has only one type of number: 4.0 is 4
    if isinstance(version, int) and not isinstance(version, bool):
        version = str(version)
    inference_type = value.get("inference_type")
    if inference_type == "gaze-detection":
        raise BadRequest(f"{field}.inference_type gaze-detection is not supported by this engine; use one of: {_TYPES}")
    if inference_type not in TASK_TYPES:
        raise BadRequest(f"{field}.inference_type must be one of: {_TYPES}")
    parameters = _parse_parameters(value.get("inference_params"), f"{field}.inference_params", still_frames)
    return ModelRequest(model_id, _parse_name(version, f"{field}.model_version"), inference_type, **parameters)


def _parse_name(value: Any, field: str) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise BadRequest(f"{field} must be 1 to 100 letters, digits, dots, dashes or underscores")
    return value


def _parse_parameters(value: Any, field: str, still_frames: StillFrames) -> dict[str, Any]:
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise BadRequest(f"{field} must be an object")
    if unknown := sorted(value.keys() - set(_PARAMETERS)):
        raise BadRequest(f"{field} has no {quote(unknown[0])}; use: {', '.join(_PARAMETERS)}")
    ratios = {name: _parse_ratio(value.get(name, default), f"{field}.{name}") for name, default in _RATIOS.items()}
    return {
        **ratios,
        "still_frames": _parse_still_frames(value.get("still_frames", still_frames), f"{field}.still_frames"),
    }


def _parse_ratio(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadRequest(f"{field} must be a number from 0 to 1")
    return float(value)


def _parse_still_frames(value: Any, field: str) -> str:
    if value not in list(StillFrames):
        raise BadRequest(f"{field} must be one of: {', '.join(StillFrames)}")
    return str(value)
