"""Regions in the report: drawn over the video, with a row of events each; and links to a moment."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.pages import ReportPage, expect_accessible, expect_no_script, wait_for_width
from tests.browser.results import HEIGHT, WIDTH, make_box, make_element
from tests.browser.shared_site import SharedSite, share_folder
from tests.conftest import OpenPage
from tests.frames import make_frames
from tests.waiting import wait_for_value
from videoinfer.repository import SAMPLE_VIDEO
from videojobs.jobs.regions import Region, parse_regions
from videojobs.report.writer import ReportFacts, ReportWriter
from videojobs.results.events import Event

WHITE = "#ffffff"
DOCK = {"name": "dock", "polygon": [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9], [0.1, 0.9]]}
DOOR = {"name": "door", "line": [[0.6, 0.2], [0.6, 0.6]]}


def make_event(region: str, kind: Any, time: float, **more: Any) -> Event:
    direction, kind = (kind, "crossing") if kind in ("in", "out") else (None, kind)
    fields = {"track_id": 3, "class_name": "person", "dwell_seconds": None, "at_border": True, **more}
    return Event(
        model_id="parts",
        region=region,
        kind=kind,
        direction=direction,
        time_offset=time,
        frame_offset=0,
        x=0,
        y=0,
        **fields,
    )


EVENTS = (
    make_event("dock", "entry", 1.0),
    make_event("door", "in", 2.5, track_id=4),
    make_event("dock", "exit", 4.2, dwell_seconds=3.2),
    make_event("door", "out", 6.0, track_id=4),
    make_event("door", "in", 7.5, track_id=5),
    make_event("dock", "entry", 8.0, track_id=6),
)


def write_page(
    folder: Path,
    events: Sequence[Event] = EVENTS,
    regions: Sequence[Any] = (DOCK, DOOR),
    *,
    failure: Exception | None = None,
    **facts: Any,
) -> Path:
    """Writes a report with regions, as a delivery does, beside its video."""
    shutil.copy(SAMPLE_VIDEO, folder / "video.mp4")
    parsed: tuple[Region, ...] = parse_regions(list(regions))
    with ReportWriter(0.0, parsed) as writer, (folder / "report.html").open("wb") as file:
        writer.add_model("parts", "object-detection")
        numbers = range(50)
        elements = [make_element([make_box("person", 500, 60)])] * 50
        frames = make_frames("parts", elements, [6 * number for number in numbers], [number / 5 for number in numbers])
        writer.add(frames)
        writer.add(make_frames("parts", [], first=50).with_events(events, failure))
        writer.finish(ReportFacts("belt.mp4", "video.mp4", **facts), inline_max_bytes=None).write_page(file)
    return folder / "report.html"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SharedSite]:
    with share_folder(tmp_path) as site:
        yield site


def open_report(open_page: OpenPage, page: Path, fragment: str = "", **options: Any) -> ReportPage:
    report = ReportPage(open_page(page.as_uri() + fragment, **options))
    report.wait_for_video()
    return report


def find_row(report: ReportPage, name: str) -> Locator:
    return report.page.locator(".region").filter(has=report.page.get_by_text(name, exact=True))


def test_regions_are_drawn_where_they_are_and_can_be_hidden(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path))
    report.page.locator("#names").uncheck()
    find_row(report, "door").get_by_role("checkbox").uncheck()
    dock = pytest.approx((0.1 * WIDTH, 0.5 * HEIGHT, 0.4 * WIDTH, 0.9 * HEIGHT), abs=3)
    wait_for_value(lambda: report.find_color(WHITE), dock)

    find_row(report, "door").get_by_role("checkbox").check()
    find_row(report, "dock").get_by_role("checkbox").uncheck()
    top_and_bottom = pytest.approx((0.2 * HEIGHT, 0.6 * HEIGHT), abs=3)
    wait_for_value(lambda: report.wait_for_color(WHITE)[1::2], top_and_bottom)
    # Down: `in` is on the left of the picture, so the arrow is longer there.
    box, middle = report.wait_for_color(WHITE), 0.6 * WIDTH
    assert middle - box[0] > 1.5 * (box[2] - middle)

    report.page.keyboard.press("r")
    wait_for_value(lambda: report.find_color(WHITE), None)
    expect(report.page.get_by_label("Regions", exact=True)).not_to_be_checked()


def test_names_have_running_counts(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path))
    report.record_drawn_texts()
    for seconds, expected in [
        (0, "dock: 0 inside"),
        (2, "dock: 1 inside"),
        (5, "dock: 0 inside"),
        (9, "door: 2 in, 1 out"),
    ]:
        report.seek(seconds)
        report.wait_for_drawn_text(expected)


def test_a_region_has_counts_and_its_longest_stay(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path))
    expect(find_row(report, "door").locator(".facts")).to_have_text("2 in · 1 out")
    expect(find_row(report, "dock").locator(".facts")).to_have_text("2 entries longest 3.2 s")
    find_row(report, "dock").get_by_role("button", name="longest").click()
    report.settle()
    wait_for_value(report.time, pytest.approx(1.0, abs=0.05))


def test_a_click_on_an_event_jumps_there(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path))
    row = find_row(report, "door")
    row.get_by_text("3 events").click()
    expect(row.locator("li")).to_have_text(
        ["0:02.5 person #4 crossed in", "0:06.0 person #4 crossed out", "0:07.5 person #5 crossed in"]
    )
    row.get_by_role("button", name="crossed out").click()
    report.settle()
    wait_for_value(report.time, pytest.approx(6.0, abs=0.05))

    lane = row.locator(".lane")
    size = lane.bounding_box()
    assert size
    lane.click(position={"x": size["width"] * 0.25 + 6, "y": 8})  # near to an event
    report.settle()
    wait_for_value(report.time, pytest.approx(2.5, abs=0.05))
    lane.click(position={"x": size["width"] * 0.45, "y": 8})  # near to none
    report.settle()
    wait_for_value(report.time, pytest.approx(4.5, abs=0.1))


def test_the_space_bar_opens_a_list_of_events(open_page: OpenPage, tmp_path: Path) -> None:
    report = ReportPage(open_page(write_page(tmp_path).as_uri()))
    report.wait_for_video()
    report.page.locator(".events summary").first.focus()
    report.page.keyboard.press("Space")
    expect(report.page.locator(".events[open]")).to_have_count(1)
    expect(report.page.locator("#play")).to_have_accessible_name("Play")


def test_the_keyboard_goes_from_event_to_event(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path))
    lane = find_row(report, "door").get_by_role("slider")
    lane.focus()
    for key, seconds in [
        ("ArrowRight", 2.5),
        ("ArrowRight", 6.0),
        ("ArrowRight", 7.5),
        ("ArrowRight", 7.5),
        ("ArrowLeft", 6.0),
    ]:
        report.page.keyboard.press(key)
        report.settle()
        wait_for_value(report.time, pytest.approx(seconds, abs=0.05))
    expect(lane).to_have_attribute("aria-valuetext", "0:06, 1 in, 1 out")


def test_only_the_first_of_very_many_events_are_listed(open_page: OpenPage, tmp_path: Path) -> None:
    events = [make_event("door", "in", number / 1000, track_id=number) for number in range(5200)]
    report = open_report(open_page, write_page(tmp_path, events))
    row = find_row(report, "door")
    expect(row.locator(".facts")).to_have_text("5,200 in · 0 out")
    expect(report.page.locator("#regions-list")).to_contain_text("Only the first 5,000 of 5,200 events are listed")
    row.get_by_text("5,000 events").click()
    expect(row.locator("li")).to_have_count(101)
    row.get_by_role("button", name="Show more").click()
    expect(row.locator("li")).to_have_count(201)


def test_events_that_cannot_be_detected_are_not_shown_as_none(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path, (), failure=ValueError("no size")))
    expect(report.page.locator("#regions-list")).to_contain_text("can't be told from the results")
    report.record_drawn_texts()
    report.seek(2)
    report.wait_for_drawn_text("dock")


HOSTILE = "<img src=x onerror='window.hacked = 1'>"


def test_names_are_text(open_page: OpenPage, tmp_path: Path) -> None:
    page = write_page(tmp_path, [make_event(HOSTILE, "in", 1, class_name=HOSTILE)], [{**DOOR, "name": HOSTILE}])
    report = open_report(open_page, page)
    find_row(report, HOSTILE).get_by_text("1 event").click()
    expect(find_row(report, HOSTILE).locator("li")).to_contain_text(HOSTILE)
    expect_no_script(report.page)


def test_a_report_without_regions_has_no_place_for_them(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path, (), ()))
    expect(report.page.locator("#regions-card")).to_be_hidden()
    expect(report.page.get_by_label("Regions", exact=True)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_accessibility_problem(open_page: OpenPage, tmp_path: Path, scheme: str) -> None:
    report = open_report(open_page, write_page(tmp_path), color_scheme=scheme, bypass_csp=True)
    find_row(report, "door").get_by_text("3 events").click()
    expect(find_row(report, "door").locator("li")).to_have_count(3)
    expect_accessible(report.page)


def test_it_fits_a_phone(open_page: OpenPage, tmp_path: Path) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    report = open_report(open_page, write_page(tmp_path), **phone)
    wait_for_width(report.page, 360)
    lane = find_row(report, "door").locator(".lane")
    size = lane.bounding_box()
    assert size
    assert size["width"] > 280
    lane.tap(position={"x": size["width"] * 0.6, "y": 10})
    report.settle()
    wait_for_value(report.time, pytest.approx(6.0, abs=0.05))


@pytest.mark.parametrize(
    ("fragment", "seconds"),
    [("#t=6.5", 6.5), ("#t=3", 3), ("#t=-3", 0), ("#t=1e1", 0), ("#t=x", 0), ("", 0), ("#t=9999", 10)],
)
def test_a_link_to_a_moment_opens_the_report_there(
    open_page: OpenPage, tmp_path: Path, fragment: str, seconds: float
) -> None:
    report = open_report(open_page, write_page(tmp_path), fragment)
    report.page.wait_for_function(
        "seconds => Math.abs(document.querySelector('#video').currentTime - seconds) < 0.1", arg=seconds
    )
    report.settle()
    wait_for_value(lambda: float(report.page.input_value("#scrubber")), pytest.approx(seconds, abs=0.1))


def test_another_moment_in_the_address_goes_there(open_page: OpenPage, tmp_path: Path) -> None:
    report = open_report(open_page, write_page(tmp_path), "#t=2")
    report.page.evaluate("() => { location.hash = '#t=7' }")
    report.page.wait_for_function("() => Math.abs(document.querySelector('#video').currentTime - 7) < 0.1")


def test_a_moment_comes_with_a_share_link_s_own_fragment(open_page: OpenPage, site: SharedSite) -> None:
    write_page(site.folder, share_url=site.url.removesuffix("/s/token"))
    site.moment = "&t=6.5"
    report = ReportPage(open_page(f"{site.url}/report.html"))
    report.wait_for_video()
    report.page.wait_for_function("() => Math.abs(document.querySelector('#video').currentTime - 6.5) < 0.1")
    assert set(site.asked) == {"report.html", "video.mp4"}


def test_without_its_video_a_report_still_opens_at_the_moment(open_page: OpenPage, tmp_path: Path) -> None:
    page = write_page(tmp_path)
    (tmp_path / "video.mp4").unlink()
    report = ReportPage(open_page(page.as_uri() + "#t=6.5"))
    report.page.get_by_role("button", name="Go on without it").click()
    expect(report.page.locator("#now")).to_have_text("0:06.5")
