"""A frame as a picture."""

from pathlib import Path

import pytest

from tests.stand_ins.videos import VideoSpec, make_video
from videoinfer.regions.picture import read_still


@pytest.mark.parametrize(("rotation", "size"), [(0, (64, 48)), (90, (48, 64)), (180, (64, 48))])
def test_the_frame_is_as_players_show_it(rotation: int, size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    path.write_bytes(make_video(VideoSpec(rotation=rotation)))
    assert read_still(path, None).picture.size == size


def test_without_a_time_the_frame_is_in_the_middle(video: Path) -> None:
    assert read_still(video, None).seconds == pytest.approx(0.4167)
