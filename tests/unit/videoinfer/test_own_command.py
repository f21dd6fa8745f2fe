"""Printed commands can be pasted, even if the program is not on the path."""

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from videoinfer.own_command import spell_command


def test_a_program_that_is_not_on_the_path_is_named_by_its_full_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    program, *arguments = shlex.split(spell_command("videoinfer jobs --failed"))
    assert (program, arguments) == (sys.executable, ["-m", "videoinfer", "jobs", "--failed"])

    other = Path("/somewhere/else/bin/videoinfer")
    monkeypatch.setattr(shutil, "which", lambda _: str(other))
    assert spell_command("videoinfer jobs").startswith(shlex.quote(sys.executable))

    monkeypatch.setattr(shutil, "which", lambda _: str(Path(sys.executable).with_name("videoinfer")))
    assert spell_command("videoinfer jobs") == "videoinfer jobs"


def test_other_commands_are_not_changed() -> None:
    assert spell_command("aws s3 ls") == "aws s3 ls"
