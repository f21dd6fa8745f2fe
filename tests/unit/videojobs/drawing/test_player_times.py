"""Annotated videos of recordings whose clock begins anywhere."""

from pathlib import Path

import av
import pytest

from tests.stand_ins.videos import VideoSpec, make_video
from tests.unit.videojobs.drawing.clips import draw, make_sample

CLOCKS = {"zero": "0", "eight hours": "30000", "just before it wraps": "95442.7"}


@pytest.mark.slow
@pytest.mark.parametrize("offset", CLOCKS.values(), ids=CLOCKS)
def test_an_annotated_transport_stream_begins_at_zero_with_its_sound(offset: str, tmp_path: Path) -> None:
    video = tmp_path / "clip.ts"
    spec = VideoSpec("mpegts", audio=True, container_options={"output_ts_offset": offset}, width=320, height=180)
    video.write_bytes(make_video(spec))
    with av.open(str(draw(video, [make_sample(0, 160, 100, size=(320, 180))], tmp_path))) as container:
        assert container.duration
        assert container.duration / av.time_base == pytest.approx(3, abs=0.2)
        [picture], [sound] = container.streams.video, container.streams.audio
        assert (picture.frames, sound.codec_context.name) == (spec.frames, "aac")
        times = [frame.time for frame in container.decode(picture)]
    assert times[0] == pytest.approx(0.064, abs=0.001)  # an AAC encoder's first packet comes before the pictures
    assert times[-1] - times[0] == pytest.approx(59 / 24, abs=0.001)
