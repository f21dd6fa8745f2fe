"""`python -m tests.browser.screenshots -o DIR`: pictures of the report, to look at after a change.

Real results of the shipped clip on a desktop, on a phone and in dark mode, without and with regions; a report without
detections; two hours with many classes; the page of a share link that does not work; and the page that draws regions.
"""

import argparse
import itertools
import json
import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import av
import numpy as np
from playwright.sync_api import Browser, sync_playwright

from tests.browser.editor import EditorPage, serve_editor
from tests.browser.pages import ReportPage
from tests.browser.results import (
    HEIGHT,
    WIDTH,
    make_box,
    make_element,
    make_results,
    write_region_report,
    write_report,
)
from tests.conftest import ARGUMENTS, find_chromium
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO
from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.open_share_link import SharedOutputs, ShareRequest

MODEL = "rock-paper-scissors-presentation"
SAMPLE_FPS, SAMPLED_EVERY = 10, 3
HOURS_SECONDS = 7200
PICTURES_MS = 2000
"""How long the key moments get for their pictures."""

REGIONS: list[dict[str, Any]] = [
    {"name": "left hand", "polygon": [[0.02, 0.3], [0.45, 0.3], [0.45, 0.95], [0.02, 0.8]], "anchor": "center"},
    {"name": "center line", "line": [[0.5, 0.95], [0.5, 0.25]], "anchor": "center"},
]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder to put them in")
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    path = find_chromium()
    if not path:
        parser.error("There is no Chromium: apt-get install chromium.")
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser,
    ):
        for name, picture in take_pictures(browser, Path(folder)):
            (output / f"{name}.png").write_bytes(picture)
            print(output / f"{name}.png")  # noqa: T201


def take_pictures(browser: Browser, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yields each picture's name and PNG."""
    hands = make_results(list(find_hands()), SAMPLE_FPS, MODEL)
    sample = write_report(make_folder(folder / "sample"), hands)
    yield from take_pictures_of_regions(browser, write_region_report(make_folder(folder / "regions"), hands, REGIONS))
    empty = write_report(make_folder(folder / "empty"), make_results([make_element([])] * 50))
    hours_video = write_hours_of_video(folder)
    hours = write_report(make_folder(folder / "hours"), make_hours_of_results(), hours_video)
    for name, page, seconds, options in [
        ("desktop", sample, 4.5, DESKTOP),
        ("dark", sample, 4.5, {**DESKTOP, "color_scheme": "dark"}),
        ("phone", sample, 4.5, PHONE),
        ("empty", empty, 2.0, DESKTOP),
        ("two-hours", hours, 4321.0, DESKTOP),
        ("two-hours-phone", hours, 4321.0, {**PHONE, "color_scheme": "dark"}),
    ]:
        with browser.new_context(**options) as context:
            report = ReportPage(context.new_page())
            report.page.goto(page.as_uri())
            report.wait_for_video()
            report.seek(seconds)
            report.page.wait_for_timeout(PICTURES_MS)
            yield name, report.page.screenshot(full_page=True)
            if name == "desktop":
                report.page.keyboard.press("?")
                yield "desktop-help", report.page.screenshot()
    for fault, content in make_refusals():
        with browser.new_context(**PHONE) as context:
            refusal = context.new_page()
            refusal.set_content(content)
            yield f"link-{fault}", refusal.screenshot()


def take_pictures_of_regions(browser: Browser, page: Path) -> Iterator[tuple[str, bytes]]:
    """Yields pictures of the report with regions, and of the page that draws them, light and dark on two screens."""
    screens = {"desktop": {**DESKTOP, "viewport": {"width": 1280, "height": 720}}, "phone": PHONE}
    for (screen, device), scheme in itertools.product(screens.items(), ("light", "dark")):
        options = {**device, "color_scheme": scheme}
        with browser.new_context(**options) as context:
            report = ReportPage(context.new_page())
            report.page.goto(page.as_uri())
            report.wait_for_video()
            report.seek(4.5)
            report.page.locator(".region summary").last.click()
            report.page.locator(".region li").first.wait_for()
            report.page.evaluate("scrollTo(0, 0)")
            yield f"regions-{screen}-{scheme}", report.page.screenshot(full_page=True)
        with (
            serve_editor(SAMPLE_VIDEO, REGIONS) as url,
            browser.new_context(**options) as context,
        ):
            editor = EditorPage(context.new_page())
            editor.page.goto(url)
            editor.wait_for_json(len(REGIONS))
            editor.page.locator("#list button").nth(0 if scheme == "light" else 1).click()
            editor.page.evaluate("scrollTo(0, 0)")
            yield f"editor-{screen}-{scheme}", editor.page.screenshot(full_page=True)


def make_refusals() -> Iterator[tuple[str, str]]:
    """The pages for refused links (403)."""
    nothing: Any = None
    links, now = ShareLinks("s1gn1ng-key", "https://share.example.com"), datetime.now(UTC)
    outputs = SharedOutputs(links, nothing, nothing, "results")
    for fault, link in [
        ("expired", links.make(SharedJob("u", 1), now - timedelta(days=8), 7).url),
        ("tampered", links.make(SharedJob("u", 1), now, 7).url[:-1]),
        ("foreign", ShareLinks("another-key", "https://share.example.com").make(SharedJob("u", 1), now, 7).url),
    ]:
        token = link.rpartition("/")[2]
        answer = outputs.answer(ShareRequest("GET", token, ""), now)
        assert answer["statusCode"] == HTTPStatus.FORBIDDEN
        yield fault, answer["body"]


def make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def find_hands() -> Iterator[dict[str, Any]]:
    """What the shipped model finds in the shipped clip."""
    detector = Detector(SAMPLE_MODEL)
    with av.open(str(SAMPLE_VIDEO)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % SAMPLED_EVERY == 0:
                yield json.loads(json.dumps(detector.detect(frame, Thresholds(0.4, 0.3)), default=float))


def write_hours_of_video(folder: Path) -> Path:
    """Writes two hours of video, one picture a second, that get lighter and darker."""
    path = folder / "warehouse, camera 3.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH // 2, HEIGHT // 2, "yuv420p"
        for second in range(HOURS_SECONDS):
            gray = np.full((HEIGHT // 2, WIDTH // 2, 3), 110 + 50 * math.sin(second / 900), np.uint8)
            picture = av.VideoFrame.from_ndarray(gray, format="rgb24")
            picture.pts = second
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def make_hours_of_results() -> dict[str, Any]:
    """Makes one sampled frame a second, with classes of all kinds of names that appear in rhythms of their own."""
    names = ["person", "forklift", "pallet", "安全帽", "reflective safety vest without a name tag", "Übergröße", "door"]
    elements: list[Any] = []
    for second in range(HOURS_SECONDS):
        boxes = []
        for number, name in enumerate(names):
            wave = math.sin(second / (130 + 170 * number)) + 0.5 * math.sin(second / (17 + 5 * number))
            for place in range(max(0, round(3 * wave) - number // 2)):
                x, y = (60 + 70 * number + 5 * (second % 20)) % WIDTH, 60 + 70 * place
                boxes.append(make_box(name, x, y, confidence=0.5 + 0.45 * abs(math.cos(second / 50 + place))))
        elements.append(make_element(boxes) if second % 600 else None)
    return make_results(elements, fps=1, frame_rate=1)


if __name__ == "__main__":
    main()
