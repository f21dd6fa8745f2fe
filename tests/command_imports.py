"""Which distributions each command of `videoinfer` may import, read from the sources without running them."""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.templates import ROOT
from videoinfer.main import app

SOURCES = ("videoinfer", "layers/videojobs/videojobs", "engine/layers/videoengine/videoengine")
PACKAGES = {Path(source).name: ROOT / source for source in SOURCES}
COMMAND_FILES = ("videoinfer/main.py", "videoinfer/stack_commands.py")


def list_commands() -> Iterator[tuple[str, str]]:
    """Yields every command's name, and its function's name."""
    for group in (app, *(entry.typer_instance for entry in app.registered_groups)):
        assert group
        for command in group.registered_commands:
            assert command.callback
            yield command.name or command.callback.__name__, command.callback.__name__


@cache
def find_distributions(function: str) -> Mapping[str, set[str]]:
    """Finds the third-party packages that a command may import, each with the distributions that contain it.

    Imports within functions count, imports for type checkers don't. In the modules that define commands, imports within
    other commands' functions don't count.

    Args:
        function: The name of the command's function.
    """
    roots = [*list_imports(ROOT / "videoinfer" / "__main__.py")]
    for file in COMMAND_FILES:
        tree = ast.parse((ROOT / file).read_text())
        others = [
            node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in _FUNCTIONS - {function}
        ]
        roots += _list_imports(tree, others)
    foreign, seen, ahead = set[str](), set[str](), [*roots]
    while ahead:
        module = ahead.pop()
        if module in seen or module in _COMMAND_MODULES:
            continue
        seen.add(module)
        package = module.partition(".")[0]
        if package in PACKAGES:
            # A package's __init__ runs before its modules.
            ahead += [module.rpartition(".")[0]] if "." in module else []
            source = _find_file(module)
            ahead += list_imports(source) if source else []
        else:
            foreign.add(package)
    by_package = _list_installed()
    return {
        package: {name.replace("_", "-").lower() for name in by_package[package]}
        for package in foreign
        if package not in sys.stdlib_module_names
    }


_list_installed = cache(packages_distributions)


@cache
def list_imports(file: Path) -> Sequence[str]:
    """Lists the modules and names that a file imports."""
    return _list_imports(ast.parse(file.read_text()), [])


def _list_imports(tree: ast.Module, left_out: Sequence[ast.AST]) -> list[str]:
    for_types = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    skipped = {id(node) for block in (*for_types, *left_out) for node in ast.walk(block)}
    modules = list[str]()
    for node in ast.walk(tree):
        if id(node) not in skipped and isinstance(node, ast.Import):
            modules += [name.name for name in node.names]
        elif id(node) not in skipped and isinstance(node, ast.ImportFrom) and node.module:
            # The name may be a module; if it is not, no file is found.
            modules += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return modules


def _find_file(module: str) -> Path | None:
    package, _, rest = module.partition(".")
    path = PACKAGES[package].joinpath(*rest.split(".")) if rest else PACKAGES[package]
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


_FUNCTIONS = {function for _, function in list_commands()}
_COMMAND_MODULES = {file.removesuffix(".py").replace("/", ".") for file in COMMAND_FILES}
