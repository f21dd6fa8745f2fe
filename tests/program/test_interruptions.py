"""An interrupted command destroys nothing and leaves nothing."""

from pathlib import Path

import pytest

from tests.program.interruptions import ENDS, interrupt, make_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("command", ["infer", "annotate", "report"])
def test_an_interrupted_command_leaves_the_old_output_and_nothing_else(command: str, end: str, results: Path) -> None:
    assert interrupt(command, results, end, seconds=1.2).surprises == []
