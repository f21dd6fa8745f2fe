"""The types of inference. Roboflow's API learns new ones, so others than the documented types are passed on to it."""

import difflib
import re

from videojobs.errors import InvalidOption

INFERENCE_TYPES = (
    "object-detection",
    "classification",
    "instance-segmentation",
    "keypoint-detection",
    "gaze-detection",
    "clip-embed-image",
)
"""The documented types: https://docs.roboflow.com/deployment/legacy/legacy-serverless/video-inference"""

_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")

_SIMILARITY = 0.8
"""From this on, an unknown type may be a misspelling: `object-detections`, `object_detection`."""


def parse_inference_type(value: object) -> str:
    """Returns a type that the API may know. Raises InvalidOption."""
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        types = ", ".join(INFERENCE_TYPES)
        words = f"is not 1 to 100 letters, digits, hyphens and underscores. The documented types are {types}"
        raise InvalidOption(f"inference_type: {value!r} {words}.")
    return value


def is_documented(inference_type: str | None) -> bool:
    """Returns whether the form of the type's results is known. None, without a job's record, counts as documented."""
    return inference_type is None or inference_type in INFERENCE_TYPES


def find_similar(inference_type: str) -> str | None:
    """Returns the documented type that an unknown one may be meant to be, or None."""
    spelled = inference_type.lower().replace("_", "-")
    return next(iter(difflib.get_close_matches(spelled, INFERENCE_TYPES, n=1, cutoff=_SIMILARITY)), None)


def describe_type(inference_type: str) -> str:
    """Returns a type as notices and `videoinfer show` name it."""
    return inference_type if is_documented(inference_type) else f"{inference_type}, not a documented type"


def hint(inference_type: str) -> str:
    """Returns a sentence about a type that is not documented."""
    similar = find_similar(inference_type)
    question = f"; did you mean {similar}?" if similar else "."
    return f"The inference type {inference_type} is not a documented one{question}"
