"""The names and keys of a job's files are defined in one place."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_imports import LAYER, list_modules
from videoinfer.repository import ROOT
from videojobs import result_files
from videojobs.result_files import locate_results, split_results_key

NAMES = {value for name, value in vars(result_files).items() if name.isupper() and isinstance(value, str)}

PAGE = "videojobs.report.writer"
"""In this module, `report.html` is the page's template."""


@given(st.text(min_size=1), st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:~-]*\Z"), st.sampled_from(sorted(NAMES)))
def test_a_key_is_parsed_as_it_was_made(upload_key: str, job_id: str, name: str) -> None:
    file_name = name.strip("/")
    assert split_results_key(locate_results(upload_key, job_id, file_name)) == (upload_key, job_id, file_name)


@pytest.mark.slow
def test_no_other_module_contains_the_file_names() -> None:
    assert len(NAMES) == 8
    spelled = [
        (module, node.value)
        for package in (LAYER, ROOT / "videoinfer")
        for module, path in list_modules(package)
        if module not in (result_files.__name__, PAGE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in NAMES
    ]
    assert spelled == []
