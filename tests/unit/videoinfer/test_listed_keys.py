"""How lists show keys, and that all lists do."""

import ast

import pytest
from rich.cells import cell_len

from tests.unit.videoinfer.test_display import NOW
from tests.unit.videoinfer.test_terminal import make_item
from videoinfer.job_texts import compose_facts
from videoinfer.listed_keys import list_key
from videoinfer.repository import ROOT


@pytest.mark.parametrize("key", ["line 3/belt.mp4", "安全帽/é.mp4", "x" * 40])
def test_a_short_key_is_listed_as_it_is(key: str) -> None:
    assert list_key(key) == key


def test_a_long_key_is_listed_with_its_beginning_and_its_end() -> None:
    assert list_key("line-3/" + "camera/" * 10 + "2026-11-28.mp4") == "line-3/camera/camera/…era/2026-11-28.mp4"
    assert cell_len(list_key("安" * 99)) <= 40


def test_show_has_the_whole_key() -> None:
    key = "line-3/" + "camera/" * 99 + "2026-11-28.mp4"
    assert ("Video", f"s3://uploads/{key}") in compose_facts(make_item(key, bucket="uploads"), [{"attempt": 1}], NOW)


def _find_printed_keys(function: ast.AST) -> bool:
    """Returns whether a function puts `….key` or `…["key"]` into a text as it is."""
    texts = [node.value for node in ast.walk(function) if isinstance(node, ast.FormattedValue)]
    return any(ast.unparse(text).endswith((".key", "['key']")) for text in texts)


def test_every_list_shortens_keys() -> None:
    found = {
        function.name
        for path in (ROOT / "videoinfer").glob("*.py")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef) and _find_printed_keys(function)
    }
    # `show` has the whole key in a line of its own. The other function names a list of a results file.
    assert found == {"compose_facts", "read_results_file"}
