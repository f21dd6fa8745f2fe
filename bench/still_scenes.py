"""Writes videos of a fixed camera for bench/still_frames.py: noise, drift, changes of light, small and rare events.

Each begins with a picture of a real or drawn video, in which a model finds objects. Something is then done to it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

type Picture = NDArray[np.float32]
"""(HEIGHT, WIDTH, 3) levels, 0 to 255, red, green, blue."""

WIDTH, HEIGHT, RATE = 960, 540, 10
SECONDS, RARE_SECONDS = 40, 120
EVENT_SECONDS, EVENT_EVERY_SECONDS = 3, 30
LAMP_SECONDS = 10
PIECE_SHARE = 0.4
"""The size of the object that appears or crosses, as a share of the one that it is copied from."""


@dataclass(frozen=True)
class Source:
    """A video that pictures are taken from.

    Attributes:
        still_seconds: When it shows the picture to begin with.
        event_seconds: When something begins to move.
        box: An object in that picture: left, top, right, bottom as shares of the frame.
    """

    video: Path
    still_seconds: float
    event_seconds: float
    box: tuple[float, float, float, float]

    def read(self, seconds: float, count: int = 1) -> list[Picture]:
        """Returns pictures at RATE frames a second, in the size of the scenes."""
        pictures: list[Picture] = []
        with av.open(str(self.video)) as container:
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= seconds + len(pictures) / RATE - 1e-6:
                    shown = frame.reformat(WIDTH, HEIGHT, "rgb24", interpolation="BICUBIC")
                    pictures.append(shown.to_ndarray().astype(np.float32))
                if len(pictures) == count:
                    break
        return pictures


@dataclass
class Camera:
    """What is in front of a fixed camera."""

    source: Source
    random: np.random.Generator
    still: Picture = field(init=False)
    piece: Picture = field(init=False)
    event: list[Picture] = field(init=False)
    grain: Picture = field(init=False)

    def __post_init__(self) -> None:
        [self.still] = self.source.read(self.source.still_seconds)
        self.event = self.source.read(self.source.event_seconds, EVENT_SECONDS * RATE)
        left, top, right, bottom = self.source.box
        piece = self.still[int(top * HEIGHT) : int(bottom * HEIGHT), int(left * WIDTH) : int(right * WIDTH)]
        size = int(PIECE_SHARE * piece.shape[1]), int(PIECE_SHARE * piece.shape[0])
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(piece, dtype=np.uint8), format="rgb24")
        self.piece = frame.reformat(*size, interpolation="AREA").to_ndarray().astype(np.float32)
        # Demosaicing leaves noise of single pixels, and of colors in patches of 2 x 2 pixels.
        luma = self.random.standard_normal((2 * HEIGHT, WIDTH, 1), dtype=np.float32)
        chroma = self.random.standard_normal((HEIGHT, WIDTH // 2, 3), dtype=np.float32)
        self.grain = luma + chroma.repeat(2, axis=0).repeat(2, axis=1) / np.float32(2)

    def add_noise(self, picture: Picture, level: float) -> Picture:
        """Adds a sensor's noise, of this standard deviation: each time another part of the same grain."""
        start = int(self.random.integers(HEIGHT // 2)) * 2
        return picture + level * self.grain[start : start + HEIGHT]

    def put_piece(self, left: float, top: float) -> Picture:
        """The still picture with the small object at shares of the free width and height."""
        picture = self.still.copy()
        height, width = self.piece.shape[:2]
        x, y = round(left * (WIDTH - width)), round(top * (HEIGHT - height))
        picture[y : y + height, x : x + width] = self.piece
        return picture


def _drift(camera: Camera, seconds: float) -> Picture:
    """The camera sinks by 12 pixels."""
    return np.roll(camera.still, -round(12 * seconds / SECONDS), axis=0)


def _switch_lamp(camera: Camera, seconds: float) -> Picture:
    return camera.still * (0.7 if seconds // LAMP_SECONDS % 2 else 1.0)


def _pass_clouds(camera: Camera, seconds: float) -> Picture:
    return camera.still * (0.85 + 0.15 * math.cos(2 * math.pi * seconds / 20))


def _cross(camera: Camera, seconds: float) -> Picture:
    """The object is seen for half of the time."""
    share = 2 * seconds / SECONDS - 0.5
    return camera.put_piece(share, 0.05) if 0 <= share <= 1 else camera.still


def _appear(camera: Camera, seconds: float) -> Picture:
    return camera.put_piece(0.3, 0.05) if seconds % 20 >= 13 else camera.still


def _show_rare_events(camera: Camera, seconds: float) -> Picture:
    until_next = EVENT_EVERY_SECONDS - seconds % EVENT_EVERY_SECONDS
    number = int((EVENT_SECONDS - until_next) * RATE)
    return camera.event[number] if number >= 0 else camera.still


def _keep_still(camera: Camera, seconds: float) -> Picture:  # noqa: ARG001
    return camera.still


@dataclass(frozen=True)
class Scene:
    """What happens in front of the camera.

    Attributes:
        draw: Returns the picture at a time, without noise.
        noise: The standard deviation of the brightness, levels.
        crf: The quality of x264, whose default is 23; more is worse.
    """

    draw: Callable[[Camera, float], Picture] = _keep_still
    noise: float = 2
    crf: int = 23
    seconds: int = SECONDS


SCENES = {
    "no noise": Scene(noise=0),
    "noise 2": Scene(),
    "noise 5": Scene(noise=5),
    "noise 10": Scene(noise=10),
    "noise 20": Scene(noise=20),
    "noise 5, few bits": Scene(noise=5, crf=33),
    "slow drift": Scene(_drift),
    "a lamp is switched": Scene(_switch_lamp),
    "clouds pass": Scene(_pass_clouds),
    "a small object crosses": Scene(_cross),
    "a small object appears": Scene(_appear),
    "the same, noise 10": Scene(_appear, noise=10),
    "rare events": Scene(_show_rare_events, seconds=RARE_SECONDS),
}


def write_scene(scene: Scene, source: Source, path: Path) -> None:
    """Writes H.264 in MP4 with a keyframe every two seconds, as cameras do."""
    camera = Camera(source, np.random.default_rng(0))
    with av.open(str(path), "w", format="mp4") as container:
        options = {"crf": str(scene.crf), "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", 2 * RATE
        for number, picture in enumerate(_film(scene, camera)):
            frame = VideoFrame.from_ndarray(np.clip(picture.round(), 0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _film(scene: Scene, camera: Camera) -> Iterator[Picture]:
    for number in range(scene.seconds * RATE):
        picture = scene.draw(camera, number / RATE)
        yield camera.add_noise(picture, scene.noise) if scene.noise else picture
