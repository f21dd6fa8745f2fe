"""The checks of the share link in a notice, and of the pages behind it."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from http import HTTPStatus
from urllib.parse import parse_qs, urldefrag

from videoinfer.verification.links import Answer, OpenedLink
from videoinfer.verification.truth import Truth
from videoinfer.verification.verdicts import Verdict, compare, judge, unseen, wrong
from videojobs.foreign_text import printable

_RANGE_BYTES = 100
RANGE = f"bytes=0-{_RANGE_BYTES - 1}"
"""The part of the video that the check requests, like a player that jumps in a video."""

_LINK = re.compile(r"^Look: (\S+)$", re.MULTILINE)
_REDIRECT_HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}


def find_link(notice: str) -> str | None:
    """The share link in the text of a notice, or None."""
    found = _LINK.search(notice)
    return found[1] if found else None


def forge(link: str) -> str:
    """The same link with a wrong signature."""
    return f"{link[:-8]}{'A' * 8}" if not link.endswith("A" * 8) else f"{link[:-8]}{'B' * 8}"


def check_report(opened: OpenedLink, link: str, truth: Truth) -> Verdict:
    """Checks that the link opens this job's report, and that the report's policy allows only its own script and style.

    Args:
        opened: The result of opening `link`.
    """
    page = opened.target
    if page is None:
        return wrong(f"The link is answered with {opened.api.status}, not with a redirect.")
    faults = [
        *_check_answer(opened.api, HTTPStatus.FOUND, _REDIRECT_HEADERS),
        *_check_answer(page, HTTPStatus.OK, {}),
        *compare("content type", page.headers.get("content-type", "").partition(";")[0], "text/html"),
    ]
    if parse_qs(urldefrag(opened.location).fragment).get("base") != [link]:
        faults.append("The redirect's fragment does not contain the link.")
    report = _Page()
    report.feed(page.body.decode(errors="replace"))
    faults += report.check_policy()
    faults += _check_index(report.index, truth)
    if link.rpartition("/")[2].encode() in page.body:
        faults.append("The stored page contains the link's token.")
    return judge(faults, f"{len(page.body):,} bytes; its policy allows only its own script")


def check_video(opened: OpenedLink, clip: bytes, mime_type: str, *, is_emulated: bool) -> Verdict:
    """Checks that the link leads to the uploaded video, and that a player can jump in it.

    Args:
        opened: The result of opening the video's link with `Range: RANGE`.
        is_emulated: Whether S3 is an emulator, which may ignore ranges and content types of objects with versions.
    """
    video = opened.target
    if video is None:
        return wrong(f"The link is answered with {opened.api.status}, not with a redirect.")
    if is_emulated and video.status == HTTPStatus.OK and video.body == clip:
        return unseen("It is the clip. This S3 ignores ranges, so only AWS can show whether a player can jump in it.")
    headers = {"content-type": mime_type, "content-range": f"bytes 0-{_RANGE_BYTES - 1}/{len(clip)}"}
    faults = _check_answer(video, HTTPStatus.PARTIAL_CONTENT, headers)
    if video.body != clip[:_RANGE_BYTES]:
        faults.append("It is not the uploaded video.")
    return judge(faults, f"plays from any position: S3 serves a range of its {len(clip):,} bytes, as {mime_type}")


def check_forged(opened: OpenedLink) -> Verdict:
    """Checks that a link with a wrong signature is refused."""
    faults = _check_answer(opened.api, HTTPStatus.FORBIDDEN, {"content-type": "text/html; charset=utf-8"})
    if opened.location:
        faults.append("It redirects.")
    return judge(faults, "a link with a wrong signature is refused")


class _Page(HTMLParser):
    """Parses a report: its policy, the scripts and styles to which the policy applies, and the index."""

    def __init__(self) -> None:
        super().__init__()
        self.policy: str | None = None
        self.index: bytes | None = None
        self._sources: dict[str, list[str]] = {"script": [], "style": []}
        self._open: tuple[str, Mapping[str, str | None]] | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "meta" and (attributes.get("http-equiv") or "").lower() == "content-security-policy":
            self.policy = attributes.get("content")
        if tag in self._sources:
            self._open, self._text = (tag, attributes), []

    def handle_data(self, data: str) -> None:
        if self._open:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or tag != self._open[0]:
            return
        _, attributes = self._open
        text = "".join(self._text)
        if tag == "style" or attributes.get("type", "module") in ("module", "text/javascript"):
            self._sources[tag].append(text)
        elif attributes.get("data-name") == "index":
            self.index = text.encode()
        self._open = None

    def check_policy(self) -> list[str]:
        """The faults of the page's Content-Security-Policy."""
        if not self.policy:
            return ["It has no Content-Security-Policy."]
        directives = {name: sources for name, *sources in (part.split() for part in self.policy.split(";") if part)}
        faults = []
        if directives.get("default-src") != ["'none'"]:
            faults.append("Its policy's default-src is not 'none'.")
        for tag, texts in self._sources.items():
            hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts]
            if not texts or directives.get(f"{tag}-src") != hashes:
                faults.append(f"Its policy does not allow exactly its own {tag}.")
        return faults


def _check_answer(answer: Answer, status: int, headers: Mapping[str, str]) -> list[str]:
    faults = compare("status", answer.status, int(status))
    for name, value in headers.items():
        faults += compare(name, answer.headers.get(name), value)
    return faults


def _check_index(content: bytes | None, truth: Truth) -> list[str]:
    """Checks that the page is this job's: its index has the same models and numbers of frames as the results."""
    try:
        index = json.loads(gzip.decompress(base64.b64decode(content or b"")))
        frames = {model["id"]: model["frames"] for model in index["models"]}
    except (ValueError, LookupError, TypeError, EOFError, OSError):
        return ["It has no readable index."]
    expected = {printable(model.model_id): truth.frames for model in truth.job.options.models}
    return compare("frames", frames, expected)
