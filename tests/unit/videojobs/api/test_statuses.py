"""Every HTTP status means one thing to the client, and that is what the contract and RFC 9110 say."""

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
def test_a_status_passes_or_is_about_something(statuses: range, passing: bool, subject: str | None) -> None:
    for status in statuses:
        assert is_passing(status) == passing
        assert subject is None or classify_refusal(status) == subject


@pytest.mark.parametrize(
    ("status", "says_when", "acted"),
    [(429, False, False), (408, False, False), (503, True, False), (503, False, True), (502, True, True)],
)
def test_only_what_was_turned_away_has_surely_not_been_done(status: int, says_when: bool, acted: bool) -> None:
    assert may_have_acted(status, says_when=says_when) == acted


def test_storage_refuses_a_link_that_no_longer_works_and_may_fail_otherwise() -> None:
    assert [status for status in range(300, 600) if is_expired_link(status)] == [400, 401, 403, 404, 410]
