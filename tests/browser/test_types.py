"""How each inference type of the contract is drawn."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenReport
from tests.browser.results import BLUE, make_box, make_element, make_results
from tests.waiting import wait_for_value, wait_until


def test_masks_are_outlined_without_their_box(open_report: OpenReport) -> None:
    corners = [(100, 100), (200, 100), (150, 180)]
    box = make_box("hole", 150, 140, 100, 80, points=[{"x": x, "y": y} for x, y in corners])
    report = open_report(make_results([make_element([box])] * 50))
    report.wait_for_video()
    report.page.locator("#names").uncheck()

    wait_for_value(lambda: report.find_color(BLUE), pytest.approx((100, 100, 200, 180), abs=4))
    wait_for_value(lambda: report.opacity_at(150, 120), pytest.approx(0.3, abs=0.02))
    wait_for_value(lambda: report.opacity_at(105, 170), 0)  # inside the box, outside the mask


def test_keypoints_are_dots_joined_by_limbs_and_faint_if_unsure(open_report: OpenReport) -> None:
    keypoints = [
        {"x": x, "y": y, "confidence": confidence, "class": name, "class_id": number}
        for number, (x, y, confidence, name) in enumerate(
            [(200, 100, 0.9, "left_shoulder"), (260, 100, 0.9, "left_elbow"), (300, 200, 0.1, "lid")]
        )
    ]
    report = open_report(
        make_results([make_element([make_box("person", 250, 150, 200, 150, keypoints=keypoints)])] * 50)
    )
    report.wait_for_video()
    report.page.locator("#names").uncheck()

    wait_for_value(lambda: report.opacity_at(200, 100), 1)
    wait_until(lambda: report.opacity_at(230, 100) > 0.8)  # the limb between them
    wait_until(lambda: 0.2 < report.opacity_at(300, 200) < 0.5)
    wait_for_value(lambda: report.opacity_at(230, 180), pytest.approx(0.12, abs=0.02))  # inside the box


def test_a_classification_is_a_label_and_a_timeline_of_the_predicted_class(open_report: OpenReport) -> None:
    elements = [
        {
            "time": 0.1,
            "image": {"width": 640, "height": 360},
            "predictions": [{"class": name, "class_id": 0, "confidence": 0.5} for name in ("day", "night")],
            "top": "day" if number < 25 else "night",
            "confidence": 0.5,
        }
        for number in range(50)
    ]
    report = open_report(make_results(elements))
    report.wait_for_video()

    wait_for_value(report.present, ["day 1"])
    left, top, *_ = report.wait_for_color(BLUE)
    assert max(left, top) < 10
    report.seek(7)
    wait_for_value(report.present, ["night 1"])


def test_a_multi_label_classification_shows_the_predicted_labels(open_report: OpenReport) -> None:
    element = {
        "time": 0.1,
        "image": {"width": 640, "height": 360},
        "predictions": {name: {"confidence": 0.6, "class_id": 0} for name in ("wet", "dark", "cold")},
        "predicted_classes": ["wet", "cold"],
    }
    report = open_report(make_results([element] * 50))
    report.wait_for_video()

    wait_for_value(report.present, ["wet 1", "cold 1"])


LABEL = {"predictions": [{"class": "day", "class_id": 0}], "top": "day"}
BOX = {name: value for name, value in make_box("part", 300, 200).items() if name != "confidence"}


@pytest.mark.parametrize(("element", "text"), [(LABEL, "day"), (make_element([BOX]), "part #1")], ids=["label", "box"])
def test_a_label_without_confidence_is_shown_at_every_threshold(
    open_report: OpenReport, element: dict[str, Any], text: str
) -> None:
    doubtful = make_element([make_box("doubtful", 300, 300, confidence=0.2)])
    report = open_report(make_results([doubtful, *[element] * 49]))
    report.wait_for_video()
    report.record_drawn_texts()
    report.seek(0)
    report.wait_for_drawn_text("doubtful 20%")
    report.seek(5)
    name = text.split()[0]
    wait_for_value(report.present, [f"{name} 1"])
    wait_for_value(report.drawn_texts, ["doubtful 20%", text])

    report.choose_confidence(100)

    wait_for_value(report.present, [f"{name} 1"])
    expect(report.row(name).locator(".found")).to_have_text("49")


def test_a_gaze_is_an_arrow_from_the_face_in_pixels_of_the_video(open_report: OpenReport) -> None:
    face = make_box("face", 300, 200, 80, 80, landmarks=[{"x": 280, "y": 190}])
    element = {"predictions": [{"face": face, "yaw": -1.2, "pitch": 0.0}], "time": 0.1}
    report = open_report(make_results([element] * 50))
    report.wait_for_video()
    report.page.locator("#names").uncheck()

    left, top, right, bottom = report.wait_for_color(BLUE)
    assert (left, top, bottom) == pytest.approx((260, 160, 240), abs=4)
    assert right == pytest.approx(300 + 1.5 * 80 * 0.932, abs=5)


@pytest.mark.parametrize("element", [[0.25] * 8, {"embeddings": [[0.25] * 8], "time": 0.1}])
def test_the_report_says_that_embeddings_are_not_drawn(open_report: OpenReport, element: object) -> None:
    report = open_report(make_results([element] * 50))
    report.wait_for_video()

    expect(report.page.locator(".model")).to_contain_text("50 vectors. There is nothing to draw")
    expect(report.page.locator("#empty")).to_be_hidden()
    wait_for_value(report.is_painted, False)
