"""The documents: their links lead to files and headings that exist, and their commands can be pasted."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.templates import ROOT, read_template

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
ON_THE_PATH = 'export PATH="$PWD/.venv/bin:$PATH"'
"""Puts `videoinfer` on the path if it is not installed."""


def list_links(document: Path) -> Iterator[str]:
    """The targets of a document's links and pictures, except web addresses."""
    targets = re.findall(r"\]\(([^()\s]+)\)", document.read_text())
    return (target for target in targets if "://" not in target)


def list_anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes from headings: lowercase, with hyphens for spaces and without punctuation."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_heading_that_exist(document: Path) -> None:
    for target in list_links(document):
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        assert not anchor or anchor in list_anchors(file), target


def test_the_readme_links_every_document() -> None:
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in list_links(ROOT / "README.md")}
    assert {document for document in DOCUMENTS if document.name != "README.md"} <= linked


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_puts_videoinfer_on_the_path_before_it_calls_it(document: Path) -> None:
    lines = [line.removeprefix("$ ") for line in read_blocks(document).splitlines()]
    calls = [number for number, line in enumerate(lines) if line.startswith("videoinfer ")]
    if calls:
        assert ON_THE_PATH in lines[: calls[0]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_call_the_python_of_the_virtual_environment(document: Path) -> None:
    """Another Python has none of the packages."""
    assert not re.search(r"(?m)(?:^|`|\$ )python3? -m", document.read_text())


def read_blocks(document: Path) -> str:
    """The commands in the document's console blocks."""
    return "\n".join(re.findall(r"```console\n(.*?)```", document.read_text(), flags=re.DOTALL))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", document.read_text()):
        file = ROOT / path
        assert file.exists(), path
        assert not name or f"def {name}(" in file.read_text(), f"{path}::{name}"


def test_each_threat_names_the_test_of_its_countermeasure() -> None:
    rows = re.findall(r"(?m)^\| (.*) \|$", (ROOT / "SECURITY.md").read_text())[2:]
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py", row.rpartition(" | ")[2])] == []


def test_an_idle_stack_costs_what_its_alarms_and_secrets_cost() -> None:
    kinds = [resource["Type"] for resource in read_template("pipeline")["Resources"].values()]
    alarms, secrets = kinds.count("AWS::CloudWatch::Alarm"), kinds.count("AWS::SecretsManager::Secret")
    text = (ROOT / "docs" / "operations.md").read_text()
    assert f"{alarms} alarms and {secrets} secrets, which is ${alarms * 0.1 + secrets * 0.4:.2f} a month" in text
