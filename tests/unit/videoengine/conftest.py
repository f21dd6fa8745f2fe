"""An engine for the tests that need all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand_ins.engine import EngineInProcess, run_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineInProcess]:
    with run_engine(tmp_path) as engine:
        yield engine
