"""Which sampled frames become pictures."""

from pathlib import Path

import pytest

from tests.stand_ins.videos import HEIGHT, WIDTH, VideoSpec, make_growing_video, make_video
from tests.unit.videojobs.dataset.written import EMPTY, MemorySink, write_samples
from videojobs.dataset.writer import write_dataset
from videojobs.errors import VideoNotDrawable


def test_two_times_on_one_frame_are_one_picture_with_the_first_predictions(tmp_path: Path) -> None:
    video, sink = tmp_path / "video.mp4", MemorySink()
    video.write_bytes(make_video(VideoSpec()))
    box = {"x": 20, "y": 20, "width": 4, "height": 4, "confidence": 0.9, "class": "a"}
    elements = [{"predictions": [box]}, {"predictions": [box, box]}, EMPTY]
    samples = write_samples(tmp_path, [0, 0, 1], [0, 0.01, 0.0417], parts=elements)
    counts = write_dataset(video, samples, sink)
    assert (counts.images, counts.labels, counts.repeated) == (2, 1, 1)
    coco = sink.read_json("annotations/instances_train.json")
    assert [image["file_name"] for image in coco["images"]] == ["00000000.jpg", "00000001.jpg"]


def test_only_chosen_samples_have_a_picture(tmp_path: Path) -> None:
    video, sink = tmp_path / "video.mp4", MemorySink()
    video.write_bytes(make_video(VideoSpec()))
    times = [round(number / 24, 4) for number in range(0, 60, 2)]
    samples = write_samples(tmp_path, range(0, 60, 2), times, parts=[EMPTY] * 30)
    counts = write_dataset(video, samples, sink, chosen=[6, 7, 26, 46, 200])
    assert sorted(name for name in sink.files if name.endswith(".jpg")) == [
        f"images/train/{frame:08}.jpg" for frame in (6, 26, 46)
    ]
    assert counts.images == 3


def test_a_frame_on_which_a_model_failed_has_no_picture(tmp_path: Path) -> None:
    """Without labels, it would teach that there is nothing on it."""
    video, sink = tmp_path / "video.mp4", MemorySink()
    video.write_bytes(make_video(VideoSpec()))
    samples = write_samples(tmp_path, [0, 1, 2], [0, 0.0417, 0.0833], a=[EMPTY, None, EMPTY], b=[EMPTY] * 3)
    counts = write_dataset(video, samples, sink)
    assert (counts.images, counts.failed) == (2, 1)
    assert "images/train/00000001.jpg" not in sink.files


def test_frames_that_are_too_large_are_not_decoded(tmp_path: Path) -> None:
    video, sink = tmp_path / "video.avi", MemorySink()
    video.write_bytes(make_growing_video())
    samples = write_samples(tmp_path, [0, 48], [0, 2], parts=[EMPTY] * 2)
    counts = write_dataset(video, samples, sink, frame_max_pixels=WIDTH * HEIGHT)
    assert (counts.images, counts.undecodable) == (1, 1)
    with pytest.raises(VideoNotDrawable):
        write_dataset(video, samples, MemorySink(), frame_max_pixels=WIDTH)


def test_times_after_the_end_have_no_picture(tmp_path: Path) -> None:
    video, sink = tmp_path / "video.mp4", MemorySink()
    video.write_bytes(make_video(VideoSpec(frames=3)))
    samples = write_samples(tmp_path, [2, 3, 9], [0.0833, 0.125, 0.375], parts=[EMPTY] * 3)
    counts = write_dataset(video, samples, sink)
    assert (counts.images, counts.undecodable) == (1, 2)


def test_frames_that_are_not_in_the_order_of_time_are_counted(tmp_path: Path) -> None:
    video, sink = tmp_path / "video.mp4", MemorySink()
    video.write_bytes(make_video(VideoSpec()))
    samples = write_samples(tmp_path, [0, 48, 24, 300], [0, 2, 1, 12.5], parts=[EMPTY] * 4)
    counts = write_dataset(video, samples, sink)
    assert (counts.images, counts.misplaced, counts.undecodable) == (2, 1, 1)


def test_the_work_can_be_ended_by_the_watcher(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(make_video(VideoSpec()))
    samples = write_samples(tmp_path, [0, 50], [0, 2.0833], parts=[EMPTY] * 2)
    shares = list[float]()

    def watch(share: float) -> None:
        shares.append(share)
        if share > 0.5:
            raise VideoNotDrawable("no time left")

    with pytest.raises(VideoNotDrawable, match="no time left"):
        write_dataset(video, samples, MemorySink(), watch=watch)
    assert shares[-1] > 0.5
    assert all(0 <= share <= 1 for share in shares)
