"""The report opens at its best part, with key moments and details of boxes; a link shows a colleague the same."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import av
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenReport
from tests.browser.pages import ReportPage, expect_accessible, expect_no_script, wait_for_clipboard
from tests.browser.results import make_box, make_element, make_results
from tests.waiting import wait_for_value, wait_until

CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}

SEEN: dict[str, list[tuple[float, float, float]]] = {
    "car": [(1, 2, 0.9), (4, 5, 0.5), (8, 9, 0.95)],
    "bus": [(4.2, 4.8, 0.97)],
}
"""From and to in seconds, and the confidence of each appearance."""


def seen_results(model_id: str = "parts") -> dict[str, object]:
    def list_boxes(seconds: float) -> list[dict[str, Any]]:
        return [
            make_box(name, 100 if name == "car" else 400, 100, confidence=confidence)
            for name, spans in SEEN.items()
            for start, end, confidence in spans
            if start <= seconds < end - 0.01
        ]

    return make_results([make_element(list_boxes(number / 5)) for number in range(50)], model_id=model_id)


def expect_time(report: ReportPage, seconds: float) -> None:
    report.settle()
    wait_for_value(report.time, pytest.approx(seconds, abs=0.01))


def is_picture(png: bytes) -> bool:
    """Tells whether a screenshot has more than one color. The page can't read a picture of a video that is a file."""
    with av.open(BytesIO(png), "r") as container:
        return bool(next(container.decode(video=0)).to_ndarray(format="gray").std() > 5)


def list_moments(report: ReportPage) -> list[str]:
    return report.page.locator("#moments li").all_inner_texts()


def test_the_report_opens_where_most_is_seen_and_has_pictures_of_key_moments(open_report: OpenReport) -> None:
    report = open_report(seen_results(), at="")
    report.wait_for_video()
    wait_for_value(report.time, pytest.approx(4.2, abs=0.01))
    wait_for_value(report.present, ["car 1", "bus 1"])

    wait_for_value(
        lambda: [" ".join(it.split()) for it in list_moments(report)], ["0:01 car", "0:04 car, bus", "0:08 car"]
    )
    expect(report.page.locator("#moments canvas:visible")).to_have_count(3)
    wait_until(lambda: is_picture(report.page.locator("#moments canvas").first.screenshot()))

    report.page.get_by_role("button", name="0:08").click()
    expect_time(report, 8)
    report.page.get_by_role("button", name="Least sure").click()
    report.page.locator("#moments button").first.click()
    expect_time(report, 1)
    report.row("car").get_by_role("button", name="Only car").click()
    wait_for_value(lambda: [" ".join(it.split()) for it in list_moments(report)], ["0:01 car", "0:04 car", "0:08 car"])


def test_the_report_begins_with_sentences_and_facts(open_report: OpenReport) -> None:
    report = open_report(seen_results(model_id=HOSTILE))
    report.wait_for_video()
    sentences = ["car: 0:01 to 0:08", "bus: at 0:04"]
    expect(report.page.locator("#answer li")).to_have_text(sentences)
    expect(report.page.locator("#facts div")).to_have_text(
        [re.compile("Video640.+360, 0:10, 30 fps"), f"Model{HOSTILE}", "Sampled frames50"]
    )
    expect_no_script(report.page)


def test_moments_of_a_video_that_is_missing_have_no_pictures(open_report: OpenReport, tmp_path: Path) -> None:
    report = open_report(seen_results())
    report.wait_for_video()
    [video] = tmp_path.glob("*.mp4")
    video.unlink()
    report.page.reload()
    report.page.get_by_role("button", name="Go on without it").click()

    report.page.get_by_role("button", name="0:04").click()
    expect(report.page.locator("#now")).to_have_text("0:04.2")
    expect(report.page.locator("#moments canvas:visible")).to_have_count(0)


def test_the_exact_moment_of_hours_is_found_in_the_pieces(open_report: OpenReport) -> None:
    """2,049 sampled frames have 1,024 bins or fewer, so the moment is inside of one."""
    elements = [make_element([make_box("car", 100, 100)] if number == 1001 else []) for number in range(2049)]
    report = open_report(make_results(elements, fps=250), at="")
    report.wait_for_video()
    wait_for_value(report.time, pytest.approx(1001 / 250, abs=0.002))


def test_a_link_can_be_copied_again_and_again(open_report: OpenReport) -> None:
    report = open_report(seen_results(), at="", **CLIPBOARD)
    report.wait_for_video()
    copy = report.page.locator("#copy")
    copy.dblclick()
    expect(copy).to_have_text("Copied", use_inner_text=True)

    report.seek(8)

    expect(copy).to_have_text("Copy link at 0:08", use_inner_text=True)


def test_a_link_that_cannot_be_copied_is_shown(open_report: OpenReport) -> None:
    report = open_report(seen_results(), at="#t=4", permissions=[])
    report.wait_for_video()
    report.page.locator("#copy").click()
    link = report.page.get_by_label("Link to this moment")
    expect(link).to_be_focused()
    expect(link).to_have_value(re.compile(r"/report\.html#t=4$"))


def test_a_link_shows_the_same_moment_classes_and_confidence(open_report: OpenReport) -> None:
    report = open_report(seen_results(), at="", **CLIPBOARD)
    report.wait_for_video()
    report.page.get_by_role("button", name="0:08").click()
    report.settle()
    report.row("car").get_by_role("button", name="Only car").click()
    report.choose_confidence(60)

    report.page.get_by_role("button", name="Copy link at 0:08").click()
    expect(report.page.get_by_role("button", name="Copied")).to_be_visible()

    def read_fragment(text: str) -> object:
        view = parse_qs(urlsplit(text).fragment)
        return {**view, "t": [round(float(time), 2) for time in view["t"]]}

    wait_for_clipboard(report.page, {"t": [8], "class": ["car"], "confidence": ["60"]}, read_fragment)
    expect(report.page.get_by_role("button", name="Copy link at 0:08")).to_be_visible()

    link: str = report.page.evaluate("() => navigator.clipboard.readText()")
    report.page.goto("about:blank")
    report.page.goto(link)
    report.wait_for_video()
    expect_time(report, 8)
    expect(report.row("bus").get_by_role("checkbox")).not_to_be_checked()
    expect(report.page.locator("#confidence-value")).to_have_text("60%")

    report.page.evaluate("() => { location.hash = '#class=bus&class=car&confidence=999' }")
    expect(report.row("bus").get_by_role("checkbox")).to_be_checked()
    expect(report.page.locator("#confidence-value")).to_have_text("100%")
    report.page.evaluate("() => { location.hash = '#class=train&confidence=6e1' }")
    expect(report.row("bus").get_by_role("checkbox")).to_be_checked()


def test_a_box_has_details_on_hover_click_and_by_key(open_report: OpenReport) -> None:
    report = open_report(seen_results(), at="#t=4.3")
    report.wait_for_video()
    tip = report.page.locator("#stage .tip")
    wait_until(report.is_painted)
    size = report.page.locator("#stage").bounding_box()
    assert size
    scale = size["height"] / 360
    left = (size["width"] - 640 * scale) / 2

    report.page.mouse.move(size["x"] + left + 400 * scale, size["y"] + 100 * scale)
    expect(tip).to_contain_text("bus #2 · 97% · 60")
    expect(tip).to_contain_text("40 px at 400, 100")
    report.page.mouse.move(size["x"] + left + 250 * scale, size["y"] + 300 * scale)
    expect(tip).to_be_hidden()

    report.page.mouse.click(size["x"] + left + 100 * scale, size["y"] + 100 * scale)
    report.page.mouse.move(0, 0)
    expect(tip).to_contain_text("car")
    expect(report.page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    report.page.mouse.click(size["x"] + left + 100 * scale, size["y"] + 100 * scale)
    report.page.get_by_role("button", name="Pause").wait_for()
    report.page.keyboard.press("Space")

    report.page.keyboard.press("Home")
    report.seek(4.3)
    report.page.keyboard.press("i")
    expect(report.page.locator("#announcement")).to_contain_text("px at")
    expect(tip).to_be_visible()


def test_a_click_on_a_box_stops_the_video_and_shows_details(open_report: OpenReport) -> None:
    report = open_report(make_results([make_element([make_box("car", 320, 180, 200, 200)])] * 50))
    report.wait_for_video()
    report.page.keyboard.press("Space")
    report.page.get_by_role("button", name="Pause").wait_for()

    report.page.locator("#stage").click()

    expect(report.page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    report.page.mouse.move(0, 0)
    report.settle()
    expect(report.page.locator("#stage .tip:visible")).to_contain_text("car #1 · 90%")


@pytest.mark.parametrize("confidence", [0.9, 0.05])
def test_details_stay_with_their_object_until_it_is_gone(open_report: OpenReport, confidence: float) -> None:
    # With low confidence, the first box has no track, and the next one is found by its place.
    others = [make_box("bus", 60, 100)]
    moving = [[*others, make_box("car", 300 + 10 * at, 180, 90 + at, confidence=confidence)] for at in range(3)]
    report = open_report(make_results([make_element(boxes) for boxes in [*moving, *[others] * 47]]))
    report.wait_for_video()
    tip = report.page.locator("#stage .tip")
    wait_until(report.is_painted)
    report.page.keyboard.press("i")
    report.page.keyboard.press("i")

    for at in range(3):
        expect(tip).to_contain_text(re.compile(f"^car.* {90 + at} . 40 px"))
        report.page.keyboard.press(".")
        report.settle()
    expect(tip).to_be_hidden()


def test_details_come_back_with_an_object_that_was_missed(open_report: OpenReport) -> None:
    missed = [make_element([] if number == 2 else [make_box("car", 320, 180, 90 + number)]) for number in range(50)]
    report = open_report(make_results(missed))
    report.wait_for_video()
    tip = report.page.locator("#stage .tip")
    wait_until(report.is_painted)
    report.page.keyboard.press("i")

    for width in (90, 91, None, 93):
        if width:
            expect(tip).to_contain_text(re.compile(f"^car #1 .* {width} . 40 px"))
        else:
            expect(tip).to_be_hidden()
        report.page.keyboard.press(".")
        report.settle()


HOSTILE = "<img src=x onerror='window.hacked = 1'>"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_very_many_classes_can_be_searched_and_shown_alone(open_report: OpenReport, scheme: str) -> None:
    names = [*(f"class {number}" for number in range(79)), HOSTILE]
    boxes = [make_box(name, 8 * at + 4, 100, 6, 6) for at, name in enumerate(names)]
    report = open_report(make_results([make_element(boxes)] * 50), color_scheme=scheme, bypass_csp=True)
    report.wait_for_video()

    report.page.get_by_label("Search classes").fill("IMG")
    expect(report.page.locator(".row:visible")).to_have_count(1)
    report.page.locator(".row:visible").get_by_role("button").click()
    expect(report.page.locator("#shown")).to_have_text("50")
    expect(report.page.locator("#moments li")).to_contain_text([HOSTILE])
    report.page.get_by_label("Search classes").fill("class 7")
    expect(report.page.locator(".row:visible")).to_have_count(10)  # and 70 to 78
    expect_no_script(report.page)
    expect_accessible(report.page)
