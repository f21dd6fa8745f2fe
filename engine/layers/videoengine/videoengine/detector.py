"""A model, from a frame to an element of the results."""

import time
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from videoengine.detections import Thresholds
from videoengine.inference_types import INFERENCE_TYPES
from videoengine.model_packages import DESCRIPTION_FILES, WEIGHTS, parse_package
from videoengine.network import Network
from videoengine.preprocessing import FramePreprocessor

type Element = Any
"""What the API writes for a frame: an object, or a list of numbers for an embedding."""


class Detector:
    """A compiled model package, of any inference type."""

    def __init__(self, folder: Path) -> None:
        """Compiles the package in `folder`.

        Raises:
            ModelPackageInvalid: it can't be run.
        """
        present = [name for name in DESCRIPTION_FILES if (folder / name).exists()]
        self._package = parse_package({name: (folder / name).read_bytes() for name in present})
        self._inference_type = INFERENCE_TYPES[self._package.task_type]
        self._network = Network(folder / WEIGHTS, self._package.network_input)
        self._preprocessor = FramePreprocessor(self._package.network_input)
        self._inference_type.check_shapes(self._package, self._network.output_shapes)

    def detect(self, frame: VideoFrame, confidence: float, iou_threshold: float) -> Element:
        """The results' element for a frame."""
        started = time.perf_counter()
        picture, placement = self._preprocessor.prepare(frame)
        outputs = self._network.infer(picture)
        found = self._inference_type.describe(outputs, self._package, placement, Thresholds(confidence, iou_threshold))
        if isinstance(found, list):
            return found
        return {
            "time": round(time.perf_counter() - started, 4),
            "image": {"width": frame.width, "height": frame.height},
            **found,
        }
