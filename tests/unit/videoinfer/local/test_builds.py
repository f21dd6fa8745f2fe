import re
from pathlib import Path

import pytest

from videoinfer.local.builds import ENGINE, PIPELINE, Application, digest_files


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "functions"
    (folder / "check_job").mkdir(parents=True)
    (folder / "check_job" / "app.py").write_text("pass")
    return folder


def test_the_digest_depends_on_contents_and_names(source: Path) -> None:
    file = source / "check_job" / "app.py"
    original = digest_files([source])

    file.write_text("return")
    edited = digest_files([source])
    file.rename(file.with_name("main.py"))
    renamed = digest_files([source])

    assert len({original, edited, renamed}) == 3


def test_the_digest_ignores_bytecode_and_times(source: Path) -> None:
    original = digest_files([source])

    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "app.pyc").write_bytes(b"bytecode")
    (source / "check_job" / "app.py").write_text("pass")

    assert digest_files([source]) == original


@pytest.mark.parametrize("application", [PIPELINE, ENGINE], ids=lambda application: application.name)
def test_an_application_s_sources_include_what_its_template_names(application: Application) -> None:
    """Otherwise changes there would not be built."""
    parts = set(re.findall(r"(?:Code|Content|Definition)Uri: (\w+)/", application.template.read_text()))

    assert parts
    assert parts <= {source.name for source in application.sources}
    assert all(source.exists() for source in application.sources)
