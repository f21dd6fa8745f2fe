"""The sound of an annotated video: copied, encoded or left out."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.videojobs.drawing.clips import (
    SOUND_RATE,
    TONE_HERTZ,
    Clip,
    draw,
    read_sound,
)
from videojobs.drawing.video import draw_video


@pytest.mark.slow
@pytest.mark.parametrize(("format_", "codec"), [("mp4", "aac"), ("mkv", "aac"), ("mp4", "libmp3lame")])
def test_sound_is_copied_unchanged(tmp_path: Path, format_: str, codec: str) -> None:
    video = Clip(format_, sound=codec).write(tmp_path)
    before, after = read_sound(video), read_sound(draw(video, [], tmp_path))
    assert [content for _, content in after] == [content for _, content in before]
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.002)


@pytest.mark.parametrize("clip", [Clip("avi", "mpeg4", sound="pcm_s16le"), Clip("mkv", sound="mp2")])
def test_sound_that_few_mp4_players_support_becomes_aac(tmp_path: Path, clip: Clip) -> None:
    output = draw(clip.write(tmp_path), [], tmp_path)
    with av.open(str(output)) as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "aac"
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(sound)])
    spectrum = np.abs(np.fft.rfft(wave[SOUND_RATE // 2 :][:SOUND_RATE]))
    assert np.argmax(spectrum) == pytest.approx(TONE_HERTZ, abs=2)
    assert len(wave) == pytest.approx(2 * SOUND_RATE, abs=4096)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_", "codec", "rate", "kept"),
    [
        ("mkv", "mp3", 8_000, 8_000),
        ("avi", "mp3", 12_000, 12_000),
        ("avi", "pcm_u8", 11_024, 11_025),
        ("mkv", "pcm_s16le", 50_000, 48_000),
        ("mkv", "pcm_s16le", 192_000, 48_000),
    ],
)
def test_sound_at_a_rate_that_mp4_or_aac_cannot_have_is_resampled(
    tmp_path: Path, format_: str, codec: str, rate: int, kept: int
) -> None:
    video = Clip(format=format_, sound=codec, sound_rate=rate).write(tmp_path)
    drawn = draw_video(video, [], tmp_path / "a.mp4", lambda _: None)
    assert (drawn.frames, drawn.left_out_sounds) == (50, 0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        [sound] = container.streams.audio
        assert (sound.codec_context.name, sound.rate) == ("aac", kept)
        assert sum(frame.samples for frame in container.decode(audio=0)) / kept == pytest.approx(2, abs=0.2)


def test_an_unknown_sound_is_left_out_of_the_video(tmp_path: Path) -> None:
    """A second sound stream with a codec that FFmpeg does not know, as phones write it."""
    video = Clip(sound="aac").write(tmp_path)
    content = bytearray(video.read_bytes())
    for known, unknown in ((b"mp4a", b"apac"), (b"esds", b"xsds")):
        place = content.rfind(known)
        content[place : place + 4] = unknown
    video.write_bytes(content)
    drawn = draw_video(video, [], tmp_path / "a.mp4", lambda _: None)
    assert (drawn.frames, drawn.left_out_sounds) == (50, 1)
