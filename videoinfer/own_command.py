"""How a person starts this program: what it prints can be pasted, though it may not be on the path."""

import shlex
import shutil
import sys
from pathlib import Path

_NAME = "videoinfer"


def spell_command(command: str) -> str:
    """A command line that can be pasted into a shell, from one that begins with the program's name; others stay."""
    name, _, arguments = command.partition(" ")
    return f"{_find_program()} {arguments}".rstrip() if name == _NAME else command


def _find_program() -> str:
    found = shutil.which(_NAME)
    if found and Path(found).resolve().parent == Path(sys.executable).parent.resolve():
        return _NAME
    return f"{shlex.quote(sys.executable)} -m {_NAME}"
