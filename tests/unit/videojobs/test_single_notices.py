"""Single notices: each is sent once, wherever a delivery dies before SNS takes it.

`python -m tests.digest_story` does the same with 1,000 uploads.
"""

import pytest

from tests.single_notices import run_deliveries
from videojobs.notices.sender import Mode


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["each", "problems"])
def test_a_condition_that_holds_is_told_once_wherever_its_delivery_dies(mode: Mode) -> None:
    run_deliveries(mode, 24, lambda number: number % 2 == 0 or number < 12)
