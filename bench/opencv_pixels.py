"""Reads small videos with OpenCV. Their pixels are the reference for the engine's tests.

.venv-peers/bin/python -m bench.opencv_pixels > tests/unit/videoengine/opencv_pixels.json
"""

import base64
import json
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

PIXEL_FORMATS = ("yuv420p", "yuv422p", "yuv420p10le")
SIZES = ((34, 19), (34, 20), (33, 19))


def make_frame(pixel_format: str, width: int, height: int) -> VideoFrame:
    """A frame with gradients and edges, which differ between the planes."""
    frame = VideoFrame(width, height, pixel_format)
    is_wide = pixel_format.endswith("10le")
    for number, plane in enumerate(frame.planes):
        y, x = np.mgrid[: plane.height, : plane.line_size // (1 + is_wide)]
        values = (x * (5 + number) + y * (9 - 2 * number) + 60 * (x // 7 % 2) + 40 * number) % 180 + 40
        plane.update((values * 4).astype("<u2").tobytes() if is_wide else values.astype(np.uint8).tobytes())
    return frame


def write_video(path: Path, frame: VideoFrame) -> None:
    """Writes a lossless video with this one frame."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def main() -> None:
    """Prints the pixels as JSON: RGB in base64, by pixel format and size."""
    import cv2

    pixels = {}
    with tempfile.TemporaryDirectory() as folder:
        for pixel_format in PIXEL_FORMATS:
            for width, height in SIZES:
                video = Path(folder) / "video.avi"
                write_video(video, make_frame(pixel_format, width, height))
                _, picture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG).read()
                pixels[f"{pixel_format} {width}x{height}"] = base64.b64encode(picture[..., ::-1].tobytes()).decode()
    json.dump({"opencv": cv2.__version__, "rgb": pixels}, sys.stdout, indent=0)


if __name__ == "__main__":
    main()
