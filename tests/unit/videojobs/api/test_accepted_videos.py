"""Which videos the API takes, and how long its answer is remembered."""

from typing import Any

import pytest

from tests.stand_ins.wire import Wire
from videojobs.api.accepted_videos import HOSTED_API_URL, REMEMBERED_SECONDS, AcceptedVideos
from videojobs.api.client import VideoInferenceApi
from videojobs.api.turns import Turn
from videojobs.video_formats import VIDEO_EXTENSIONS

URL = "https://api.example.com"
SAYS_MOV = (200, {"x-video-extensions": [".mp4", ".mov"]})


def connect(aws: Any, *answers: Any, url: str = URL, now: float = 1_800_000_000.0) -> tuple[AcceptedVideos, Wire]:
    wire = Wire(*answers)
    return AcceptedVideos(VideoInferenceApi(url, "rf_s3cr3t", wire.session), url, aws.budget_table, lambda: now), wire


def test_the_answer_is_remembered_for_a_day(aws: Any) -> None:
    videos, _ = connect(aws, SAYS_MOV)
    assert videos.recall(".mov") is None
    assert videos.ask(Turn()) == [".mp4", ".mov"]
    for seconds, known in ((REMEMBERED_SECONDS, [".mp4", ".mov"]), (REMEMBERED_SECONDS + 1, None)):
        later, _ = connect(aws, now=1_800_000_000.0 + seconds)
        assert later.recall(".mov") == known


def test_the_answer_of_another_api_is_not_used(aws: Any) -> None:
    connect(aws, SAYS_MOV)[0].ask(Turn())
    other, _ = connect(aws, url="https://other.example.com")
    assert other.recall(".mov") is None


@pytest.mark.parametrize("url", [HOSTED_API_URL, HOSTED_API_URL + "/"])
def test_the_hosted_api_takes_what_its_documentation_lists(aws: Any, url: str) -> None:
    videos, wire = connect(aws, url=url)
    assert videos.recall(".mov") == VIDEO_EXTENSIONS
    assert wire.requests == []


def test_the_key_is_not_sent_where_none_is_needed(aws: Any) -> None:
    videos, wire = connect(aws, SAYS_MOV)
    videos.ask(Turn())
    assert "rf_s3cr3t" not in str(wire.requests[0].url)


@pytest.mark.parametrize(
    ("listed", "extensions"),
    [
        ([".MOV", ".ts"], [".mov", ".ts"]),
        ([".mov", 7, None, "mov", ".$(rm)", "." + "a" * 11, ""], [".mov"]),
        ([".a"] * 1000, [".a"] * 100),
        ([], []),
        (".mov", list(VIDEO_EXTENSIONS)),
        (None, list(VIDEO_EXTENSIONS)),
    ],
)
def test_only_extensions_are_believed(aws: Any, listed: Any, extensions: list[str]) -> None:
    videos, _ = connect(aws, (200, {"x-video-extensions": listed}))
    assert videos.ask(Turn()) == extensions
    assert connect(aws)[0].recall(".odd") == extensions
