"""Tests in a browser wait for what they expect: what they read at once may be of before the last click."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.editor import EditorPage
from tests.browser.pages import ReportPage

TESTS = Path(__file__).parent.parent
MODULES = [*sorted((TESTS / "browser").glob("test_*.py")), TESTS / "local_aws/test_share_links.py"]
DONE_ON_RETURN = {"goto", "reload", "go_back", "go_forward", "select_option", "bounding_box", "focused_name", "place"}
"""They wait for the page or the element themselves, or read what changes before a key's press returns."""


def list_reads() -> set[str]:
    """The methods that return a value at once, such as `inner_text`, `count` and `is_visible`."""
    methods = [
        (name, inspect.signature(method).return_annotation)
        for kind in (Page, Locator, ReportPage, EditorPage)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith(("_", "wait_for", "expect_", "evaluate"))
    ]
    values = ("bool", "int", "float", "str", "Optional", "Union", "list", "List", "Sequence")
    return {
        name for name, returned in methods if getattr(returned, "__name__", str(returned)).startswith(values)
    } - DONE_ON_RETURN


def find_reads(node: ast.AST, *, in_assert: bool = False) -> Iterator[ast.Call]:
    """Calls that read in the body of a test itself, not in a function that is called again and again."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Lambda | ast.FunctionDef):
            continue
        asserts = in_assert or isinstance(child, ast.Assert)
        match child:
            case ast.Call(func=ast.Attribute(attr=name)) if name in READS or (asserts and name.startswith("evaluate")):
                yield child
        yield from find_reads(child, in_assert=asserts)


READS = list_reads()


def test_methods_that_read_at_once_are_known() -> None:
    assert {"all_inner_texts", "inner_text", "count", "is_visible", "get_attribute", "input_value", "content"} <= READS
    assert {"time", "present", "find_color", "read_lane", "is_painted", "drawn_texts", "form_text"} <= READS
    assert not {"locator", "click", "wait_for", "row", "seek"} & READS


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_tests_in_a_browser_read_only_while_they_wait(module: Path) -> None:
    tests = [
        function
        for function in ast.parse(module.read_text()).body
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_")
    ]
    assert tests
    found = [f"{test.name}, line {call.lineno}: {ast.unparse(call)}" for test in tests for call in find_reads(test)]
    assert found == [], "Use Playwright's `expect`, or `wait_for_value`."
