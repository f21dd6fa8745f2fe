"""One picture that shows what came out: the frame on which most was found for sure, with boxes drawn on it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageDraw, ImageFont

# Okabe and Ito's palette, without black: told apart by colour-blind eyes too. https://jfly.uni-koeln.de/color/
_PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
_DARK, _LIGHT = "#111111", "#FFFFFF"
_MIN_WIDTH = 1280
_SURE_CONFIDENCE = 0.7


@dataclass(frozen=True)
class Detection:
    """One object on one frame; `xyxy` in pixels of the video's frame."""

    xyxy: tuple[float, float, float, float]
    class_name: str
    class_id: int
    confidence: float


@dataclass(frozen=True)
class Sample:
    """One sampled frame.

    Attributes:
        frame_offset: Its number in the video, from 0, in presentation order.
        time_offset: Seconds from the video's start.
    """

    frame_offset: int
    time_offset: float
    detections: tuple[Detection, ...]


def read_samples(results: Mapping[str, Any], model_id: str) -> Iterator[Sample]:
    """The samples of one model in the API's results; a frame on which the model failed has no detections."""
    elements = zip(results["frame_offset"], results["time_offset"], results[model_id], strict=True)
    for frame_offset, time_offset, element in elements:
        predictions = element["predictions"] if element else []
        yield Sample(frame_offset, time_offset, tuple(map(_read_detection, predictions)))


def find_clearest(samples: Iterable[Sample]) -> Sample:
    """The sample with the most sure detections; among equals, the fewest doubtful ones, then the surest of all."""

    def clearness(sample: Sample) -> tuple[int, bool, int, float]:
        confidences = [detection.confidence for detection in sample.detections]
        sure = sum(confidence >= _SURE_CONFIDENCE for confidence in confidences)
        return sure, bool(confidences), sure - len(confidences), sum(confidences)

    return max(samples, key=clearness)


def draw_detections(image: Image.Image, detections: Sequence[Detection]) -> Image.Image:
    """A copy of `image` with boxes and labels, enlarged if it is small, so that the labels can be read."""
    scale = max(1, -(-_MIN_WIDTH // image.width))
    canvas = image.resize((image.width * scale, image.height * scale), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(canvas)
    enlarged = [_enlarge(detection, scale) for detection in detections]
    for detection in enlarged:
        pen.rectangle(detection.xyxy, outline=_colour(detection), width=_line_width(canvas))
    for detection in enlarged:
        _draw_label(pen, detection, canvas)
    return canvas


def _read_detection(prediction: Mapping[str, Any]) -> Detection:
    half_width, half_height = prediction["width"] / 2, prediction["height"] / 2
    x, y = prediction["x"], prediction["y"]
    return Detection(
        xyxy=(x - half_width, y - half_height, x + half_width, y + half_height),
        class_name=prediction["class"],
        class_id=prediction["class_id"],
        confidence=prediction["confidence"],
    )


def _enlarge(detection: Detection, scale: int) -> Detection:
    x0, y0, x1, y1 = detection.xyxy
    return replace(detection, xyxy=(x0 * scale, y0 * scale, x1 * scale, y1 * scale))


def _draw_label(pen: ImageDraw.ImageDraw, detection: Detection, canvas: Image.Image) -> None:
    label = f"{detection.class_name} {detection.confidence:.0%}"
    font = ImageFont.load_default(size=canvas.width // 64)
    margin = 2 * _line_width(canvas)
    left, top, right, bottom = pen.textbbox((0, 0), label, font=font)
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    # Above the box, or inside it where there is no room above; never beyond the picture's edges.
    x0, y0 = max(detection.xyxy[0], 0), max(detection.xyxy[1], 0)
    x = min(x0, canvas.width - width)
    y = min(y0 - height if y0 >= height else y0, canvas.height - height)
    pen.rectangle((x, y, x + width, y + height), fill=_colour(detection))
    pen.text((x + margin - left, y + margin - top), label, fill=_text_colour(_colour(detection)), font=font)


def _line_width(canvas: Image.Image) -> int:
    return canvas.width // 320


def _colour(detection: Detection) -> str:
    return _PALETTE[detection.class_id % len(_PALETTE)]


def _text_colour(background: str) -> str:
    red, green, blue = (int(background[index : index + 2], 16) for index in (1, 3, 5))
    # Perceived brightness, ITU-R BT.601.
    return _DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else _LIGHT
