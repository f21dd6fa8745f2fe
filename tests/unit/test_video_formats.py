"""The names of container formats and who supports them: one table in the pipeline, one in the engine."""

import mimetypes
import re
from dataclasses import fields
from pathlib import Path
from typing import cast

import av
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine import video_formats as engine
from videoinfer.repository import ROOT
from videojobs import video_formats as pipeline
from videojobs.video_formats import VIDEO_FORMATS, VideoFormat

TABLES = ("layers/videojobs/videojobs/video_formats.py", "engine/layers/videoengine/videoengine/video_formats.py")
FORMAT_LITERAL = re.compile(
    r"""\.(?:avi|mkv|webm|mov|m4v|3gp|mts|m2ts)\b|matroska|mpegts|video/(?:webm|quicktime|x-|mp2t|3gp)|["']avi["']"""
)

ENCODERS = {".webm": "libvpx", ".m4v": "libx264"}
FRAMES = 20
"""FFmpeg recognizes MPEG-TS by its first packets."""

UNKNOWN_TO_PYTHON = {
    ".mkv": "video/x-matroska",
    ".m4v": "video/x-m4v",
    ".3gp": "video/3gpp",  # RFC 3839; Python names the type of files with sound only
    ".3g2": "video/3gpp2",  # RFC 4393
    **dict.fromkeys((".ts", ".mts", ".m2ts"), "video/mp2t"),  # RFC 3555
}

STRANGE_TO_BROWSERS = [row.extension for row in VIDEO_FORMATS if not row.plays_in_browsers]


def test_the_pipeline_and_the_engine_read_the_same_formats() -> None:
    shared = [field.name for field in fields(engine.VideoFormat)]

    def list_rows(table: tuple[object, ...]) -> list[list[object]]:
        return [[getattr(row, name) for name in shared] for row in table]

    assert list_rows(pipeline.VIDEO_FORMATS) == list_rows(engine.VIDEO_FORMATS)
    assert pipeline.DEMUXERS == engine.DEMUXERS


@pytest.mark.parametrize("row", VIDEO_FORMATS, ids=lambda row: row.extension)
def test_ffmpeg_reads_a_file_of_the_extension_with_the_listed_demuxer(row: VideoFormat, tmp_path: Path) -> None:
    path = tmp_path / f"video{row.extension}"
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(ENCODERS.get(row.extension, "mpeg4"), rate=25))
        stream.width = stream.height = 32
        for _ in range(FRAMES):
            container.mux(stream.encode(VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert container.format.name == row.demuxer
        for has_times in (pipeline.has_presentation_times, engine.has_presentation_times):
            assert has_times(container.format.name) == (row.name != "AVI")
        for begins_at_zero in (pipeline.begins_at_zero, engine.begins_at_zero):
            assert begins_at_zero(container.format.name) == (row.name != "MPEG-TS")


@pytest.mark.parametrize("row", VIDEO_FORMATS, ids=lambda row: row.extension)
def test_the_mime_type_is_the_usual_one(row: VideoFormat) -> None:
    usual = mimetypes.MimeTypes().guess_type(f"video{row.extension}")[0]
    assert row.mime_type == UNKNOWN_TO_PYTHON.get(row.extension, usual)


def test_the_report_s_file_dialog_offers_formats_that_browsers_do_not_call_videos() -> None:
    page = (ROOT / "layers" / "videojobs" / "videojobs" / "report" / "page" / "report.html").read_text()
    [accepted] = re.findall(r'<input type="file" id="pick" accept="([^"]+)"', page)
    assert sorted(accepted.split(",")) == sorted(["video/*", *STRANGE_TO_BROWSERS])


def test_no_other_module_names_formats() -> None:
    folders = ("layers", "engine/layers", "engine/functions", "functions", "videoinfer")
    paths = [path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")]
    naming = [str(path) for path in paths if FORMAT_LITERAL.search(strip_comments(ROOT / path))]
    assert sorted(set(naming) - set(TABLES)) == []


def strip_comments(path: Path) -> str:
    return re.sub(r"#.*", "", path.read_text())
