"""Which videos the API takes, and how long its answer is remembered."""

from typing import Any

import pytest

from tests.stand_ins.wire import Wire
from videojobs.api.accepted_videos import HOSTED_API_URL, REFUSES_SECONDS, TAKES_SECONDS, AcceptedVideos
from videojobs.api.client import VideoInferenceApi
from videojobs.api.turns import Turn
from videojobs.video_formats import VIDEO_EXTENSIONS

URL = "https://api.example.com"
SAYS_MOV = (200, {"x-video-extensions": [".mp4", ".mov"]})


def connect(aws: Any, *answers: Any, url: str = URL, now: float = 1_800_000_000.0) -> tuple[AcceptedVideos, Wire]:
    wire = Wire(*answers)
    return AcceptedVideos(VideoInferenceApi(url, "rf_s3cr3t", wire.session), url, aws.budget_table, lambda: now), wire


@pytest.mark.parametrize(("extension", "seconds"), [(".mov", TAKES_SECONDS), (".ts", REFUSES_SECONDS)])
def test_an_answer_takes_an_extension_for_a_day_and_refuses_it_for_minutes(
    aws: Any, extension: str, seconds: int
) -> None:
    videos, _ = connect(aws, SAYS_MOV)
    assert videos.recall(extension) is None
    assert videos.ask(Turn()) == [".mp4", ".mov"]
    for age, known in ((seconds - 1, [".mp4", ".mov"]), (seconds, None)):
        later, _ = connect(aws, now=1_800_000_000.0 + age)
        assert later.recall(extension) == known


@pytest.mark.parametrize(
    "odd",
    [
        (401, {}),
        (403, {"message": "Missing Authentication Token"}),
        (404, {}),
        (302, {}),
        (200, b"<html>Sign in</html>"),
        (200, b""),
        (200, {}),
        (200, {"x-video-extensions": []}),
    ],
)
def test_an_answer_without_a_list_is_remembered_for_minutes(aws: Any, odd: Any) -> None:
    """An engine that is being deployed, or a proxy, gives one; so does an API that never has a list."""
    assert connect(aws, odd)[0].ask(Turn()) == list(VIDEO_EXTENSIONS)
    minutes_later, _ = connect(aws, SAYS_MOV, now=1_800_000_000.0 + REFUSES_SECONDS)
    assert connect(aws)[0].recall(".mov") == list(VIDEO_EXTENSIONS)
    assert minutes_later.recall(".mov") is None
    assert minutes_later.ask(Turn()) == [".mp4", ".mov"]


def test_a_retry_is_not_refused_by_a_remembered_answer(aws: Any) -> None:
    videos, _ = connect(aws, SAYS_MOV)
    videos.ask(Turn())
    assert videos.recall(".ts", is_retry=True) is None
    assert videos.recall(".mov", is_retry=True) == [".mp4", ".mov"]


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
        (["mov", "TS"], [".mov", ".ts"]),
        ([".mov", 7, None, "mov", ".$(rm)", "..mov", ".", "." + "a" * 11, ""], [".mov"]),
        ([f".{number}" for number in range(1000)], [f".{number}" for number in range(100)]),
        ([], list(VIDEO_EXTENSIONS)),
        (["", ".", 7], list(VIDEO_EXTENSIONS)),
        (".mov", list(VIDEO_EXTENSIONS)),
        (None, list(VIDEO_EXTENSIONS)),
    ],
)
def test_only_extensions_are_believed(aws: Any, listed: Any, extensions: list[str]) -> None:
    videos, _ = connect(aws, (200, {"x-video-extensions": listed}))
    assert videos.ask(Turn()) == extensions
    assert connect(aws)[0].recall(".odd") == extensions
