"""An engine for the tests that need all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand_ins.engine import EngineInProcess, run_engine
from tests.stand_ins.internet import Internet, run_internet


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineInProcess]:
    with run_engine(tmp_path) as engine:
        yield engine


@pytest.fixture
def internet() -> Iterator[Internet]:
    with run_internet() as internet:
        yield internet
