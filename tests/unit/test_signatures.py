"""Nothing takes more than four arguments by position: a fifth is passed by its name, so that two can't be swapped."""

import ast
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from videoinfer.repository import ROOT

POSITIONAL_MAX = 4

FOLDERS = "functions", "layers/videojobs/videojobs", "videoinfer"


def list_callables(folder: str) -> Iterator[tuple[str, int]]:
    """Each function and record class: where it is defined, and how many arguments it takes by position."""
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
    """Whether the class has a constructor that is made of its fields."""
    return any(ast.unparse(it).startswith("dataclass") for it in node.decorator_list) or any(
        ast.unparse(base) == "NamedTuple" for base in node.bases
    )


def count_fields(node: ast.ClassDef, records: dict[str, ast.ClassDef]) -> int:
    """The fields that are arguments by position, with those of the class's bases."""
    inherited = sum(
        count_fields(records[name], records) for base in node.bases if (name := ast.unparse(base)) in records
    )
    if any("kw_only=True" in ast.unparse(it) for it in node.decorator_list):
        return inherited
    annotations = [ast.unparse(it.annotation) for it in node.body if isinstance(it, ast.AnnAssign)]
    fields = [it for it in takewhile(lambda it: it != "KW_ONLY", annotations) if "ClassVar" not in it]
    return inherited + len(fields)


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_takes_many_arguments_by_position(folder: str) -> None:
    callables = dict(list_callables(folder))
    assert len(callables) >= 10
    assert [f"{place} takes {count}" for place, count in callables.items() if count > POSITIONAL_MAX] == []
