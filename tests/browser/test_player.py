"""The player of the report: what is on screen at each size, its timeline, and the keys of usual players."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenReport
from tests.browser.pages import ReportPage, wait_for_width
from tests.browser.results import make_box, make_element, make_results
from tests.stand_ins.videos import HEIGHT, WIDTH, VideoSpec, make_video
from tests.waiting import wait_for_value

_LIST_CUT_OFF_CONTROLS = """
() => {
  const { right } = document.querySelector(".screen").getBoundingClientRect();
  const controls = [...document.querySelectorAll(".controls > *")];
  return controls.filter(it => it.getBoundingClientRect().right > right).map(it => it.id);
}
"""
DETECTIONS = {"Rock": (1.0, 6.0), "Paper": (3.0,)}
"""When each class appears, in seconds; it stays for 0.6 s."""


def appearing_results() -> dict[str, object]:
    def list_boxes(seconds: float) -> list[dict[str, Any]]:
        return [
            make_box(name, 100 if name == "Rock" else 500, 100)
            for name, starts in DETECTIONS.items()
            if any(start <= seconds < start + 0.59 for start in starts)
        ]

    return make_results([make_element(list_boxes(number / 5)) for number in range(50)])


def expect_on_screen(report: ReportPage, selector: str) -> None:
    """All of the element is in the window, without scrolling."""
    box, size = report.page.locator(selector).bounding_box(), report.page.viewport_size
    assert box
    assert size
    assert (box["x"] >= 0, box["y"] >= 0) == (True, True)
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]


@pytest.mark.parametrize(
    ("width", "height", "options"),
    [
        (1280, 720, {}),
        (640, 360, {"device_scale_factor": 2}),  # 1280 by 720 at 200 %
        (601, 450, {"device_scale_factor": 2}),
        (844, 390, {"is_mobile": True, "has_touch": True}),
        (360, 740, {"is_mobile": True, "has_touch": True}),
        (2560, 1440, {}),
    ],
)
def test_player_and_timeline_are_on_screen_at_once(
    open_report: OpenReport, width: int, height: int, options: dict[str, Any]
) -> None:
    report = open_report(appearing_results(), viewport={"width": width, "height": height}, **options)
    report.wait_for_video()

    report.page.locator("#moments-card").wait_for()
    expected = ["#stage", "#scrubber", "#play", "#next", "#speed"]
    expected += ["#fullscreen"] if width > 600 else []
    expected += ["#moments-card"] if height > 700 and width > 1000 else []
    for selector in expected:
        expect_on_screen(report, selector)
    wait_for_value(lambda: report.page.evaluate(_LIST_CUT_OFF_CONTROLS), [])
    wait_for_width(report.page, width)
    used = report.page.locator("main").bounding_box()
    assert used
    assert used["width"] > 0.93 * width


@pytest.mark.parametrize(("width", "height"), [(640, 360), (844, 390)])
def test_no_fact_is_cut_off_where_the_page_is_low(
    open_report: OpenReport, tmp_path: Path, width: int, height: int
) -> None:
    for name in ("detections.csv.gz", "events.csv", "coco.json", "annotated.mp4", "dataset.zip"):
        (tmp_path / name).write_bytes(b"{}")
    results = make_results([make_element([])] * 50, model_id="rock-paper-scissors-presentation-for-cameras")
    report = open_report(results, viewport={"width": width, "height": height})
    report.wait_for_video()

    expect(report.page.locator("#downloads a")).to_have_count(6)
    expect_on_screen(report, "#play")
    fits = "ids => ids.map(id => document.getElementById(id)).every(it => it.scrollWidth <= it.clientWidth)"
    wait_for_value(lambda: report.page.evaluate(fits, ["title", "facts"]), True)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (844, 390), (900, 600), (1024, 768), (1280, 720)])
def test_names_of_classes_are_not_cut_off_beside_the_video(open_report: OpenReport, width: int, height: int) -> None:
    results = make_results([make_element([make_box("safety helmet", 100, 100)])] * 50)
    report = open_report(results, viewport={"width": width, "height": height})
    report.wait_for_video()

    name = report.row("safety helmet").locator(".name")
    wait_for_value(lambda: name.evaluate("it => it.scrollWidth <= it.clientWidth"), True)


def test_the_timeline_shows_the_classes_that_are_shown(open_report: OpenReport) -> None:
    report = open_report(appearing_results())
    report.wait_for_video()

    def list_filled() -> list[int]:
        return [place for place, height in enumerate(report.read_canvas("#seen")) if height > 0]

    rock, paper = [5, 6, 7, 30, 31, 32], [15, 16, 17]
    wait_for_value(list_filled, sorted(rock + paper))
    report.page.keyboard.press("f")
    report.page.wait_for_function("() => document.fullscreenElement")
    expect_on_screen(report, "#seen")
    wait_for_value(list_filled, sorted(rock + paper))
    report.page.keyboard.press("f")

    report.row("Paper").get_by_role("button", name="Only Paper").click()
    wait_for_value(list_filled, paper)
    expect(report.row("Rock").get_by_role("checkbox")).not_to_be_checked()
    report.row("Paper").get_by_role("button", name="Only Paper").click()
    wait_for_value(list_filled, sorted(rock + paper))

    size = report.page.locator("#scrubber").bounding_box()
    assert size
    report.page.locator("#scrubber").hover(position={"x": 0.32 * size["width"], "y": 5})
    expect(report.page.locator("#timeline .tip")).to_have_text("0:03 · Paper 1")


@pytest.mark.parametrize(("boxes", "told"), [(3, "3"), (5, "4+"), (130, "128+")])
def test_a_number_that_the_timelines_do_not_tell_apart_is_no_exact_one(
    open_report: OpenReport, boxes: int, told: str
) -> None:
    results = make_results([make_element([make_box("car", 4 * at + 20, 100) for at in range(boxes)])] * 50)
    report = open_report(results)
    report.wait_for_video()

    expect(report.page.locator("#moments li")).to_have_text([re.compile(f"0:00 car {re.escape(told)}$")])
    report.page.locator("#scrubber").hover(position={"x": 0, "y": 5})
    expect(report.page.locator("#timeline .tip")).to_have_text(f"0:00 · car {told}")
    report.row("car").locator(".lane").hover(position={"x": 0, "y": 5})
    expect(report.page.locator("#models .tip")).to_have_text(f"0:00 · {told} at once")


def test_thousands_on_screen_hide_no_number(open_report: OpenReport) -> None:
    results = make_results([make_element([make_box("car", at / 3 + 20, 100) for at in range(1200)])] * 50)
    report = open_report(results)
    report.wait_for_video()

    now = report.row("car").locator(".now")
    expect(now).to_have_text("1,200")
    found, present = report.row("car").locator(".found").bounding_box(), now.bounding_box()
    assert found
    assert present
    assert found["x"] + found["width"] <= present["x"]


def test_keys_and_buttons_go_from_detection_to_detection(open_report: OpenReport) -> None:
    report = open_report(appearing_results())
    report.wait_for_video()

    def expect_time(seconds: float) -> None:
        report.settle()
        wait_for_value(report.time, pytest.approx(seconds, abs=0.01))

    for seconds in (1, 3, 6, 6):
        report.page.get_by_role("button", name="Next detection").click()
        expect_time(seconds)
    report.page.keyboard.press("p")
    expect_time(3)
    report.page.keyboard.press("p")
    expect_time(1)
    report.row("Paper").get_by_role("checkbox").uncheck()
    report.page.keyboard.press("n")
    expect_time(6)


def test_the_keys_of_usual_players(open_report: OpenReport) -> None:
    report = open_report(appearing_results())
    report.wait_for_video()
    for key, seconds in [("7", 7), ("j", 0), ("l", 10), ("ArrowLeft", 5), ("0", 0)]:
        report.page.keyboard.press(key)
        report.settle()
        wait_for_value(report.time, pytest.approx(seconds, abs=0.05))
    for key, rate in [(">", 2), (">", 4), (">", 4), ("<", 2), ("<", 1), ("<", 0.5)]:
        report.page.keyboard.press(key)
        wait_for_value(lambda: report.page.evaluate("() => document.querySelector('#video').playbackRate"), rate)
    expect(report.page.locator("#speed")).to_have_value("0.5")
    report.page.keyboard.press("k")
    report.page.get_by_role("button", name="Pause").wait_for()


def test_space_closes_the_list_of_keys_and_turns_nothing_off(open_report: OpenReport) -> None:
    report = open_report(appearing_results())
    report.wait_for_video()
    report.page.keyboard.press("?")
    expect(report.page.get_by_role("dialog")).to_be_visible()

    report.page.keyboard.press("Space")

    expect(report.page.get_by_role("dialog")).to_be_hidden()
    report.page.keyboard.press("a")
    expect(report.row("Rock").get_by_role("checkbox")).not_to_be_checked()


@pytest.mark.parametrize("audio", [True, False])
def test_a_video_without_sound_has_no_button_for_it(open_report: OpenReport, tmp_path: Path, audio: bool) -> None:
    video = tmp_path / "belt.mp4"
    video.write_bytes(make_video(VideoSpec(audio=audio)))
    report = open_report(make_results([make_element([], WIDTH, HEIGHT)] * 12, frame_rate=24), video=video)
    report.wait_for_video()
    report.page.keyboard.press("k")
    report.page.wait_for_function("() => document.querySelector('#video').currentTime > 0.5")

    expect(report.page.get_by_role("button", name="Sound")).to_be_visible(visible=audio)


def test_play_is_visible_with_forced_colors(open_report: OpenReport) -> None:
    report = open_report(appearing_results(), forced_colors="active")
    report.wait_for_video()
    sign, ground = report.page.locator("#play").evaluate(
        "play => ['::before', null].map(part => getComputedStyle(play, part).backgroundColor)"
    )
    assert sign != ground
