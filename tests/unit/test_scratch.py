"""Files with names are created only in scratch folders, and both applications create these in the same way."""

import re
from pathlib import Path

import videoengine.scratch
import videojobs.drawing.scratch
from tests.templates import ROOT

SOURCES = [
    file
    for folder in ("engine/layers/videoengine", "engine/functions", "layers/videojobs", "functions")
    for file in (ROOT / folder).rglob("*.py")
]


def test_files_with_a_name_are_created_only_in_scratch_folders() -> None:
    # A `tempfile.TemporaryFile` has no name, so the kernel frees it when its process ends, however it ends.
    named = re.compile(r"\b(TemporaryDirectory|NamedTemporaryFile|SpooledTemporaryFile|mkdtemp|mkstemp|mktemp)\b")
    makers = {file.name for file in SOURCES if named.search(file.read_text())}
    assert makers == {"scratch.py"}
    assert not [file.name for file in SOURCES if re.search("[\"']/tmp\\b", file.read_text())]


def test_both_applications_have_the_same_scratch_module() -> None:
    ours, engines = (Path(module.__file__ or "") for module in (videojobs.drawing.scratch, videoengine.scratch))
    assert ours.read_text() == engines.read_text()
