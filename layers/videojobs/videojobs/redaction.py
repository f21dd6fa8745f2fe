"""Keeps secrets out of every text that leaves a function: the API key and the query of a signed URL."""

import re

_REDACTED = "[redacted]"
_URL_QUERY = re.compile(r"(https?://[^\s\"'<>?\\]+)\?[^\s\"'<>\\]+")
_QUERY_VALUE = re.compile(r"\b(api_key|X-Amz-[A-Za-z-]+|X-Goog-[A-Za-z-]+)=[^&\s\"'<>\\]+")


def redact(text: str, *secrets: str) -> str:
    """`text` without the queries of its URLs, without signed query values, and without any of `secrets`."""
    for secret in filter(None, secrets):
        text = text.replace(secret, _REDACTED)
    text = _URL_QUERY.sub(rf"\1?{_REDACTED}", text)
    return _QUERY_VALUE.sub(rf"\1={_REDACTED}", text)
