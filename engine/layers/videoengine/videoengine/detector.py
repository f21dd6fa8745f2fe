"""Runs a model: from a frame to an element of the results."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from videoengine.detections import Thresholds
from videoengine.errors import ModelPackageInvalid
from videoengine.families.layouts import LAYOUTS
from videoengine.inference_types import INFERENCE_TYPES
from videoengine.model_packages import WEIGHTS, read_package
from videoengine.network import Network
from videoengine.onnx_file import find_external_files
from videoengine.precision import Precision
from videoengine.preprocessing import FramePreprocessor, Placement

type Element = Any
"""The results of one frame in the API's format: an object, or a list of numbers for an embedding."""

type PendingElement = Callable[[], Element]
"""Waits for an element and returns it. Call it once."""


@dataclass(frozen=True)
class PreparedFrame:
    """A frame that is the next input of a model's network.

    Attributes:
        pixels: (height, width, 3) of the network's input. The next frame overwrites them.
        seconds: how long the preparation took.
    """

    pixels: NDArray[np.uint8]
    placement: Placement
    seconds: float


class Detector:
    """A compiled model package of any inference type.

    Example:
        detector = Detector(Path("engine/models/rock-paper-scissors-presentation/4"))
        element = detector.detect(frame, Thresholds(confidence=0.4, iou=0.3))
    """

    def __init__(self, folder: Path, precision: Precision = Precision.F32) -> None:
        """Compiles the package in `folder`.

        Raises:
            ModelPackageInvalid: the package can't be run.
        """
        if missing := sorted(name for name in find_external_files(folder / WEIGHTS) if not (folder / name).exists()):
            raise ModelPackageInvalid(f"{WEIGHTS} has weights in {' and '.join(missing)}, missing in the package")
        self._package = read_package(folder)
        self._inference_type = INFERENCE_TYPES[self._package.task_type]
        self._network = Network(folder / WEIGHTS, self._package.network_input, precision)
        self._preprocessor = FramePreprocessor(self._package.network_input)
        self._inference_type.check_shapes(self._package, self._network.output_shapes)

    @property
    def concurrency(self) -> int:
        """How many frames are inferred at once; further ones wait."""
        return self._network.concurrency

    @property
    def is_threshold_on_objectness(self) -> bool:
        """Whether the confidence threshold applies to objectness, so that reported confidences may be lower."""
        layout = LAYOUTS.get(self._package.layout)
        return layout is not None and layout.is_threshold_on_objectness

    def start(self, frame: VideoFrame, thresholds: Thresholds) -> PendingElement:
        """Starts the inference of a frame.

        Finish frames in the order in which they were started. The frame itself is no longer needed after this call.
        """
        return self.infer(self.prepare(frame), thresholds)

    def prepare(self, frame: VideoFrame) -> PreparedFrame:
        """Makes a frame the next input of the network. It may be inferred, or replaced by another one."""
        started = time.perf_counter()
        pixels = self._network.next_input
        placement = self._preprocessor.prepare(frame, pixels)
        return PreparedFrame(pixels, placement, time.perf_counter() - started)

    def infer(self, prepared: PreparedFrame, thresholds: Thresholds) -> PendingElement:
        """Starts the inference of the frame that was prepared last; see `start`."""
        inference = self._network.start()

        def finish() -> Element:
            outputs = inference.finish()
            finished = time.perf_counter()
            found = self._inference_type.describe(outputs, self._package, prepared.placement, thresholds)
            if isinstance(found, list):
                return found
            seconds = prepared.seconds + inference.seconds + time.perf_counter() - finished
            width, height = prepared.placement.resolution_wh
            return {"time": round(seconds, 4), "image": {"width": width, "height": height}, **found}

        return finish

    def detect(self, frame: VideoFrame, thresholds: Thresholds) -> Element:
        """Infers a frame and returns its element of the results."""
        return self.start(frame, thresholds)()
