"""A throttled bulk upload: 1,000 one-minute videos in an account that may run 10 functions at once."""

import pytest

from tests.workflow.throttling import RUNS, SEGMENTS, VIDEOS, Account, open_account

STEPS = {
    "pipeline": {"Create Job": VIDEOS, "Deliver Results": VIDEOS},
    "engine": {
        "Fetch Video": VIDEOS,
        "Plan Job": VIDEOS,
        "Infer Segment": SEGMENTS * VIDEOS,
        "Merge Results": VIDEOS,
    },
}


def play(application: str, account: Account) -> Account:
    RUNS[application](account)
    return account


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("application", RUNS)
def test_retries_cost_less_than_the_functions_they_wait_for(application: str, seed: int) -> None:
    account = play(application, open_account(application, seed))
    assert STEPS[application].items() <= account.runs.items()
    assert account.retries.total() > VIDEOS  # otherwise nothing was throttled
    assert account.retries_usd < account.compute_usd


def test_short_delays_would_cost_several_times_the_compute() -> None:
    account = open_account("engine", 1)
    hasty = {step: {**retry, "MaxDelaySeconds": 60} for step, retry in account.retriers.items()}
    hurried = play("engine", Account(hasty, account.memory_gigabytes))
    assert hurried.retries_usd > 3 * hurried.compute_usd
