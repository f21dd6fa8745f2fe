"""The picture of a sampled frame is the very frame that the engine infers."""

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.beginnings import BEGINNINGS
from tests.stand_ins.videos import VideoSpec, make_video
from tests.unit.videojobs.dataset.written import EMPTY, MemorySink, sample_frames, write_samples
from videoengine.frames import read_frames
from videoengine.orientation import read_orientation
from videoengine.video_file import open_video
from videojobs.dataset.writer import write_dataset

AWKWARD = (
    "H.264 with a pyramid of B-frames",
    "HEVC whose pictures refer across keyframes",
    "VP9 with hidden frames",
    "10-bit H.264",
    "H.264 of odd size",
    "a varying frame rate in MKV",
    "frames that stay for seconds",
    "negative times in MKV",
    "a start after five seconds, by an edit list",
    "a thumbnail before the video",
)
VIDEOS: Mapping[str, Callable[[], bytes]] = {**BEGINNINGS, **{name: AWKWARD_VIDEOS[name] for name in AWKWARD}}


def infer_pictures(content: bytes, rate: Fraction) -> tuple[dict[int, NDArray[Any]], dict[int, float], float | None]:
    """Returns by number the pictures that the engine decodes for its models, and their times; and the start offset."""
    frames, start_offset = sample_frames(content, rate)
    numbers = {frame.timestamp: frame.frame_offset for frame in frames}
    with open_video(io.BytesIO(content)) as container:
        pictures = {
            numbers[timestamp]: read_orientation(frame).turn(frame.to_ndarray(format="rgb24"))
            for timestamp, frame in read_frames(container, frames)
        }
    return pictures, {frame.frame_offset: frame.time_offset for frame in frames}, start_offset


def measure_difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Returns the mean difference of two pictures' gray levels; JPEG alone makes less than 2."""
    return float(np.abs(one.astype(float).mean(2) - other.astype(float).mean(2)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEOS)
def test_the_picture_is_the_frame_that_the_engine_infers(name: str, tmp_path: Path) -> None:
    content = VIDEOS[name]()
    # Every second frame of most videos: a neighbor would be noticed.
    pictures, times, start_offset = infer_pictures(content, Fraction(2 if "seconds" in name else 12))
    video, sink = tmp_path / "video", MemorySink()
    video.write_bytes(content)
    samples = write_samples(tmp_path, list(times), list(times.values()), parts=[EMPTY] * len(times))
    counts = write_dataset(video, samples, sink, formats=["coco"], start_offset=start_offset)

    images = sink.read_json("annotations/instances_train.json")["images"]
    written = {image["frame_offset"]: np.asarray(sink.open_picture(image["file_name"])) for image in images}
    # The annotated video lacks the same frames: a player decodes fewer at a cut or a damaged beginning.
    assert written.keys() <= pictures.keys()
    assert len(written) >= len(pictures) - 1
    assert (counts.images, counts.undecodable) == (len(written), len(times) - len(written))
    for number, picture in written.items():
        assert picture.shape == pictures[number].shape
        distances = {other: measure_difference(picture, engines) for other, engines in pictures.items()}
        assert distances[number] < 2, (number, distances[number])
        assert distances[number] == min(distances.values()), number


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_the_picture_is_turned_as_the_engine_turns_it(rotation: int, tmp_path: Path) -> None:
    content = make_video(VideoSpec(texture=True, rotation=rotation))
    pictures, times, start_offset = infer_pictures(content, Fraction(1))
    video, sink = tmp_path / "video", MemorySink()
    video.write_bytes(content)
    samples = write_samples(tmp_path, list(times), list(times.values()), parts=[EMPTY] * len(times))
    write_dataset(video, samples, sink, formats=[], start_offset=start_offset)
    assert len(sink.files) == len(pictures)
    for number, picture in pictures.items():
        written = np.asarray(sink.open_picture(f"{number:08}.jpg"))
        assert measure_difference(written, picture) < 2
