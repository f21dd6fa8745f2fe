"""Opens share links over the internet, like a browser."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag

import requests

from videoinfer.verification.verdicts import Unavailable

_TIMEOUT_SECONDS = 30
_HEADERS = {"Accept": "text/html,*/*"}

# Browsers send this origin after a redirect to another host.
_REDIRECTED = {"Origin": "null"}


@dataclass(frozen=True)
class Answer:
    """A server's answer. The names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class OpenedLink:
    """The API's answer to a link, and the answer of the URL to which the API redirects, or None."""

    api: Answer
    target: Answer | None

    @property
    def location(self) -> str:
        """The URL to which the API redirects. It is signed, and so a secret."""
        return self.api.headers.get("location", "")


def open_link(url: str, **headers: str) -> OpenedLink:
    """Requests a link with `headers`, and follows one redirect.

    Raises:
        Unavailable: There was no answer. The message has no URL, because a link contains a token.
    """
    api = _get(url, {**_HEADERS, **headers})
    if location := api.headers.get("location"):
        return OpenedLink(api, _get(urldefrag(location).url, {**_HEADERS, **_REDIRECTED, **headers}))
    return OpenedLink(api, None)


def _get(url: str, headers: Mapping[str, str]) -> Answer:
    try:
        answer = requests.get(url, headers=dict(headers), timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise Unavailable(f"It can't be reached: {type(error).__name__}.") from None
    return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)
