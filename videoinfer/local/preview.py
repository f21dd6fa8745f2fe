"""One picture that shows what came out: the sampled frame with the most sure predictions, as in an annotated video."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from av.video.frame import VideoFrame
from PIL import Image

from videoengine.segments import SampledFrame
from videoinfer.videos import decode_frame
from videojobs.drawing.sample_painter import FrameShape, SamplePainter
from videojobs.results.marks import list_marks
from videojobs.results.samples import Sample, read_samples

_MIN_WIDTH = 1280
"""Smaller pictures are enlarged, so that labels can be read."""

_SURE_CONFIDENCE = 0.7


def draw_preview(video: Path, frames: Iterable[SampledFrame], results: Path, model_id: str) -> Image.Image:
    """Draws what a model found on the frame that shows it best. An embedding has nothing to draw.

    Args:
        frames: The sampled frames of the video that the results are of.

    Raises:
        LookupError: No frame that the results tell of can be decoded.
    """
    places = {frame.frame_offset: frame for frame in frames}
    for sample in _sort_by_clearness(read_samples(results, [model_id])):
        if picture := decode_frame(video, places[sample.frame_offset]):
            return draw_sample(picture, sample)
    raise LookupError(f"No frame of {video} can be decoded.")


def draw_sample(frame: VideoFrame, sample: Sample) -> Image.Image:
    """The frame as players show it, with the predictions of the sample on it, enlarged if it is small."""
    shape = FrameShape.read(frame)
    scale = max(1, -(-_MIN_WIDTH // shape.shown_size[0]))
    enlarged = shape.enlarge(scale)
    stored: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    shown = stored.rotate(shape.rotation, expand=True).resize(enlarged.shown_size, Image.Resampling.LANCZOS)
    return Image.alpha_composite(shown.convert("RGBA"), SamplePainter(enlarged).draw(sample)).convert("RGB")


def _sort_by_clearness(samples: Iterator[Sample]) -> list[Sample]:
    """The most sure predictions first; among equals, the fewest doubtful ones, then the surest of all."""

    def clearness(sample: Sample) -> tuple[int, bool, int, float]:
        frames = [frame for element in sample.elements for frame in list_marks(element.predictions, lambda _name: 0)]
        certainties = [mark.certainty for marks in frames for mark in marks]
        sure = sum(certainty >= _SURE_CONFIDENCE for certainty in certainties)
        return sure, bool(certainties), sure - len(certainties), sum(certainties)

    return sorted(samples, key=clearness, reverse=True)
