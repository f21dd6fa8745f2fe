"""A small video and a small model package, made for the tests."""

import json
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

FRAME_COUNT = 12
FRAME_RATE = Fraction(12)
RESOLUTION_WH = (320, 180)


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of grey that gets brighter: frame `i` is `20 * i`."""
    path = tmp_path_factory.mktemp("video") / "grey.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height = RESOLUTION_WH
        stream.pix_fmt = "yuv420p"
        for index in range(FRAME_COUNT):
            grey = Image.new("RGB", RESOLUTION_WH, (20 * index,) * 3)
            frame = av.VideoFrame.from_image(grey)  # type: ignore[no-untyped-call]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A package whose weights nobody reads."""
    folder = tmp_path / "hands" / "4"
    folder.mkdir(parents=True)
    (folder / "weights.onnx").write_bytes(b"weights")
    (folder / "class_names.txt").write_text("rock\npaper\nscissors\n")
    (folder / "inference_config.json").write_text("{}")
    (folder / "model_config.json").write_text(
        json.dumps({"model_architecture": "yolov8", "task_type": "object-detection", "backend_type": "onnx"})
    )
    return folder
