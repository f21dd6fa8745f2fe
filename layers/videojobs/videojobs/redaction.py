"""Removes secrets from every text that leaves a function: the API key, a signed URL's query, a share link's token,
a URL's login, an Authorization header.
"""

import re

_REDACTED = "[redacted]"
_URL_LOGIN = re.compile(r"(://)[^\s/?#\"'<>\\]+@")
_AUTHORIZATION = re.compile(r"(?i)(\bauthorization[\"'\\]*\s*[:=]\s*[\"'\\]*)(?:[a-z]+ )?[^\s\"'<>\\]+")
_URL_QUERY = re.compile(r"(https?://[^\s\"'<>?\\]+)\?[^\s\"'<>\\]+")
_SHARE_TOKEN = re.compile(r"(/s/)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_QUERY_VALUE = re.compile(r"\b(api_key|X-Amz-[A-Za-z-]+|X-Goog-[A-Za-z-]+)=[^&\s\"'<>\\]+")


def redact(text: str, *secrets: str) -> str:
    """Returns `text` without logins and queries of URLs, Authorization headers, values of signed queries, share tokens,
    and any of `secrets`.
    """
    for secret in filter(None, secrets):
        text = text.replace(secret, _REDACTED)
    text = _URL_LOGIN.sub(rf"\1{_REDACTED}@", text)
    text = _AUTHORIZATION.sub(rf"\1{_REDACTED}", text)
    text = _URL_QUERY.sub(rf"\1?{_REDACTED}", text)
    text = _SHARE_TOKEN.sub(rf"\1{_REDACTED}", text)
    return _QUERY_VALUE.sub(rf"\1={_REDACTED}", text)
