"""Spells commands so that they can be pasted into a shell, even if `videoinfer` is not on the path."""

import shlex
import shutil
import sys
from pathlib import Path

_NAME = "videoinfer"


def spell_command(command: str) -> str:
    """The command line with the program's name replaced by one that the shell finds. Other commands stay unchanged."""
    name, _, arguments = command.partition(" ")
    return f"{_find_program()} {arguments}".rstrip() if name == _NAME else command


def _find_program() -> str:
    found = shutil.which(_NAME)
    if found and Path(found).resolve().parent == Path(sys.executable).parent.resolve():
        return _NAME
    return f"{shlex.quote(sys.executable)} -m {_NAME}"
