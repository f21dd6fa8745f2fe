"""The documents: their links lead to files and headings that exist, and their commands can be pasted."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.templates import ROOT, read_template
from videojobs.jobs.notify_when import parse_notify_when
from videojobs.jobs.options import resolve_options
from videojobs.jobs.regions import parse_regions

MODEL = {"model_id": "bottles", "model_version": "3", "inference_type": "object-detection"}
DEFAULTS = {"models": [MODEL], "infer_fps": 5, "input_mode": "presigned"}

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


def list_metadata(document: Path) -> list[str]:
    """The arguments of `--metadata` in the document's commands; those that name a file are left out."""
    text = document.read_text()
    spans = [*read_blocks(document).splitlines(), *re.findall(r"`([^`\n]+)`", text)]
    words = [shlex.split(span, comments=True) for span in spans if "--metadata " in span]
    given = [word for line in words for option, word in pairwise(line) if option == "--metadata"]
    return [word for word in given if not word.startswith("file://")]


def test_metadata_in_the_documents_is_valid_for_the_aws_cli_and_for_the_pipeline() -> None:
    """The CLI's shorthand syntax is only used for plain values: it fails for commas, brackets and JSON."""
    given = [word for document in DOCUMENTS for word in list_metadata(document)]
    assert len(given) >= 4
    for word in given:
        shorthand = re.fullmatch(r"[\w-]+=[\w./:+-]+(,[\w-]+=[\w./:+-]+)*", word)
        metadata = dict(pair.split("=") for pair in word.split(",")) if shorthand else json.loads(word)
        assert all(isinstance(value, str) for value in metadata.values())
        assert resolve_options("a.mp4", metadata, routes={}, defaults=DEFAULTS)


def test_json_in_the_options_is_valid() -> None:
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "options.md").read_text(), flags=re.DOTALL)
    values = [json.loads(block.replace("[…]", json.dumps([MODEL]))) for block in blocks]
    [regions] = [value for value in values if isinstance(value, list)]
    assert [region.name for region in parse_regions(regions)] == ["dock", "door"]
    [notify_when] = [value for value in values if "any" in value]
    assert len(parse_notify_when(notify_when).conditions) == 3
    routes = [value for value in values if isinstance(value, dict) and value != notify_when]
    assert len(routes) == 2
    for route in routes:
        for prefix in route:
            assert resolve_options(f"{prefix}a.mp4", {}, routes=route, defaults=DEFAULTS)


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
