"""A share link opens one job until it expires, and nothing that the stack did not sign opens anything."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.redaction import redact

LINKS = ShareLinks("s1gn1ng-key", "https://share.example.com/")
JOB = SharedJob("belt-mp4-0123456789abcdef0123", 1)
NOW = datetime(2026, 11, 2, 12, 30, 15, 500_000, tzinfo=UTC)
WEEK = timedelta(days=7)

JOBS = st.builds(SharedJob, st.text(max_size=66), st.integers(1, 1000))


def make_token(job: SharedJob = JOB, links: ShareLinks = LINKS) -> str:
    return links.make(job, NOW, 7).url.removeprefix("https://share.example.com/s/")


@given(job=JOBS)
def test_a_link_opens_its_job(job: SharedJob) -> None:
    assert LINKS.read(make_token(job), NOW) == job


@pytest.mark.parametrize(("later", "opens"), [(WEEK - timedelta(seconds=1), True), (WEEK, False), (2 * WEEK, False)])
def test_a_link_expires(later: timedelta, opens: bool) -> None:
    assert LINKS.read(make_token(), NOW + later) == (JOB if opens else "expired")


def test_a_link_says_when_it_expires() -> None:
    assert LINKS.make(JOB, NOW, 7).expires_at == datetime(2026, 11, 9, 12, 30, 15, tzinfo=UTC)


@given(data=st.data())
def test_a_token_that_was_changed_anywhere_opens_nothing(data: st.DataObject) -> None:
    token = make_token()
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_.=%/"))
    assume(character != token[at])
    assert LINKS.read(token[:at] + character + token[at + 1 :], NOW) == "invalid"


@given(data=st.data())
def test_a_token_that_was_cut_or_lengthened_opens_nothing(data: st.DataObject) -> None:
    token = make_token()
    cut = data.draw(st.integers(0, len(token) - 1))
    more = data.draw(st.text(string.ascii_letters + string.digits + "-_.=", min_size=1, max_size=5))
    assert LINKS.read(token[:cut], NOW) == "invalid"
    assert LINKS.read(token + more, NOW) == "invalid"


@given(text=st.text(max_size=200))
def test_a_text_that_is_not_a_token_opens_nothing(text: str) -> None:
    assert LINKS.read(text, NOW) == "invalid"


def test_a_token_of_another_key_opens_nothing() -> None:
    assert LINKS.read(make_token(links=ShareLinks("another-key", "https://share.example.com")), NOW) == "invalid"


def test_tokens_are_redacted_in_logs() -> None:
    link = LINKS.make(JOB, NOW, 7).url
    assert redact(f"Published: {link}/video.") == "Published: https://share.example.com/s/[redacted]/video."
