"""No callable takes more than four positional arguments: further ones are passed by name, so that two
can't be swapped.
"""

import ast
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from videoinfer.repository import ROOT

POSITIONAL_MAX = 4

FOLDERS = "functions", "layers/videojobs/videojobs", "videoinfer"


def list_callables(folder: str) -> Iterator[tuple[str, int]]:
    """Yields where each function and record class is defined, and how many positional arguments it takes."""
    definitions = [(path, node) for path in sorted((ROOT / folder).rglob("*.py")) for node in parse(path)]
    records = {node.name: node for _, node in definitions if isinstance(node, ast.ClassDef) and is_record(node)}
    for path, node in definitions:
        place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        if not isinstance(node, ast.ClassDef):
            parameters = [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)]
            yield place, len([name for name in parameters if name not in ("self", "cls")])
        elif is_record(node):
            yield place, count_fields(node, records)


def parse(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node


def is_record(node: ast.ClassDef) -> bool:
    """Tells whether the class's constructor is generated from its fields."""
    return any(ast.unparse(it).startswith("dataclass") for it in node.decorator_list) or any(
        ast.unparse(base) == "NamedTuple" for base in node.bases
    )


def count_fields(node: ast.ClassDef, records: dict[str, ast.ClassDef]) -> int:
    """Counts the fields that are positional arguments, including those of base classes."""
    inherited = sum(
        count_fields(records[name], records) for base in node.bases if (name := ast.unparse(base)) in records
    )
    if any("kw_only=True" in ast.unparse(it) for it in node.decorator_list):
        return inherited
    annotations = [ast.unparse(it.annotation) for it in node.body if isinstance(it, ast.AnnAssign)]
    fields = [it for it in takewhile(lambda it: it != "KW_ONLY", annotations) if "ClassVar" not in it]
    return inherited + len(fields)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_takes_more_than_four_positional_arguments(folder: str) -> None:
    callables = dict(list_callables(folder))
    assert len(callables) >= 10
    assert [f"{place} takes {count}" for place, count in callables.items() if count > POSITIONAL_MAX] == []
