"""Bodies of `POST /videoinfer` that no client would send, and the error for each."""

import json
from dataclasses import dataclass
from typing import Any

from tests.stand_ins.engine import MODEL

MIB = 2**20


@dataclass(frozen=True)
class HostileBody:
    """A body, and the error that answers it with status 400.

    Attributes:
        name: What is wrong with it.
        content: The body's bytes.
        error: How the error begins.
    """

    name: str
    content: bytes
    error: str


def _change(**changes: Any) -> bytes:
    job = {"input_url": "https://videos.example.com/a.mp4", "infer_fps": 5, "models": [MODEL]}
    return json.dumps(job | changes).encode()


def _change_model(**changes: Any) -> bytes:
    return _change(models=[MODEL | changes])


_TOO_LONG = "The body is longer than 65536 bytes"
_TOO_DEEP = "The body is nested too deeply"
_NOT_UTF8 = "The body must be text in UTF-8, without halves of surrogate pairs"
_NO_OBJECT = "The body must be a JSON object"
_NO_TYPE = "models[0].inference_type must be one of: object-detection, "
_NO_NAME = "must be 1 to 100 letters, digits, dots, dashes or underscores"

BODIES = [
    # Not JSON.
    HostileBody("nothing", b"", "The body is empty; it must be a JSON object"),
    HostileBody("spaces", b" \n ", "The body is empty; it must be a JSON object"),
    HostileBody("text", b"hello", "The body must be JSON: Expecting value: line 1 column 1 (char 0)"),
    HostileBody("half of an object", b'{"input_url": "https://', "The body must be JSON: Unterminated string"),
    HostileBody("something behind it", _change() + b"{}", "The body must be JSON: Extra data"),
    HostileBody("a form", b"input_url=https%3A%2F%2F&infer_fps=5", "The body must be JSON: Expecting value"),
    HostileBody("a byte order mark", b"\xef\xbb\xbf" + _change(), "The body must be JSON: Unexpected UTF-8 BOM"),
    HostileBody("UTF-16", _change().decode().encode("utf-16"), _NOT_UTF8),
    HostileBody("Latin-1", '{"input_url": "https://videos.example.com/ü"}'.encode("latin-1"), _NOT_UTF8),
    HostileBody("random bytes", bytes(range(256)), _NOT_UTF8),
    HostileBody("half of a surrogate pair", rb'{"input_url": "\ud800"}', _NOT_UTF8),
    HostileBody("a surrogate pair in UTF-8", b'{"input_url": "\xed\xa0\xbd\xed\xb8\x80"}', _NOT_UTF8),
    HostileBody("a bare NUL", b'{"input_url": "\x00"}', "The body must be JSON: Invalid control character"),
    # Too much JSON.
    HostileBody("6 MiB of spaces", b" " * 6 * MIB, _TOO_LONG),
    HostileBody("a string of 6 MiB", b'{"input_url": "' + b"a" * 6 * MIB + b'"}', _TOO_LONG),
    HostileBody("100,000 models", b'{"models": [' + b"{}," * 100_000 + b"{}]}", _TOO_LONG),
    HostileBody("20,000 models", b'{"models": [' + b"{}," * 20_000 + b"{}]}", "input_url must be a string"),
    HostileBody(
        "three models where two may be",
        _change(models=[MODEL | {"model_id": f"m{n}"} for n in range(3)]),
        "models must be at most 2, not 3",
    ),
    HostileBody("65,000 lists in each other", b"[" * 65_000, _TOO_DEEP),
    HostileBody("30,000 lists in each other, closed", b"[" * 30_000 + b"]" * 30_000, _TOO_DEEP),
    HostileBody("10,000 objects in each other", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, _TOO_DEEP),
    HostileBody(
        "a number of 60,000 digits", b'{"infer_fps": ' + b"9" * 60_000 + b"}", "The body has a number that is too long"
    ),
    HostileBody(
        "a string of 60,000", _change(input_url="https://" + "a" * 60_000), "input_url must be at most 8192 characters"
    ),
    # Input that JSON parsers disagree about.
    HostileBody(
        "a name twice",
        _change()[:-1] + b', "input_url": "http://169.254.169.254/"}',
        'The body has "input_url" twice in one object',
    ),
    HostileBody(
        "a name twice, escaped",
        _change()[:-1] + rb', "input\u005furl": "http://localhost/"}',
        'The body has "input_url" twice in one object',
    ),
    HostileBody(
        "a name twice, deeper",
        _change_model(a={"b": 1}).replace(b'"b": 1', b'"b": 1, "b": 2'),
        'The body has "b" twice in one object',
    ),
    HostileBody("NaN", _change(infer_fps=float("nan")), "The body must be JSON, which has no NaN"),
    HostileBody("Infinity", _change(infer_fps=float("inf")), "The body must be JSON, which has no Infinity"),
    HostileBody(
        "-Infinity where nobody looks", _change(more=float("-inf")), "The body must be JSON, which has no -Infinity"
    ),
    # Wrong types.
    HostileBody("a list", b"[]", _NO_OBJECT),
    HostileBody("null", b"null", _NO_OBJECT),
    HostileBody("a number", b"5", _NO_OBJECT),
    HostileBody("an empty object", b"{}", "input_url must be a string that is not empty"),
    HostileBody(
        "a list as URL",
        _change(input_url=["https://videos.example.com/a.mp4"]),
        "input_url must be a string that is not empty",
    ),
    HostileBody("spaces as URL", _change(input_url="  "), "input_url must be a string that is not empty"),
    HostileBody("a text as rate", _change(infer_fps="5"), "infer_fps must be a number of frames per second"),
    HostileBody("true as rate", _change(infer_fps=True), "infer_fps must be a number of frames per second"),
    HostileBody("1e999 as rate", _change().replace(b" 5,", b" 1e999,"), "infer_fps must be at most 1000000"),
    HostileBody("0 as rate", _change(infer_fps=0), "infer_fps must be at least 1, not 0"),
    HostileBody("-1e308 as rate", _change(infer_fps=-1e308), "infer_fps must be at least 1, not -1e+308"),
    HostileBody("an object for models", _change(models={"0": MODEL}), "models must be a list with at least one model"),
    HostileBody("no models", _change(models=[]), "models must be a list with at least one model"),
    HostileBody(
        "null for a model",
        _change(models=[None]),
        "models[0] must be an object with model_id, model_version and inference_type",
    ),
    HostileBody("another model's folder", _change_model(model_id="../bottles"), f"models[0].model_id {_NO_NAME}"),
    HostileBody(
        "a key of the results",
        _change_model(model_id="frame_offset"),
        "models[0].model_id can't be frame_offset: the results file has a key of that name",
    ),
    HostileBody("a list as version", _change_model(model_version=[4]), f"models[0].model_version {_NO_NAME}"),
    HostileBody("1e300 as version", _change_model(model_version=1e300), f"models[0].model_version {_NO_NAME}"),
    HostileBody("an object as type", _change_model(inference_type={}), _NO_TYPE),
    HostileBody(
        "a list as parameters", _change_model(inference_params=[]), "models[0].inference_params must be an object"
    ),
    HostileBody(
        "a confidence above 1",
        _change_model(inference_params={"confidence": 1.5}),
        "models[0].inference_params.confidence must be a number from 0 to 1",
    ),
    HostileBody(
        "a parameter of 60,000",
        _change_model(inference_params={"a" * 60_000: 1}),
        f'models[0].inference_params has no "{"a" * 40}"…; use: confidence, iou_threshold, still_frames',
    ),
]
"""Each `error` is the beginning of the error."""
