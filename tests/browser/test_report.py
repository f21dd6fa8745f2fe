"""The report in a real browser: what is drawn where, and what can be done with it."""

import pytest

from tests.browser.conftest import OpenReport
from tests.browser.results import BLUE, ORANGE, make_box, make_element, make_results

LINE = 3  # boxes are outlined, half of it outside


def moving_box(number: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the box of a sampled frame."""
    return 20 + 10 * number, 100, 80 + 10 * number, 140


def moving_results() -> dict[str, object]:
    return make_results([make_element([make_box("Rock", 50 + 10 * number, 120)]) for number in range(50)])


@pytest.mark.parametrize(("seconds", "number"), [(0, 0), (0.2, 1), (3.29, 16), (3.34, 17), (9.99, 49)])
def test_boxes_are_where_the_results_say_at_the_nearest_sampled_frame(
    open_report: OpenReport, seconds: float, number: int
) -> None:
    report = open_report(moving_results())
    report.wait_for_video()
    report.page.locator("#labels").uncheck()

    report.seek(seconds)

    assert report.find_color(BLUE) == pytest.approx(moving_box(number), abs=LINE)
    assert report.text("#frame") == f"frame {6 * number}"


def test_a_click_on_a_timeline_seeks(open_report: OpenReport) -> None:
    elements = [
        make_element([make_box("Rock", 50, 50)] if number < 25 else [make_box("Paper", 500, 200)])
        for number in range(50)
    ]
    report = open_report(make_results(elements))
    report.wait_for_video()

    lane = report.row("Paper").locator(".lane")
    size = lane.bounding_box()
    assert size
    lane.click(position={"x": size["width"] * 0.75, "y": 5})
    report.settle()

    assert report.time() == pytest.approx(7.5, abs=0.1)
    assert report.present() == ["Paper 1"]
    assert report.find_color(BLUE) is None
    assert report.find_color(ORANGE)


def test_a_result_in_which_nothing_was_found_says_so(open_report: OpenReport) -> None:
    report = open_report(make_results([make_element([])] * 50))
    report.wait_for_video()

    assert "Nothing was found in any of the 50 frames" in report.text("#empty")
    assert report.text("#shown") == "0"
    assert not report.is_painted()
