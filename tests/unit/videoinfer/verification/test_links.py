"""Share links, opened as browsers open them."""

import pytest
import requests

from tests.unit.videoinfer.verification.test_link_checks import LINK, SIGNED
from videoinfer.verification.link_checks import RANGE
from videoinfer.verification.links import open_link
from videoinfer.verification.verdicts import Unavailable


def test_a_link_is_followed_as_by_a_browser_and_never_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def get(url: str, *, headers: dict[str, str], **_options: object) -> requests.Response:
        asked.append((url, headers))
        if len(asked) > 2:
            raise requests.ConnectTimeout(f"Max retries exceeded with url: {url}")
        answer = requests.Response()
        answer.status_code = 302 if len(asked) == 1 else 206
        answer.headers["Location" if len(asked) == 1 else "Content-Range"] = f"{SIGNED}#base=link"
        answer._content = b""
        return answer

    monkeypatch.setattr(requests, "get", get)
    opened = open_link(LINK, Range=RANGE)

    assert opened.target
    assert opened.target.status == 206
    assert [url for url, _ in asked] == [LINK, SIGNED]
    assert [headers.get("Origin") for _, headers in asked] == [None, "null"]
    assert all(headers["Range"] == "bytes=0-99" for _, headers in asked)
    with pytest.raises(Unavailable, match=r"^It can't be reached: ConnectTimeout\.$"):
        open_link(LINK)
