"""Requests: which are accepted, and that every refusal names the field."""

from fractions import Fraction
from typing import Any

import pytest

from videoengine.errors import BadRequest
from videoengine.job_requests import JobRequest, ModelRequest, parse_file_name
from videoengine.still_frames import StillFrames

MODEL: dict[str, Any] = {"model_id": "bottles", "model_version": "4", "inference_type": "object-detection"}
BODY: dict[str, Any] = {"input_url": "https://example.com/video.mp4", "infer_fps": 5, "models": [MODEL]}


def with_model(**changes: Any) -> dict[str, Any]:
    return {**BODY, "models": [{**MODEL, **changes}]}


def test_a_complete_request_is_read() -> None:
    body = with_model(inference_params={"confidence": 0.5, "iou_threshold": 1})
    assert JobRequest.parse(body) == JobRequest(
        "https://example.com/video.mp4",
        Fraction(5),
        (ModelRequest("bottles", "4", "object-detection", confidence=0.5, iou_threshold=1.0),),
    )


@pytest.mark.parametrize("inference_params", [{}, None])
def test_defaults_are_those_of_roboflow_s_runner(inference_params: Any) -> None:
    [model] = JobRequest.parse(with_model(inference_params=inference_params)).models
    assert (model.confidence, model.iou_threshold) == (0.4, 0.3)


def test_still_frames_are_inferred_unless_the_model_or_the_stack_reuses_them() -> None:
    reusing = with_model(inference_params={"still_frames": "reuse"})
    inferring = with_model(inference_params={"still_frames": "infer"})
    assert JobRequest.parse(BODY).models[0].still_frames == "infer"
    assert JobRequest.parse(BODY, StillFrames.REUSE).models[0].still_frames == "reuse"
    assert JobRequest.parse(reusing).models[0].still_frames == "reuse"
    assert JobRequest.parse(inferring, StillFrames.REUSE).models[0].still_frames == "infer"


def test_a_version_may_be_a_number() -> None:
    assert JobRequest.parse(with_model(model_version=4)).models[0].package_name == "bottles/4"
    assert JobRequest.parse(with_model(model_version=4.0)).models[0].package_name == "bottles/4"


def test_a_rate_is_the_exact_fraction_of_its_decimal_digits() -> None:
    assert JobRequest.parse({**BODY, "infer_fps": 29.97}).infer_fps == Fraction(2997, 100)


def test_several_models_may_be_requested() -> None:
    models = JobRequest.parse({**BODY, "models": [MODEL, {**MODEL, "model_id": "cups"}]}).models
    assert [model.model_id for model in models] == ["bottles", "cups"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**BODY, "input_url": None}, "input_url must be a string"),
        ({**BODY, "input_url": " "}, "input_url must be a string"),
        ({**BODY, "input_url": "s3://bucket/key"}, "input_url must begin with http:// or https://"),
        ({**BODY, "input_url": "file:///etc/passwd"}, "input_url must begin with http:// or https://"),
        ({**BODY, "input_url": "https://[half"}, "input_url is not a valid URL"),
        ({**BODY, "infer_fps": None}, "infer_fps must be a number"),
        ({**BODY, "infer_fps": "5"}, "infer_fps must be a number"),
        ({**BODY, "infer_fps": True}, "infer_fps must be a number"),
        ({**BODY, "infer_fps": float("nan")}, "infer_fps must be a number"),
        ({**BODY, "infer_fps": 10**400}, "infer_fps must be at most 1000000"),
        ({**BODY, "infer_fps": float("inf")}, "infer_fps must be at most 1000000"),
        ({**BODY, "infer_fps": float("-inf")}, "infer_fps must be at least 1, not -inf"),
        ({**BODY, "input_url": "https://e.com/" + "a" * 8192}, "input_url must be at most 8192 characters"),
        ({**BODY, "infer_fps": -(10**400)}, "infer_fps must be at least 1, not -1000"),
        ({**BODY, "infer_fps": 0}, "infer_fps must be at least 1, not 0"),
        ({**BODY, "infer_fps": 0.99}, "infer_fps must be at least 1, not 0.99"),
        ({**BODY, "models": None}, "models must be a list"),
        ({**BODY, "models": []}, "models must be a list"),
        ({**BODY, "models": ["bottles/4"]}, "models[0] must be an object"),
        (with_model(model_id=None), "models[0].model_id must be 1 to 100 letters"),
        (with_model(model_id="../bottles"), "models[0].model_id must be 1 to 100 letters"),
        (with_model(model_id="frame_offset"), "models[0].model_id can't be frame_offset"),
        (with_model(model_version=None), "models[0].model_version must be 1 to 100 letters"),
        (with_model(model_version=True), "models[0].model_version must be 1 to 100 letters"),
        (with_model(inference_type="clip"), "models[0].inference_type must be one of: object-detection"),
        (
            with_model(inference_type="gaze-detection"),
            "models[0].inference_type gaze-detection is not supported by this engine",
        ),
        (with_model(inference_params=[]), "models[0].inference_params must be an object"),
        (with_model(inference_params={"confidence": 1.1}), "models[0].inference_params.confidence must be a number"),
        (with_model(inference_params={"iou_threshold": "x"}), "models[0].inference_params.iou_threshold must be"),
        (
            with_model(inference_params={"confidance": 1}),
            'models[0].inference_params has no "confidance"; use: confidence',
        ),
        *(
            (
                with_model(inference_params={"still_frames": value}),
                "models[0].inference_params.still_frames must be one of: infer, reuse",
            )
            for value in ("Reuse", "", None, True, 1, ["reuse"])
        ),
        ({**BODY, "models": [MODEL, MODEL]}, 'models: "bottles" is listed twice'),
        ({**BODY, "models": [MODEL, {**MODEL, "model_version": 5}]}, 'models: "bottles" is listed in two versions'),
    ],
)
def test_a_refusal_names_the_field(body: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        JobRequest.parse(body)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("body", [{}, {"file_name": ""}, {"file_name": 3}])
def test_an_upload_needs_a_name(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="file_name must be a string"):
        parse_file_name(body)
