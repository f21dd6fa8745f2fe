"""The report in a real browser: what is drawn where, and how it can be operated."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenReport
from tests.browser.pages import expect_accessible, expect_no_script, wait_for_width
from tests.browser.results import BLUE, ORANGE, make_box, make_element, make_results
from tests.waiting import wait_for_value, wait_until

LINE = 3  # boxes are outlined, half of the line outside


def moving_box(number: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a sampled frame's box."""
    return 20 + 10 * number, 100, 80 + 10 * number, 140


def moving_results() -> dict[str, object]:
    return make_results([make_element([make_box("Rock", 50 + 10 * number, 120)]) for number in range(50)])


def two_classes() -> dict[str, object]:
    """Rock in the first half of the video, alternately sure and unsure; Paper in the second, two of it at the end."""
    elements = []
    for number in range(50):
        if number < 25:
            predictions = [make_box("Rock", 100, 100, confidence=0.9 if number % 2 else 0.5)]
        else:
            predictions = [make_box("Paper", 500, 200 + 100 * two, confidence=0.7) for two in range(1 + (number >= 45))]
        elements.append(make_element(predictions))
    return make_results(elements)


@pytest.mark.parametrize(("seconds", "number"), [(0, 0), (0.2, 1), (3.29, 16), (3.34, 17), (9.99, 49)])
def test_boxes_are_where_the_results_say_at_the_nearest_sampled_frame(
    open_report: OpenReport, seconds: float, number: int
) -> None:
    report = open_report(moving_results())
    report.wait_for_video()
    report.page.locator("#names").uncheck()

    report.seek(seconds)

    wait_for_value(lambda: report.find_color(BLUE), pytest.approx(moving_box(number), abs=LINE))
    expect(report.page.locator("#frame")).to_have_text(f"frame {6 * number}")


def test_boxes_are_in_step_with_playback(open_report: OpenReport) -> None:
    report = open_report(moving_results())
    report.wait_for_video()
    report.page.locator("#names").uncheck()
    report.record_pictures(BLUE)
    report.page.locator("#play").click()
    pictures = report.wait_for_pictures(30)

    for seconds, box in pictures:
        assert box
        assert (box[0] - 20) / 10 == pytest.approx(
            seconds * 5, abs=0.5 + LINE / 10
        )  # the sampled frame nearest to the picture
    seen = [seconds for seconds, _ in pictures]
    assert seen == sorted(set(seen))
    report.page.keyboard.press("Space")
    report.page.get_by_role("button", name="Play", exact=True).wait_for()


def test_boxes_scale_from_the_pixels_that_the_model_saw(open_report: OpenReport) -> None:
    element = make_element([make_box("Rock", 100, 100, 40, 40)], width=320, height=180)
    report = open_report(make_results([element] * 50))
    report.wait_for_video()
    report.page.locator("#names").uncheck()

    wait_for_value(lambda: report.find_color(BLUE), pytest.approx((160, 160, 240, 240), abs=LINE))


def test_only_the_surest_of_very_many_boxes_are_named(open_report: OpenReport) -> None:
    boxes = [
        make_box("Rock", 32 * (number % 20) + 16, 40 * (number // 20) + 60, 20, 10, confidence=0.9 - number / 200)
        for number in range(100)
    ]
    report = open_report(make_results([make_element(boxes)] * 50))
    report.wait_for_video()

    # Just above the box with the highest confidence, and above the one with the lowest.
    wait_until(lambda: report.opacity_at(16, 47) > 0.5)
    wait_for_value(lambda: report.opacity_at(19 * 32 + 16, 207), 0)


def test_a_name_does_not_cover_that_of_a_surer_box(open_report: OpenReport) -> None:
    boxes = [make_box("Paper", 150, 120, confidence=0.8), make_box("Rock", 100, 120)]
    report = open_report(make_results([make_element(boxes)] * 50), viewport={"width": 1440, "height": 1000})
    report.wait_for_video()

    wait_for_value(lambda: report.opacity_at(72, 94), 1)  # Rock's label, above its box
    wait_for_value(lambda: report.opacity_at(175, 94), 0)
    wait_for_value(lambda: report.opacity_at(124, 112), 1)  # Paper's label, inside its box


def test_a_click_on_a_timeline_seeks(open_report: OpenReport) -> None:
    report = open_report(two_classes())
    report.wait_for_video()

    lane = report.row("Paper").locator(".lane")
    size = lane.bounding_box()
    assert size
    lane.click(position={"x": size["width"] * 0.75, "y": 5})
    report.settle()

    wait_for_value(report.time, pytest.approx(7.5, abs=0.1))
    wait_for_value(report.present, ["Paper 1"])
    wait_for_value(lambda: report.find_color(BLUE), None)
    report.wait_for_color(ORANGE)


def test_a_timeline_shows_when_and_how_many_at_the_chosen_confidence(open_report: OpenReport) -> None:
    report = open_report(two_classes())
    report.wait_for_video()

    def is_filled(name: str) -> list[bool]:
        return [height > 0 for height in report.read_lane(name)]

    wait_for_value(lambda: is_filled("Rock"), [True] * 25 + [False] * 25)
    wait_for_value(lambda: is_filled("Paper"), [False] * 25 + [True] * 25)
    wait_until(lambda: report.read_lane("Paper")[49] > report.read_lane("Paper")[30])

    report.choose_confidence(60)
    wait_for_value(lambda: is_filled("Rock"), [number % 2 == 1 for number in range(25)] + [False] * 25)
    report.choose_confidence(80)
    wait_for_value(lambda: is_filled("Paper"), [False] * 50)


def test_confidence_and_classes_filter_what_is_drawn_and_counted(open_report: OpenReport) -> None:
    report = open_report(two_classes())
    report.wait_for_video()
    expect(report.page.locator("#shown")).to_have_text("55")
    expect(report.row("Rock").locator(".found")).to_have_text("25")
    report.wait_for_color(BLUE)

    report.choose_confidence(51)
    expect(report.page.locator(".total")).to_have_text("42 of 55 predictions")
    expect(report.row("Rock").locator(".found")).to_have_text("12")
    wait_for_value(report.is_painted, False)  # frame 0 has a box of 50%

    report.choose_confidence(50)
    wait_for_value(report.is_painted, True)
    report.row("Rock").get_by_role("checkbox").uncheck()
    wait_for_value(report.is_painted, False)
    expect(report.page.locator(".total")).to_have_text("30 of 55 predictions")
    report.page.get_by_role("button", name="None").click()
    expect(report.page.locator("#shown")).to_have_text("0")
    report.page.get_by_role("button", name="All", exact=True).click()
    expect(report.page.locator("#shown")).to_have_text("55")


def test_everything_can_be_done_with_the_keyboard(open_report: OpenReport) -> None:
    report = open_report(two_classes())
    report.wait_for_video()
    press = report.page.keyboard.press

    press("ArrowRight")
    report.settle()
    wait_for_value(report.time, pytest.approx(5))
    press(".")
    report.settle()
    expect(report.page.locator("#frame")).to_have_text("frame 156")
    for _ in range(2):
        press(",")
        report.settle()
    expect(report.page.locator("#frame")).to_have_text("frame 144")
    press("End")
    report.settle()
    wait_for_value(report.present, ["Paper 2"])
    press("a")
    expect(report.row("Paper").get_by_role("checkbox")).not_to_be_checked()
    press("a")
    expect(report.row("Paper").get_by_role("checkbox")).to_be_checked()
    press("]")
    expect(report.page.locator("#confidence-value")).to_have_text("55%")
    press("b")
    wait_for_value(report.is_painted, False)
    press("Home")
    report.settle()

    report.row("Paper").get_by_role("slider").focus()
    press("ArrowRight")  # to its next appearance
    report.settle()
    expect(report.page.locator("#frame")).to_have_text("frame 150")
    expect(report.row("Paper").get_by_role("slider")).to_have_attribute("aria-valuetext", "0:05, 1 on screen")
    expect(report.page.locator("#announcement")).to_have_text("0:05: 1 Paper")

    press("?")
    expect(report.page.get_by_role("dialog")).to_be_visible()
    report.page.get_by_label("Shortcuts of a single key").uncheck()
    press("Escape")
    press("a")
    expect(report.row("Paper").get_by_role("checkbox")).to_be_checked()


def test_every_control_has_a_name_and_a_place_in_the_tab_order(open_report: OpenReport) -> None:
    report = open_report(two_classes())
    report.wait_for_video()

    names = []
    for _ in range(40):
        report.page.keyboard.press("Tab")
        name = report.focused_name()
        if name is None:
            break
        names.append(name)

    assert "" not in names
    for expected in ("Play", "Position", "Confidence at least", "Paper", "Timeline of Rock"):
        assert any(name.startswith(expected) for name in names), expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_accessibility_problem(open_report: OpenReport, scheme: str) -> None:
    # axe needs eval, which the page forbids.
    report = open_report(two_classes(), color_scheme=scheme, bypass_csp=True)
    report.wait_for_video()

    expect_accessible(report.page)
    report.page.keyboard.press("?")
    expect_accessible(report.page)


def test_a_report_without_detections_says_so(open_report: OpenReport) -> None:
    report = open_report(make_results([make_element([])] * 50))
    report.wait_for_video()

    expect(report.page.locator("#empty")).to_contain_text("Nothing was found in any of the 50 frames")
    expect(report.page.locator("#shown")).to_have_text("0")
    wait_for_value(report.is_painted, False)


def test_a_report_without_frames_says_so(open_report: OpenReport) -> None:
    report = open_report(make_results([]))
    report.wait_for_video()

    expect(report.page.locator("#empty")).to_contain_text("No frame of the video was looked at")


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ([None] * 50, None),
        ([{"text": "STOP"}] * 50, None),
        ([None] * 49 + [make_element([])], "Nothing was found in the frame that was looked at."),
        ([None] * 40 + [make_element([])] * 10, "Nothing was found in any of the 10 frames that were looked at."),
    ],
    ids=["failed", "unknown type", "one frame", "ten frames"],
)
def test_nothing_was_found_only_in_frames_that_were_looked_at(
    open_report: OpenReport, elements: list[object], words: str | None
) -> None:
    report = open_report(make_results(elements))
    report.wait_for_video()
    if words is None:
        expect(report.page.locator("#empty")).to_be_hidden()
    else:
        expect(report.page.locator("#empty")).to_contain_text(words)


def test_one_prediction_is_told_in_the_singular(open_report: OpenReport) -> None:
    elements = [make_element([make_box("Rock", 100, 100)] if number == 5 else []) for number in range(50)]
    report = open_report(make_results(elements))
    expect(report.page.locator(".total")).to_have_text("1 prediction")


def test_a_failed_frame_differs_from_an_empty_one(open_report: OpenReport) -> None:
    elements = [None if number == 5 else make_element([]) for number in range(50)]
    report = open_report(make_results(elements))
    report.wait_for_video()
    expect(report.page.locator("#badge")).to_be_hidden()

    report.seek(1)

    expect(report.page.locator("#badge")).to_have_text("No result for this frame: parts failed on it.")
    expect(report.page.locator(".model h3")).to_contain_text("failed on 1")


HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


def test_names_are_shown_as_text_whatever_they_contain(open_report: OpenReport) -> None:
    elements = [make_element([make_box(HOSTILE, 100, 100)])] * 50
    report = open_report(make_results(elements, model_id=HOSTILE))
    report.wait_for_video()

    expect(report.row(HOSTILE).locator(".name")).to_have_text(HOSTILE)
    expect(report.page.locator(".model h3")).to_contain_text(HOSTILE)
    wait_for_value(report.present, [f"{HOSTILE} 1"])
    expect_no_script(report.page)


def test_a_script_that_is_not_the_pages_own_does_not_run(open_report: OpenReport) -> None:
    report = open_report(two_classes())
    report.wait_for_video()

    hacked = report.page.evaluate("""async () => {
        const script = document.createElement('script');
        script.textContent = 'window.hacked = 1';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.hacked = 1">');
        const fetched = await fetch('https://example.com/').then(() => true, () => false);
        return [window.hacked, fetched];
    }""")

    assert hacked == [None, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_follows_the_system_s_color_scheme(open_report: OpenReport, scheme: str) -> None:
    report = open_report(two_classes(), color_scheme=scheme)

    background = report.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in background[4:-1].split(",")) / 3
    assert (brightness > 200) == (scheme == "light")


def test_the_report_fits_a_phone(open_report: OpenReport) -> None:
    report = open_report(two_classes(), viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    report.wait_for_video()

    wait_for_width(report.page, 360)
    lane = report.row("Paper").locator(".lane")
    size = lane.bounding_box()
    assert size
    assert size["width"] > 280
    # It scrolls to the lane, and waits until the lane stays in its place.
    lane.tap(position={"x": size["width"] * 0.75, "y": 10})
    report.settle()
    wait_for_value(report.time, pytest.approx(7.5, abs=0.1))
    stage = report.page.locator("#stage").bounding_box()
    assert stage
    assert stage["y"] >= 0  # it stays visible
