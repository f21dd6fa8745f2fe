"""The preview: one annotated frame, the sampled frame with the most predictions of high confidence."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from av.video.frame import VideoFrame
from PIL import Image

from videoengine.segments import SampledFrame
from videoinfer.videos import decode_frame
from videojobs.drawing.sample_painter import FrameShape, SamplePainter
from videojobs.results.analysis import Analysis
from videojobs.results.marks import list_marks
from videojobs.results.samples import Sample, read_samples

_MIN_WIDTH = 1280
"""Minimum width in pixels. Smaller frames are enlarged, so that labels can be read."""

_HIGH_CONFIDENCE = 0.7


def draw_preview(video: Path, frames: Iterable[SampledFrame], results: Path, model_id: str) -> Image.Image:
    """Draws a model's predictions on the frame that shows them best. Embeddings are not drawn.

    Args:
        frames: The video's sampled frames.
        results: The results file.

    Raises:
        LookupError: No frame in the results can be decoded.
    """
    sampled = {frame.frame_offset: frame for frame in frames}
    for sample in _sort_by_confidence(read_samples(results, [model_id], Analysis(track=False))):
        if picture := decode_frame(video, sampled[sample.frame_offset]):
            return draw_sample(picture, sample)
    raise LookupError(f"No frame of {video} can be decoded.")


def draw_sample(frame: VideoFrame, sample: Sample) -> Image.Image:
    """The frame with the sample's predictions on it, rotated as players show it, and enlarged if it is small."""
    shape = FrameShape.read(frame)
    scale = max(1, -(-_MIN_WIDTH // shape.shown_size[0]))
    enlarged = shape.enlarge(scale)
    stored: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    shown = stored.rotate(shape.rotation, expand=True).resize(enlarged.shown_size, Image.Resampling.LANCZOS)
    return Image.alpha_composite(shown.convert("RGBA"), SamplePainter(enlarged).draw(sample)).convert("RGB")


def _sort_by_confidence(samples: Iterator[Sample]) -> list[Sample]:
    """Sorts by most predictions of high confidence, then by fewest others, then by the highest sum of confidences."""

    def rank(sample: Sample) -> tuple[int, bool, int, float]:
        frames = [frame for element in sample.elements for frame in list_marks(element.predictions, lambda _name: 0)]
        certainties = [mark.certainty for marks in frames for mark in marks]
        high = sum(certainty >= _HIGH_CONFIDENCE for certainty in certainties)
        return high, bool(certainties), high - len(certainties), sum(certainties)

    return sorted(samples, key=rank, reverse=True)
