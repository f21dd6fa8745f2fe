"""The preview: one annotated frame, the sampled frame with the most predictions of high confidence."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from av.video.frame import VideoFrame
from PIL import Image

from videoengine.segments import SampledFrame
from videoinfer.videos import decode_frame
from videojobs.drawing.sample_painter import ClassStyles, FrameShape, SamplePainter
from videojobs.results.analysis import Analysis
from videojobs.results.samples import Sample, read_samples

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
    classes = ClassStyles()
    for sample in _sort_by_confidence(read_samples(results, [model_id], Analysis(track=True)), classes):
        if picture := decode_frame(video, sampled[sample.frame_offset]):
            return draw_sample(picture, sample, classes)
    raise LookupError(f"No frame of {video} can be decoded.")


def draw_sample(frame: VideoFrame, sample: Sample, classes: ClassStyles) -> Image.Image:
    """The frame with the sample's predictions on it, as the annotated video shows it."""
    shape = FrameShape.read(frame)
    stored: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    shown = stored.rotate(shape.rotation, expand=True).convert("RGBA")
    return Image.alpha_composite(shown, SamplePainter(shape, classes=classes).draw(sample)).convert("RGB")


def _sort_by_confidence(samples: Iterator[Sample], classes: ClassStyles) -> list[Sample]:
    """Sorts by most predictions of high confidence, then by fewest others, then by the highest sum of confidences."""

    def rank(sample: Sample) -> tuple[int, bool, int, float]:
        certainties = [mark.certainty for marks in classes.list_marks(sample) for mark in marks]
        high = sum(certainty >= _HIGH_CONFIDENCE for certainty in certainties)
        return high, bool(certainties), high - len(certainties), sum(certainties)

    return sorted(samples, key=rank, reverse=True)
