"""From a job to its results at the API: the meaning of each answer, in a first delivery and in a redelivery."""

from typing import Any

import pytest

from tests.stand_ins.wire import Wire
from videojobs.api.client import VideoInferenceApi
from videojobs.errors import ApiRefused, ApiUnavailable, LinkExpired, ResultsGone
from videojobs.jobs.ledger import Job
from videojobs.results.link import open_results

DONE = (200, {"status": 0, "output_signed_url": "https://storage.example.com/r"})


def read(job: Job, *answers: Any, is_redelivery: bool = False) -> bytes:
    api = VideoInferenceApi("https://api.example.com", "key", Wire(*answers).session)
    return open_results(api, job, None, 0, is_redelivery=is_redelivery)[1].read(100)


@pytest.mark.parametrize("is_redelivery", [False, True])
def test_a_link_that_has_expired_is_renewed_once(job: Job, is_redelivery: bool) -> None:
    assert read(job, DONE, (403, b""), DONE, (200, b"{}"), is_redelivery=is_redelivery) == b"{}"
    with pytest.raises(LinkExpired):
        read(job, DONE, (403, b""), DONE, (403, b""), is_redelivery=is_redelivery)


@pytest.mark.parametrize(
    ("answer", "first", "again"),
    [
        ((404, {}), (ApiRefused, "404"), (ResultsGone, "videoinfer retry")),
        ((401, {}), (ApiRefused, "401"), (ApiRefused, "401")),
        ((503, {}), (ApiUnavailable, "503"), (ApiUnavailable, "503")),
        ((200, {"status": 1}), (ApiUnavailable, "now says that it is running"), (ResultsGone, "Redeliver it later")),
        (
            (200, {"status": 2, "error": "The GPU is on fire."}),
            (ApiUnavailable, "now says that it is failed"),
            (ResultsGone, r"The GPU is on fire\. To .* billed, run: videoinfer retry"),
        ),
        (
            (200, {"status": "paused"}),
            (ApiUnavailable, "now says that it is unknown"),
            (ResultsGone, "an unknown status: paused. Redeliver it later"),
        ),
    ],
)
def test_an_answer_without_a_link_is_final_in_a_redelivery(
    job: Job, answer: Any, first: tuple[type[Exception], str], again: tuple[type[Exception], str]
) -> None:
    for (kind, words), is_redelivery in ((first, False), (again, True)):
        with pytest.raises(kind, match=words):
            read(job, answer, is_redelivery=is_redelivery)
