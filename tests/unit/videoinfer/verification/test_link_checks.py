"""The checks of a share link, and of the report and the video behind it."""

import base64
import gzip
import hashlib
import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from videoinfer.verification.link_checks import check_forged, check_report, check_video, find_link, forge
from videoinfer.verification.links import Answer, OpenedLink
from videoinfer.verification.truth import Truth

LINK = "https://api.example.com/s/WyJjbGlwIiwxLDE3OTY0NzQ3MjRd.ltn8aZClPnD026WLeWNQGd7a1XB8Si4nCVhQpOv066U"
TOKEN = LINK.rpartition("/")[2]
SIGNED = "https://results.s3.amazonaws.com/report.html?X-Amz-Signature=secret"
HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
CLIP = bytes(range(256)) * 2


def make_policy(script: str, style: str) -> str:
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    return f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; img-src data:"


def make_page(policy: str | None = None, script: str = "run()", frames: int = 2, more: str = "") -> bytes:
    index = base64.b64encode(gzip.compress(json.dumps({"models": [{"id": "hands", "frames": frames}]}).encode()))
    policy = policy if policy is not None else make_policy("run()", "body{}")
    return f"""<!doctype html><meta http-equiv="Content-Security-Policy" content="{policy}"><style>body{{}}</style>
<script type="application/gzip" data-name="index">{index.decode()}</script>{more}
<script type="module">{script}</script>""".encode()


def make_report(page: bytes | None = None) -> OpenedLink:
    location = f"{SIGNED}#base={quote(LINK, safe='')}&files=coco.json"
    api = Answer(302, {**HEADERS, "location": location}, b"")
    return OpenedLink(
        api, Answer(200, {"content-type": "text/html; charset=utf-8"}, make_page() if page is None else page)
    )


def test_a_good_report_is_ok(truth: Truth) -> None:
    verdict = check_report(make_report(), LINK, truth)
    assert verdict.level == "ok", verdict.what


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (make_page(policy=""), "It has no Content-Security-Policy."),
        (
            make_page(policy=make_policy("run()", "body{}").replace("'none'", "*")),
            "Its policy's default-src is not 'none'.",
        ),
        (make_page(script="run(); steal()"), "Its policy does not allow exactly its own script."),
        (make_page(more="<script>steal()</script>"), "Its policy does not allow exactly its own script."),
        (
            make_page(policy=make_policy("run()", "body{}").replace("script-src", "script-src 'unsafe-inline'")),
            "Its policy does not allow exactly its own script.",
        ),
        (make_page(policy=make_policy("run()", "other")), "Its policy does not allow exactly its own style."),
        (make_page(frames=1), "frames: {'hands': 1} instead of {'hands': 2}."),
        (make_page().replace(b'data-name="index"', b""), "It has no readable index."),
        (make_page(more=TOKEN), "The stored page contains the link's token."),
        (b"", "It has no Content-Security-Policy."),
    ],
)
def test_each_error_in_a_report_is_named(truth: Truth, page: bytes, words: str) -> None:
    verdict = check_report(make_report(page), LINK, truth)
    assert verdict.level == "wrong"
    assert words in verdict.what


@pytest.mark.parametrize(
    ("api", "target", "words"),
    [
        ({"status": 301}, {}, "status: 301 instead of 302."),
        ({"headers": {"location": SIGNED}}, {}, "cache-control: None instead of no-store."),
        ({"headers": {**HEADERS, "location": SIGNED}}, {}, "The redirect's fragment does not contain the link."),
        ({}, {"status": 403}, "status: 403 instead of 200."),
        ({}, {"headers": {"content-type": "application/json"}}, "content type: application/json instead of text/html."),
    ],
)
def test_each_error_in_an_answer_is_named(
    truth: Truth, api: dict[str, object], target: dict[str, object], words: str
) -> None:
    good = make_report()
    assert good.target
    opened = OpenedLink(replace(good.api, **api), replace(good.target, **target))  # type: ignore[arg-type]
    verdict = check_report(opened, LINK, truth)
    assert verdict.level == "wrong"
    assert words in verdict.what
    assert TOKEN not in verdict.what
    assert "secret" not in verdict.what


def test_a_link_that_does_not_redirect_opens_nothing(truth: Truth) -> None:
    opened = OpenedLink(Answer(500, {}, b"Internal Server Error"), None)
    for verdict in (check_report(opened, LINK, truth), check_video(opened, CLIP, "video/mp4", is_emulated=False)):
        assert verdict.level == "wrong"
        assert verdict.what == "The link is answered with 500, not with a redirect."


def make_video(**fields: object) -> OpenedLink:
    headers = {"content-type": "video/mp4", "content-range": f"bytes 0-99/{len(CLIP)}"}
    good = Answer(206, headers, CLIP[:100])
    return OpenedLink(Answer(302, {"location": SIGNED}, b""), replace(good, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, None),
        ({"status": 200, "body": CLIP}, "status: 200 instead of 206."),
        ({"headers": {"content-range": f"bytes 0-99/{len(CLIP)}"}}, "content-type: None instead of video/mp4."),
        (
            {"headers": {"content-type": "video/mp4", "content-range": "bytes 0-99/7"}},
            "content-range: bytes 0-99/7 instead of",
        ),
        ({"body": b"another video"}, "It is not the uploaded video."),
    ],
)
def test_the_video_must_support_range_requests(fields: dict[str, object], words: str | None) -> None:
    verdict = check_video(make_video(**fields), CLIP, "video/mp4", is_emulated=False)
    assert (verdict.level == "ok") == (words is None)
    assert not words or words in verdict.what


def test_an_emulator_without_ranges_proves_nothing_but_another_video_is_wrong_there_too() -> None:
    mov = make_video()
    assert check_video(mov, CLIP, "video/quicktime", is_emulated=False).level == "wrong"
    assert check_video(make_video(status=200, body=CLIP), CLIP, "video/mp4", is_emulated=True).level == "unseen"
    assert check_video(make_video(status=200, body=b"other"), CLIP, "video/mp4", is_emulated=True).level == "wrong"
    assert check_video(make_video(), CLIP, "video/mp4", is_emulated=True).level == "ok"


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (Answer(403, {"content-type": "text/html; charset=utf-8"}, b""), "ok"),
        (Answer(302, {"content-type": "text/html; charset=utf-8", "location": SIGNED}, b""), "wrong"),
        (Answer(200, {"content-type": "text/html; charset=utf-8"}, b""), "wrong"),
        (Answer(403, {"content-type": "application/json"}, b""), "wrong"),
    ],
)
def test_a_forged_link_opens_nothing(answer: Answer, level: str) -> None:
    assert check_forged(OpenedLink(answer, None)).level == level


@pytest.mark.parametrize("end", ["066U", "AAAAAAAA"])
def test_a_forged_link_differs_from_the_real_one(end: str) -> None:
    link = LINK[: -len(end)] + end
    assert forge(link) != link
    assert len(forge(link)) == len(link)


def test_the_link_is_found_in_the_notice() -> None:
    assert find_link(f"Look: {LINK}\nAnyone with this link can open it.\n\nVideo: s3://uploads/clip.mp4") == LINK
    assert find_link("Reason: none\n\nVideo: s3://uploads/clip.mp4") is None
