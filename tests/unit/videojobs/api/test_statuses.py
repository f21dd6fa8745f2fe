"""The client's meaning of each HTTP status, according to the contract and RFC 9110."""

import pytest

from videojobs.api.statuses import classify_refusal, is_expired_link, is_passing, may_have_acted


@pytest.mark.parametrize(
    ("statuses", "passing", "subject"),
    [
        (range(300, 400), False, "address"),
        ((401, 403), False, "key"),
        ((400, 404, 410, 422), False, "request"),
        ((402, 405, 409, 413, 415, 451), False, "other"),
        ((408, 425, 429), True, None),
        (range(500, 600), True, None),
    ],
)
def test_a_status_is_transient_or_concerns_a_subject(statuses: range, passing: bool, subject: str | None) -> None:
    for status in statuses:
        assert is_passing(status) == passing
        assert subject is None or classify_refusal(status) == subject


@pytest.mark.parametrize(
    ("status", "says_when", "acted"),
    [(429, False, False), (408, False, False), (503, True, False), (503, False, True), (502, True, True)],
)
def test_only_a_throttled_request_surely_had_no_effect(status: int, says_when: bool, acted: bool) -> None:
    assert may_have_acted(status, says_when=says_when) == acted


def test_these_statuses_of_the_storage_mean_an_expired_link() -> None:
    assert [status for status in range(300, 600) if is_expired_link(status)] == [400, 401, 403, 404, 410]
