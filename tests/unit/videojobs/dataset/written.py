"""A dataset in memory, of small videos and results that a test writes."""

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from PIL import Image

from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.segments import SampledFrame, select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videojobs.dataset.writer import DatasetCounts, write_dataset
from videojobs.results.analysis import Analysis
from videojobs.results.samples import Sample, read_samples

RATE = Fraction(24)
WIDTH, HEIGHT = 320, 240
BOX = {"x": 100.0, "y": 80.0, "width": 40.0, "height": 20.0, "confidence": 0.75, "class": "Rock", "class_id": 1}
PICTURE = {"time": 0.1, "image": {"width": WIDTH, "height": HEIGHT}}

EMPTY: Mapping[str, Any] = {"predictions": []}
MASK = {**BOX, "points": [{"x": 80, "y": 70}, {"x": 120, "y": 70}, {"x": 120, "y": 90}]}
POSE = {
    **BOX,
    "keypoints": [
        {"x": 90, "y": 75, "confidence": 0.5, "class_id": 0, "class": "nose"},
        {"x": 110, "y": 85, "confidence": 0.5, "class_id": 2, "class": "tail"},
    ],
}
LABELS = {"predictions": [{"class": "day", "class_id": 0, "confidence": 0.9}], "top": "day", "confidence": 0.9}


@dataclass
class MemorySink:
    """Keeps the files of a dataset by name."""

    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, name: str, data: bytes | IO[bytes]) -> None:
        assert name not in self.files
        self.files[name] = data if isinstance(data, bytes) else data.read()

    def locate(self, name: str) -> str:
        return f"s3://bucket/{name}"

    def open_picture(self, name: str) -> Image.Image:
        return Image.open(io.BytesIO(self.files[f"images/train/{name}"]))

    def read_json(self, name: str) -> Any:
        return json.loads(self.files[name])

    def read_xml(self, name: str) -> ET.Element:
        return ET.fromstring(self.files[name])  # noqa: S314  the test has written it


def sample_frames(content: bytes, rate: Fraction) -> tuple[list[SampledFrame], float | None]:
    """Returns the frames that the engine infers, and the start offset that it reports."""
    with open_video(io.BytesIO(content)) as container:
        timeline = read_timeline(container)
    return select_frames(timeline, rate), timeline.start_offset


def write_samples(
    folder: Path, offsets: Sequence[int], times: Sequence[float], **models: Sequence[Any]
) -> list[Sample]:
    """Returns the samples of a results file."""
    path = folder / "results.json"
    path.write_text(json.dumps({"frame_offset": list(offsets), "time_offset": list(times), **models}))
    return list(read_samples(path, list(models), Analysis(track=True)))


def export(
    folder: Path, *elements: Any, spec: VideoSpec | None = None, **options: Any
) -> tuple[MemorySink, DatasetCounts]:
    """Writes the dataset of a video whose first frames have these elements of one model."""
    return export_models(folder, {"parts": elements}, spec=spec, **options)


def export_models(
    folder: Path, models: Mapping[str, Sequence[Any]], spec: VideoSpec | None = None, **options: Any
) -> tuple[MemorySink, DatasetCounts]:
    video, sink = folder / "video.mp4", MemorySink()
    video.write_bytes(make_video(spec or VideoSpec(width=WIDTH, height=HEIGHT, frames=24)))
    count = max(map(len, models.values()))
    times = [round(float(number / RATE), 4) for number in range(count)]
    samples = write_samples(folder, range(count), times, **models)
    return sink, write_dataset(video, samples, sink, **options)
