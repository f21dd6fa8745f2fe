"""The page of `videoinfer regions --edit` in a real browser: drawing, changing, checking and copying regions."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.editor import EditorPage, serve_editor
from tests.browser.pages import expect_accessible, wait_for_clipboard, wait_for_width
from tests.conftest import OpenPage
from tests.waiting import wait_for_value
from videoinfer.regions.forms import read_regions
from videoinfer.repository import SAMPLE_VIDEO

type OpenEditor = Callable[..., EditorPage]

DOCK = {"name": "dock", "polygon": [[0.1, 0.5], [0.6, 0.5], [0.6, 0.9], [0.1, 0.9]], "classes": ["truck"]}
DOOR = {"name": "door", "line": [[0.2, 0.3], [0.7, 0.3]], "anchor": "center"}
PIXEL = 0.004
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def open_editor(open_page: OpenPage) -> Iterator[OpenEditor]:
    """Opens the page: `open_editor(*regions, **context_options)`."""
    with ExitStack() as stack:

        def open_regions(*regions: Any, **options: Any) -> EditorPage:
            page = EditorPage(open_page(stack.enter_context(serve_editor(SAMPLE_VIDEO, regions)), **options))
            page.page.wait_for_function("() => document.querySelector('#picture').naturalWidth > 0")
            page.wait_for_json(len(regions))
            return page

        yield open_regions


def near(*points: tuple[float, float]) -> Any:
    return [pytest.approx(point, abs=PIXEL) for point in points]


def test_a_polygon_and_a_line_are_drawn_with_the_mouse_and_copied(open_editor: OpenEditor) -> None:
    editor = open_editor(permissions=["clipboard-read", "clipboard-write"])
    corners = [(0.1, 0.5), (0.6, 0.5), (0.6, 0.9), (0.1, 0.9)]
    editor.draw_polygon(*corners)
    editor.page.get_by_label("Name").fill("dock")
    editor.page.get_by_label("Classes").fill("truck\nvan, white")
    editor.page.get_by_role("button", name="Line", exact=True).click()
    editor.drag((0.2, 0.3), (0.7, 0.3))
    editor.page.get_by_label("Name").fill("door's")
    editor.page.get_by_label("Anchor").select_option("center")

    dock, door = editor.wait_for_json(2)
    assert (dock["name"], dock["classes"], dock["polygon"]) == ("dock", ["truck", "van, white"], near(*corners))
    assert (door["name"], door["anchor"], door["line"]) == ("door's", "center", near((0.2, 0.3), (0.7, 0.3)))

    editor.page.get_by_role("button", name="Copy", exact=True).click()
    wait_for_clipboard(editor.page, [dock, door], lambda text: [region.to_dict() for region in read_regions(text)])

    editor.page.get_by_label("One upload").check()
    wait_for_value(lambda: json.loads(json.loads(shlex.split(editor.form_text())[-1])["regions"]), [dock, door])
    editor.page.get_by_label("PrefixRoutes").check()
    wait_for_value(lambda: json.loads(editor.form_text()), {"PREFIX/": {"regions": [dock, door]}})


def test_the_arrow_points_to_the_side_that_counts_as_in(open_editor: OpenEditor) -> None:
    editor = open_editor(DOOR)

    def is_label_below_the_line() -> bool:
        label = editor.page.locator("#drawing text").filter(has_text="in").bounding_box()
        assert label
        return bool(label["y"] > editor.place(0, 0.3)[1])

    wait_for_value(is_label_below_the_line, True)
    editor.page.locator("#list button").click()
    editor.page.get_by_role("button", name="Turn around").click()
    wait_for_value(is_label_below_the_line, False)
    [door] = editor.wait_for_json(1)
    assert door["line"] == [[0.7, 0.3], [0.2, 0.3]]


def test_points_and_regions_are_moved_added_deleted_and_taken_back(open_editor: OpenEditor) -> None:
    editor = open_editor(DOCK)
    editor.page.locator("#list button").click()

    editor.drag((0.6, 0.5), (0.7, 0.4))
    assert editor.wait_for_json(1)[0]["polygon"][1] == pytest.approx([0.7, 0.4], abs=PIXEL)
    editor.drag((0.35, 0.9), (0.35, 0.95))
    points = editor.wait_for_json(1)[0]["polygon"]
    assert points[3] == pytest.approx([0.35, 0.95], abs=PIXEL)
    editor.page.keyboard.press("Delete")
    assert len(editor.wait_for_json(1)[0]["polygon"]) == 4
    editor.drag((0.3, 0.7), (0.9, 0.7))  # as far as it stays in the frame
    assert max(x for x, _ in editor.wait_for_json(1)[0]["polygon"]) == 1
    for _ in range(4):
        editor.page.get_by_role("button", name="Undo").click()
    assert editor.wait_for_json(1) == [DOCK]
    editor.page.locator("#list button").click()
    editor.page.get_by_role("button", name="Delete region").click()
    assert editor.wait_for_json(0) == []
    editor.page.keyboard.press("Control+z")
    assert editor.wait_for_json(1) == [DOCK]


def test_everything_can_be_done_with_the_keyboard(open_editor: OpenEditor) -> None:
    editor = open_editor()
    press = editor.page.keyboard.press
    editor.page.get_by_role("button", name="Line", exact=True).focus()
    press("Enter")
    press("ArrowDown")
    press("Shift+ArrowRight")
    assert editor.wait_for_json(1) == [{"name": "line 1", "line": [[0.3, 0.505], [0.75, 0.5]]}]
    editor.page.get_by_role("button", name="Polygon", exact=True).focus()
    press("Space")
    press("Delete")
    assert len(editor.wait_for_json(2)[1]["polygon"]) == 3


def test_an_error_is_the_parser_s(open_editor: OpenEditor) -> None:
    editor = open_editor()
    editor.draw_polygon((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9))
    problem = editor.page.locator("#problem")
    expect(problem).to_have_text("regions: 'area 1': the sides after point 1 and after point 3 cross.")
    expect(editor.page.get_by_role("button", name="Copy", exact=True)).to_be_disabled()


def test_json_is_imported_or_refused_with_the_reason(open_editor: OpenEditor) -> None:
    editor = open_editor()
    editor.page.get_by_text("Import JSON").click()
    editor.page.get_by_label("JSON to import").fill('[{"name": "x", "line": [[0, 0], [0, 2]]}]')
    editor.page.get_by_role("button", name="Import", exact=True).click()
    editor.page.locator("#import-problem").filter(has_text="'x': point 2: [0, 2] is not inside the frame").wait_for()
    editor.page.get_by_label("JSON to import").fill(json.dumps([DOCK, DOOR]))
    editor.page.get_by_role("button", name="Import", exact=True).click()
    assert editor.wait_for_json(2) == [DOCK, DOOR]


def test_too_much_for_metadata_is_said(open_editor: OpenEditor) -> None:
    many = [{"name": f"gate {n}", "line": [[0.123, 0.456], [0.789, n / 100]]} for n in range(19)]
    long = [{**region, "classes": ["a class with quite a long name", "and another"]} for region in many]
    editor = open_editor(*long)
    expect(editor.page.locator("#warnings")).to_contain_text("S3 allows 2,048")
    expect(editor.page.locator("#warnings")).to_contain_text("use PrefixRoutes")


HOSTILE = "<img src=x onerror='window.hacked = 1'>"


def test_what_is_not_yet_checked_cannot_be_copied(open_editor: OpenEditor) -> None:
    editor = open_editor(DOOR, permissions=["clipboard-read", "clipboard-write"])
    editor.page.locator("#list button").click()
    disables = """name => { const field = document.querySelector('#name'); field.value = name;
        field.dispatchEvent(new Event('input')); return document.querySelector('#copy').disabled; }"""
    is_disabled = editor.page.evaluate(disables, "gate")
    assert is_disabled
    editor.page.get_by_role("button", name="Copy", exact=True).click()  # waits until it is enabled
    wait_for_clipboard(editor.page, "gate", lambda text: json.loads(text)[0]["name"])


def test_a_name_can_be_typed_and_copied_at_once(open_editor: OpenEditor) -> None:
    """Leaving the field must not disable the button between the press and the release of the mouse."""
    editor = open_editor(DOOR, permissions=["clipboard-read", "clipboard-write"])
    editor.page.locator("#list button").click()
    editor.page.get_by_label("Name").fill("gate")
    editor.wait_for_json(1)
    editor.page.get_by_role("button", name="Copy", exact=True).click()
    editor.page.get_by_role("button", name="Copied").wait_for()
    wait_for_clipboard(editor.page, "gate", lambda text: json.loads(text)[0]["name"])


def test_names_are_text(open_editor: OpenEditor) -> None:
    editor = open_editor({**DOOR, "name": HOSTILE, "classes": [HOSTILE]})
    editor.page.locator("#list button").click()
    expect(editor.page.locator("#list .name")).to_have_text(HOSTILE)
    wait_for_value(lambda: editor.page.evaluate("() => window.hacked"), None)


def test_a_line_is_drawn_by_touch_on_a_phone(open_editor: OpenEditor) -> None:
    editor = open_editor(**PHONE)
    wait_for_width(editor.page, 390)
    editor.page.get_by_role("button", name="Line", exact=True).tap()
    editor.page.touchscreen.tap(*editor.place(0.2, 0.4))
    editor.page.touchscreen.tap(*editor.place(0.8, 0.4))
    [line] = editor.wait_for_json(1)
    assert line["line"] == [pytest.approx(point, abs=0.01) for point in [(0.2, 0.4), (0.8, 0.4)]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE])
def test_axe_finds_no_accessibility_problem(open_editor: OpenEditor, scheme: str, device: dict[str, Any]) -> None:
    editor = open_editor(DOCK, DOOR, color_scheme=scheme, bypass_csp=True, **device)
    editor.page.locator("#list button").first.click()
    expect_accessible(editor.page)


def test_the_end_of_the_command_is_said(open_page: OpenPage) -> None:
    with serve_editor(SAMPLE_VIDEO, [DOOR]) as url:
        editor = EditorPage(open_page(url))
        editor.wait_for_json(1)
    editor.page.locator("#list button").click()
    editor.page.get_by_role("button", name="Turn around").click()
    editor.page.locator("#gone").wait_for()
