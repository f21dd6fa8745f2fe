"""The times of an annotated video's frames, and the boxes on them."""

from pathlib import Path

import av
import pytest

from tests.unit.videojobs.drawing.clips import (
    Clip,
    draw,
    empty_sample,
    is_drawn,
    make_sample,
    read_pictures,
)


def test_a_picture_that_cannot_be_decoded_moves_no_box(tmp_path: Path) -> None:
    """Every other frame has a box. Each frame keeps its own, even if an earlier frame is lost."""
    clip = Clip(milliseconds=range(0, 2400, 40), options={"g": "1", "bf": "0"})
    video = clip.write(tmp_path)
    content = bytearray(video.read_bytes())
    with av.open(str(video)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][10]
        assert packet.pos is not None
        content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    video.write_bytes(content)
    samples = [make_sample(number, 160, 100) if number % 2 else empty_sample(number) for number in range(60)]
    pictures = read_pictures(draw(video, samples, tmp_path))
    assert len(pictures) == 59
    assert [round(25 * seconds) for seconds, picture in pictures if is_drawn(picture)] == list(range(1, 60, 2))


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_the_frames_of_an_avi_are_evenly_spaced_and_have_their_own_boxes(tmp_path: Path, codec: str) -> None:
    """AVI has only decoding times, which are wrong for reordered pictures."""
    clip = Clip(format="avi", codec=codec, milliseconds=range(0, 2400, 40), options={"bf": "2", "g": "50"})
    samples = [make_sample(number, 160, 100) if number % 2 else empty_sample(number) for number in range(60)]
    pictures = read_pictures(draw(clip.write(tmp_path), samples, tmp_path))
    assert [seconds for seconds, _ in pictures] == pytest.approx([number / 25 for number in range(60)], abs=0.001)
    assert [number for number, (_, picture) in enumerate(pictures) if is_drawn(picture)] == list(range(1, 60, 2))
