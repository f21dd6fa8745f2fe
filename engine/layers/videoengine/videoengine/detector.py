"""An object-detection model, from a frame to an element of the results."""

import time
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from videoengine.detections import READERS, Detections, select_detections
from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import CLASS_NAMES, DESCRIPTION_FILES, WEIGHTS, ModelPackage, parse_package
from videoengine.network import Network
from videoengine.preprocessing import FramePreprocessor


class Detector:
    """A compiled model package."""

    def __init__(self, folder: Path) -> None:
        """Compiles the package in `folder`.

        Raises:
            ModelPackageInvalid: it can't be run.
        """
        self._package = parse_package({name: (folder / name).read_bytes() for name in DESCRIPTION_FILES})
        self._network = Network(folder / WEIGHTS, self._package.network_input)
        self._preprocessor = FramePreprocessor(self._package.network_input)
        _check_output_shape(self._package, self._network.output_shape)

    def detect(self, frame: VideoFrame, confidence: float, iou_threshold: float) -> dict[str, Any]:
        """The results' element for a frame, as the API writes it."""
        started = time.perf_counter()
        picture, placement = self._preprocessor.prepare(frame)
        candidates = READERS[self._package.architecture](self._network.infer(picture))
        found = select_detections(candidates, confidence, iou_threshold)
        found = Detections(placement.to_frame(found.xyxy), found.confidence, found.class_id)
        return {
            "time": round(time.perf_counter() - started, 4),
            "image": {"width": frame.width, "height": frame.height},
            "predictions": describe_predictions(found, self._package.class_names),
        }


def describe_predictions(detections: Detections, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The API's predictions: x and y are a box's centre; all in pixels."""
    return [
        {
            "x": (x1 + x2) / 2,
            "y": (y1 + y2) / 2,
            "width": x2 - x1,
            "height": y2 - y1,
            "confidence": round(confidence, 4),
            "class": class_names[class_id],
            "class_id": class_id,
        }
        for (x1, y1, x2, y2), confidence, class_id in zip(
            detections.xyxy.tolist(), detections.confidence.tolist(), detections.class_id.tolist(), strict=True
        )
    ]


def _check_output_shape(package: ModelPackage, shape: tuple[int, ...]) -> None:
    with_objectness = package.architecture == "yolov5"
    values = len(package.class_names) + (5 if with_objectness else 4)
    if len(shape) != 2 or shape[-1 if with_objectness else 0] != values:
        raise ModelPackageInvalid(
            f"{WEIGHTS} gives an output of {' x '.join(map(str, shape))}, but {package.architecture} with "
            f"{len(package.class_names)} classes has {values} values a box: do {CLASS_NAMES} and the weights match?"
        )
