"""The requirement files: pinned, hashed, compiled from a file beside them, and kept up to date by Dependabot."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.templates import ROOT

COMPILED = sorted(
    path.relative_to(ROOT)
    for pattern in ("requirements/*.txt", "layers/*/*.txt", "engine/layers/*/*.txt")
    for path in ROOT.glob(pattern)
)
UPDATES: list[dict[str, Any]] = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]


def find_update(ecosystem: str) -> dict[str, Any]:
    [update] = [update for update in UPDATES if update["package-ecosystem"] == ecosystem]
    return update


def split_requirements(file: Path) -> Iterator[str]:
    """The requirements, each on one line with its hashes."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    return (line for line in text.splitlines() if line.strip())


def list_compiled() -> set[Path]:
    """The files that requirements/compile.sh writes, found by running its loop with `printf`."""
    script = (ROOT / "requirements" / "compile.sh").read_text()
    [names] = re.findall(r"^for name in (.+?); do$", script, flags=re.MULTILINE | re.DOTALL)
    printed = subprocess.run(["bash", "-c", f"printf '%s\\n' {names}"], capture_output=True, text=True, check=True)  # noqa: S607
    return {Path(f"{name}.txt") for name in printed.stdout.split()}


@pytest.mark.parametrize("file", COMPILED, ids=str)
def test_every_requirement_is_pinned_and_hashed(file: Path) -> None:
    for requirement in split_requirements(file):
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==\S+( ;[^-]+)?( +--hash=sha256:[0-9a-f]{64})+", requirement)


def test_every_file_is_compiled_from_a_file_beside_it() -> None:
    assert list_compiled() == set(COMPILED)
    assert all((ROOT / file).with_suffix(".in").is_file() for file in COMPILED)


@pytest.mark.parametrize("file", COMPILED, ids=str)
def test_dependabot_updates_every_requirement_file(file: Path) -> None:
    update = find_update("pip")

    # According to the docs, `directories` supports `*`, patterns to exclude are relative to a directory, and `**/` may
    # match none.
    assert any(Path("/", file).parent.full_match(pattern) for pattern in update["directories"])
    is_excluded = any(Path(file.name).full_match(pattern) for pattern in update["exclude-paths"])
    assert is_excluded == (file.stem == "lambda-oldest")


def test_dependabot_updates_the_actions() -> None:
    assert find_update("github-actions")["directory"] == "/"


def test_no_function_contains_telemetry() -> None:
    # requirements/compile.sh leaves it out, because openvino works without it.
    assert [file for file in COMPILED if "openvino-telemetry" in (ROOT / file).read_text()] == []
