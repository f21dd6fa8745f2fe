"""Seeds that broke an invariant, each with its story. Their faults are mended, and tested beside the code at fault too.

A seed's life changes with the simulation, so the stories' own tests are what keeps the faults away.
"""

import pytest

from tests.simulation.life import live

STORIES = {
    12: "S3 refused summary.json once, after all outputs were made; every retry then missed the summary, and the job "
    "failed half a day later although its results were stored (test_deliver_results.py).",
}


@pytest.mark.parametrize("seed", STORIES)
def test_a_found_seed_holds_now(seed: int) -> None:
    assert live(seed).breaches == [], STORIES[seed]
