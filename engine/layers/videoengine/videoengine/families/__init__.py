"""Model families: one entry for each architecture that this engine runs.

A new family is one entry in `FAMILIES`. If its outputs look like no other family's, it also needs a layout: one
function in `layouts.py`. This module imports no NumPy, because the API's function reads packages without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ResizeMode = Literal["letterbox", "stretch", "center-crop", "cover"]

Layout = Literal["rows with objectness", "columns", "selected", "queries", "no boxes"]
"""How the raw outputs hold boxes. `layouts.py` describes each of them and reads it."""

GRAY = 127


@dataclass(frozen=True)
class Family:
    """What the engine has to know about the models of one architecture.

    Attributes:
        task_types: what its models can do, as `task_type` in `model_config.json` names it.
        layout: how its raw outputs hold boxes. `selected` networks end in their own selection (NMS), whatever the
            package says; other YOLO networks do so if the package says `fused`.
        fit_longer_edge: what replaces the resize mode `fit-longer-edge`, with the gray level of the margin. Exported
            networks have a fixed input shape, so Roboflow's runner replaces this mode too.
        is_trained_stretched: frames are stretched, whatever the resize mode says, unless the data set was resized
            before training.
        fixed_resize_mode: always applies, whatever the package says.
        default_input: entries of `network_input` in `inference_config.json` for packages that lack them.
        default_scaling_factor: what pixel values are divided by if the package says nothing.
        are_masks_smoothed: masks are scaled up as probabilities, not as logits, as in Roboflow's runner.
        min_keypoint_confidence: less confident key points are reported at 0, 0 with confidence 0, as in Roboflow's
            runner.
    """

    task_types: tuple[str, ...]
    layout: Layout = "no boxes"
    fit_longer_edge: tuple[ResizeMode, int] = ("letterbox", GRAY)
    is_trained_stretched: bool = False
    fixed_resize_mode: ResizeMode | None = None
    default_input: Mapping[str, Any] = field(default_factory=dict)
    default_scaling_factor: float = 1.0
    are_masks_smoothed: bool = False
    min_keypoint_confidence: float = 0.0


_BOXES = ("object-detection",)
_BOXES_MASKS = (*_BOXES, "instance-segmentation")
_BOXES_MASKS_KEYPOINTS = (*_BOXES_MASKS, "keypoint-detection")
_LABELS = ("classification", "multi-label-classification")

_CLIP_INPUT = {
    "training_input_size": {"width": 224, "height": 224},
    "color_mode": "rgb",
    "scaling_factor": 255,
    "normalization": [[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]],
}
"""The values of OpenAI's CLIP, because Roboflow's packages of CLIP leave them out."""

FAMILIES: dict[str, Family] = {
    "yolov5": Family(_BOXES, "rows with objectness"),
    "yolov7": Family(_BOXES, "rows with objectness"),
    "yolov8": Family((*_BOXES_MASKS_KEYPOINTS, "classification"), "columns", are_masks_smoothed=True),
    "yolov9": Family(_BOXES, "columns"),
    "yolov10": Family(_BOXES, "selected"),
    "yolov11": Family((*_BOXES_MASKS_KEYPOINTS, "classification"), "columns", are_masks_smoothed=True),
    "yolov12": Family(_BOXES, "columns"),
    "yolo26": Family(_BOXES_MASKS_KEYPOINTS, "selected", min_keypoint_confidence=0.3),
    "rfdetr": Family(
        _BOXES_MASKS,
        "queries",
        fit_longer_edge=("stretch", 0),
        is_trained_stretched=True,
        default_scaling_factor=255,
    ),
    "vit": Family(_LABELS, fit_longer_edge=("stretch", 0)),
    "resnet": Family(_LABELS, fit_longer_edge=("stretch", 0)),
    "clip": Family(("embedding",), fixed_resize_mode="cover", default_input=_CLIP_INPUT),
}
"""By the name that `model_config.json` gives as `model_architecture`."""


def list_architectures(task_type: str) -> tuple[str, ...]:
    """The names of the families that have models for a `task_type` of `model_config.json`.

    Example:
        >>> list_architectures("embedding")
        ('clip',)
    """
    return tuple(name for name, family in FAMILIES.items() if task_type in family.task_types)
