"""Share links, opened over the internet as a browser opens them."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag

import requests

from videoinfer.verification.verdicts import Unavailable

_TIMEOUT_SECONDS = 30
_HEADERS = {"Accept": "text/html,*/*"}

# A browser says no more of where a page came from once it has been redirected to another host.
_REDIRECTED = {"Origin": "null"}


@dataclass(frozen=True)
class Answer:
    """What a server said; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Opened:
    """A link that was opened: the API's answer, and that of the URL which it redirects to, if it does."""

    api: Answer
    target: Answer | None

    @property
    def location(self) -> str:
        """Where the API redirects to: a secret, for it is signed."""
        return self.api.headers.get("location", "")


def open_link(url: str, **headers: str) -> Opened:
    """Opens a link, and what it redirects to, with `headers`.

    Raises:
        Unavailable: There was no answer; names no URL, for that holds a token.
    """
    api = _get(url, {**_HEADERS, **headers})
    if location := api.headers.get("location"):
        return Opened(api, _get(urldefrag(location).url, {**_HEADERS, **_REDIRECTED, **headers}))
    return Opened(api, None)


def _get(url: str, headers: Mapping[str, str]) -> Answer:
    try:
        answer = requests.get(url, headers=dict(headers), timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise Unavailable(f"It can't be reached: {type(error).__name__}.") from None
    return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content)
