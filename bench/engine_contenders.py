"""The ways to run a detector on a video that `bench/engine.py` compares, each in its usual form.

    PYTHON bench/engine_contenders.py NAME MODEL_PACKAGE INFER_FPS

The script loads the model. Then it reads the path of a video from each line, and answers with a line of JSON: sampled
frames, seconds, CPU seconds. It runs in the peers' virtual environment, or for the engine in the project's own, so each
contender imports only what it needs.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CONFIDENCE, IOU_THRESHOLD = 0.4, 0.3
MARGIN = 114

Run = Callable[[str], int]
"""Runs the model on the video at this path, and returns the number of frames that it inferred."""


def main() -> None:
    """Serves one contender."""
    name, package, infer_fps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    # Libraries may print to stdout, so the answers get their own file.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    run = CONTENDERS[name](package, infer_fps)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        seconds, cpu_seconds = time.perf_counter(), time.process_time()
        frames = run(line.strip())
        seconds, cpu_seconds = time.perf_counter() - seconds, time.process_time() - cpu_seconds
        print(json.dumps({"frames": frames, "seconds": seconds, "cpu_seconds": cpu_seconds}), file=answers, flush=True)


def load_onnx_runtime(package: Path) -> Callable[[Any], Any]:
    """Returns a function that runs the model with ONNX Runtime.

    The function takes a picture (height, width, 3) in BGR, and returns boxes (left, top, width, height in pixels),
    scores and classes.
    """
    import cv2
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(str(package / "weights.onnx"), providers=["CPUExecutionProvider"])
    [network_input] = session.get_inputs()
    side = network_input.shape[2]

    def infer(picture: Any) -> Any:
        height, width = picture.shape[:2]
        scale = min(side / width, side / height)
        resized = cv2.resize(picture, (round(width * scale), round(height * scale)))
        top, left = (side - resized.shape[0]) // 2, (side - resized.shape[1]) // 2
        canvas = np.full((side, side, 3), MARGIN, dtype=np.uint8)
        canvas[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
        tensor = canvas[:, :, ::-1].transpose(2, 0, 1)[np.newaxis].astype(np.float32) / 255
        [output] = session.run(None, {network_input.name: tensor})
        rows = output[0].T
        scores, kinds = rows[:, 4:].max(axis=1), rows[:, 4:].argmax(axis=1)
        passed = scores > CONFIDENCE
        boxes, scores, kinds = rows[passed, :4], scores[passed], kinds[passed]
        boxes[:, :2] -= boxes[:, 2:] / 2
        kept = cv2.dnn.NMSBoxesBatched(boxes, scores, kinds, CONFIDENCE, IOU_THRESHOLD) if len(boxes) else []
        return (boxes[kept] - [left, top, 0, 0]) / scale, scores[kept], kinds[kept]

    return infer


def load_opencv(package: Path, infer_fps: int) -> Run:
    """An OpenCV loop that reads all frames, and infers every n-th one."""
    import cv2

    infer = load_onnx_runtime(package)

    def run(video: str) -> int:
        capture = cv2.VideoCapture(video)
        stride, index, inferred = round(capture.get(cv2.CAP_PROP_FPS) / infer_fps), 0, 0
        while True:
            came, picture = capture.read()
            if not came:
                return inferred
            if index % stride == 0:
                infer(picture)
                inferred += 1
            index += 1

    return run


def load_opencv_grab(package: Path, infer_fps: int) -> Run:
    """The same loop, optimized: it grabs all frames, but retrieves only those that it infers."""
    import cv2

    infer = load_onnx_runtime(package)

    def run(video: str) -> int:
        capture = cv2.VideoCapture(video)
        stride, index, inferred = round(capture.get(cv2.CAP_PROP_FPS) / infer_fps), 0, 0
        while capture.grab():
            if index % stride == 0:
                infer(capture.retrieve()[1])
                inferred += 1
            index += 1
        return inferred

    return run


def load_supervision(package: Path, infer_fps: int) -> Run:
    """`supervision`'s generator of frames."""
    import supervision

    infer = load_onnx_runtime(package)

    def run(video: str) -> int:
        stride, inferred = round(supervision.VideoInfo.from_video_path(video).fps / infer_fps), 0
        for picture in supervision.get_video_frames_generator(video, stride=stride):
            infer(picture)
            inferred += 1
        return inferred

    return run


def load_ultralytics(package: Path, infer_fps: int) -> Run:
    """`ultralytics` with the ONNX file, in streaming mode."""
    import cv2
    import ultralytics

    model = ultralytics.YOLO(str(package / "weights.onnx"), task="detect")

    def run(video: str) -> int:
        stride = round(cv2.VideoCapture(video).get(cv2.CAP_PROP_FPS) / infer_fps)
        found = model.predict(
            video, stream=True, vid_stride=stride, conf=CONFIDENCE, iou=IOU_THRESHOLD, device="cpu", verbose=False
        )
        return sum(1 for _ in found)

    return run


def load_inference_models(package: Path, infer_fps: int) -> Run:
    """Roboflow's own runner, with frames from PyAV."""
    import av
    import torch
    from inference_models import AutoModel

    model = AutoModel.from_pretrained(
        str(package), device=torch.device("cpu"), onnx_execution_providers=["CPUExecutionProvider"]
    )

    def run(video: str) -> int:
        inferred = 0
        with av.open(video) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stride = round(float(stream.average_rate or 0) / infer_fps)
            for index, frame in enumerate(container.decode(stream)):
                if index % stride == 0:
                    model(frame.to_ndarray(format="bgr24"), confidence=CONFIDENCE, iou_threshold=IOU_THRESHOLD)
                    inferred += 1
        return inferred

    return run


def load_engine(package: Path, infer_fps: int, precision: str = "f32") -> Run:
    """The engine's core, from planning to the elements of the results."""
    from fractions import Fraction

    from videoengine.detections import Thresholds
    from videoengine.detector import Detector
    from videoengine.frame_inference import FrameInference
    from videoengine.precision import Precision
    from videoengine.segments import select_frames
    from videoengine.timeline import read_timeline
    from videoengine.video_file import open_video

    def fail(_: str, error: Exception) -> None:
        raise error

    thresholds = Thresholds(CONFIDENCE, IOU_THRESHOLD)
    inference = FrameInference({"model": (Detector(package, Precision(precision)), thresholds)}, fail)

    def run(video: str) -> int:
        with open_video(video) as container:
            frames = select_frames(read_timeline(container), Fraction(infer_fps))
            return sum(1 for _ in inference.infer(container, frames))

    return run


def load_decoding(package: Path, infer_fps: int) -> Run:  # noqa: ARG001
    """Only decodes all frames."""
    import av

    def run(video: str) -> int:
        with av.open(video) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = os.process_cpu_count() or 1
            decoded = sum(1 for _ in container.decode(stream))
            return round(decoded / stream.average_rate * infer_fps)

    return run


def load_model(package: Path, infer_fps: int, precision: str = "f32") -> Run:
    """Only runs the engine's network, on prepared tensors."""
    from collections import deque

    import av
    import numpy as np

    from videoengine.model_packages import WEIGHTS, read_package
    from videoengine.network import Network
    from videoengine.precision import Precision

    described = read_package(package)
    network = Network(package / WEIGHTS, described.network_input, Precision(precision))
    shape = described.network_input.height, described.network_input.width, 3
    pictures = np.random.default_rng(0).integers(0, 255, (8, *shape), dtype=np.uint8)

    def start(picture: Any) -> Any:
        network.next_input[:] = picture
        return network.start()

    def run(video: str) -> int:
        with av.open(video) as container:
            stream = container.streams.video[0]
            frames = round(stream.frames / stream.average_rate * infer_fps)
        in_flight = deque(start(pictures[0]) for _ in range(2 * network.concurrency))
        for index in range(frames):
            in_flight.append(start(pictures[index % len(pictures)]))
            in_flight.popleft().finish()
        for inference in in_flight:
            inference.finish()
        return frames + len(in_flight)

    return run


CONTENDERS: dict[str, Callable[[Path, int], Run]] = {
    "opencv": load_opencv,
    "opencv-grab": load_opencv_grab,
    "supervision": load_supervision,
    "ultralytics": load_ultralytics,
    "inference-models": load_inference_models,
    "engine": load_engine,
    "engine-hardware": partial(load_engine, precision="hardware"),
    "decoding": load_decoding,
    "model": load_model,
    "model-hardware": partial(load_model, precision="hardware"),
}

if __name__ == "__main__":
    main()
