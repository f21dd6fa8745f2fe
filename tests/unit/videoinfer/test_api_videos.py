"""Which videos the command line believes that the API takes."""

from typing import Any

import pytest

from tests.stand_ins.wire import Wire
from videoinfer import api_videos, doctor
from videoinfer.api_videos import ask_extensions, list_extensions
from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.errors import ApiUnavailable
from videojobs.jobs.uploads import Upload
from videojobs.video_formats import KNOWN_EXTENSIONS, VIDEO_EXTENSIONS

URL = "https://engine.example.com"
MOV = Upload(bucket="uploads", key="a.MOV", size_bytes=1, etag="e")
MP4 = Upload(bucket="uploads", key="a.mp4", size_bytes=1, etag="e")


def answer(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> Wire:
    wire = Wire(*answers)
    monkeypatch.setattr(api_videos, "open_session", lambda _: wire.session())
    api_videos._recall_extensions.cache_clear()
    return wire


def test_the_api_is_asked_once_and_only_about_other_extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = answer(monkeypatch, (200, {"x-video-extensions": [".mp4", ".mov"]}))
    assert list_extensions(URL, MP4) == VIDEO_EXTENSIONS
    assert wire.requests == []
    assert [list_extensions(URL, MOV) for _ in range(2)] == [[".mp4", ".mov"]] * 2
    assert len(wire.requests) == 1


def test_without_an_answer_the_pipeline_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = answer(monkeypatch, (503, {}))
    assert [list_extensions(URL, MOV) for _ in range(2)] == [KNOWN_EXTENSIONS] * 2
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("url", "answers", "level", "words"),
    [
        (HOSTED_API_URL, [], "ok", "The API takes .mp4, .avi, .mkv, .webm."),
        (URL, [(200, {"x-video-extensions": [".mp4", ".ts"]})], "ok", "The API takes .mp4, .ts."),
        (URL, [(200, {"x-video-extensions": ["mp4", "TS"]})], "ok", "The API takes .mp4, .ts."),
        (URL, [(200, {"x-video-extensions": []})], "ok", "The API takes .mp4, .avi, .mkv, .webm."),
        (URL, [(404, {})], "ok", "The API takes .mp4, .avi, .mkv, .webm."),
        (URL, [(503, {})], "warning", "does not say which videos it takes"),
    ],
)
def test_the_doctor_says_which_videos_the_api_takes(
    monkeypatch: pytest.MonkeyPatch, url: str, answers: list[Any], level: str, words: str
) -> None:
    answer(monkeypatch, *answers)
    [finding] = doctor._check_videos(Stack(url))  # type: ignore[arg-type]  # it reads one attribute
    assert finding.level == level
    assert words in finding.what


class Stack:
    def __init__(self, api_url: str) -> None:
        self.api_url = api_url


def test_an_api_that_can_not_be_asked_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, (503, {}))
    with pytest.raises(ApiUnavailable):
        ask_extensions(URL)
