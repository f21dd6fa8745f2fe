"""No text that leaves a function contains a secret."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.redaction import redact

SECRET = "rf_s3cr3t"

around = st.text(alphabet=" .,:;'\"<>()[]{}\n", max_size=5)


@pytest.mark.parametrize(
    "text",
    [
        f"Max retries exceeded with url: /videoinfer/?api_key={SECRET}&job_id=1 (Caused by …)",
        f"https://api.example.com/videoinfer/?job_id=1&api_key={SECRET}",
        f"https://bucket.s3.amazonaws.com/k.mp4?X-Amz-Signature={SECRET}",
        f"X-Goog-Signature={SECRET}",
        json.dumps({"url": f"https://bucket.s3.amazonaws.com/k.mp4?X-Amz-Security-Token={SECRET}"}),
    ],
)
def test_queries_of_urls_are_hidden(text: str) -> None:
    assert SECRET not in redact(text)


@given(around, around)
def test_a_signed_url_is_hidden_anywhere_in_a_text(before: str, after: str) -> None:
    url = f"https://bucket.s3.amazonaws.com/a/k.mp4?X-Amz-Expires=60&X-Amz-Signature={SECRET}"
    assert SECRET not in redact(f"{before}{url}{after}")


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://u:{SECRET}@h/y",
        f"https://{SECRET}@h:8443",
        f"postgresql+ssl://u:p@{SECRET}@h/db",
        f"Authorization: Bearer {SECRET}",
        f"authorization: {SECRET}, accept: */*",
        f"{{'Authorization': 'Basic {SECRET}=='}}",
        json.dumps({"Authorization": f"Bearer {SECRET}"}),
        f"Proxy-Authorization: Basic {SECRET}",
        f"AUTHORIZATION=Token {SECRET}",
    ],
)
def test_logins_of_urls_and_headers_are_hidden(text: str) -> None:
    assert SECRET not in redact(text)


def test_a_known_secret_is_hidden() -> None:
    assert redact(f"The key {SECRET} is unknown.", SECRET) == "The key [redacted] is unknown."


def test_other_text_is_not_changed() -> None:
    for text in (
        "Is https://example.com/a.mp4 there? infer_fps=5",
        "Write to https://example.com/@me or s3://bucket/a@b.mp4, or to me@example.com.",
        "The authorization has failed: the bearer token is unknown.",
    ):
        assert redact(text) == text
