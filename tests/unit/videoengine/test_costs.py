"""The cost of a job: usage times price. The examples are those of AWS's price pages, with their prices."""

from dataclasses import asdict
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine import costs
from videoengine.costs import PRICES, Usage, measure_express_execution, measure_invocation, measure_storage
from videojobs.jobs.costs import PRICES as PIPELINE_PRICES


def test_lambda_s_example_with_three_million_requests() -> None:
    """https://aws.amazon.com/lambda/pricing/: 3 million requests of 120 ms with 1,536 MB, without the free tier."""
    one = measure_invocation(0.120, 1536)
    assert 3_000_000 * one.lambda_gigabyte_seconds == pytest.approx(540_000)
    assert 3_000_000 * one.usd == pytest.approx(540_000 * 0.0000166667 + 0.60)


def test_step_functions_example_of_express_workflows() -> None:
    """https://aws.amazon.com/step-functions/pricing/: one million executions of 30 seconds in 64 MB."""
    one = measure_express_execution(30.0)
    assert 1_000_000 * one.express_gigabyte_seconds == pytest.approx(1_875_000)
    assert 1_000_000 * one.usd == pytest.approx(1 + 1_875_000 * 0.00001667)


@pytest.mark.parametrize(
    ("seconds", "billed"), [(0.0, 0.0), (0.0001, 0.001), (0.001, 0.001), (0.0011, 0.002), (1.5, 1.5), (1.50001, 1.501)]
)
def test_lambda_bills_whole_milliseconds(seconds: float, billed: float) -> None:
    assert measure_invocation(seconds, 1024).lambda_gigabyte_seconds == pytest.approx(billed)


@pytest.mark.parametrize(("seconds", "billed"), [(0.01, 0.1), (0.1, 0.1), (0.101, 0.2), (2.0, 2.0)])
def test_step_functions_bills_express_executions_by_100_ms(seconds: float, billed: float) -> None:
    assert measure_express_execution(seconds).express_gigabyte_seconds == pytest.approx(billed / 16)


def test_a_gigabyte_for_a_month_costs_the_published_price() -> None:
    assert measure_storage(1024**3, 30.4).usd == pytest.approx(0.023)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1e6))
def test_a_sum_costs_the_sum_of_its_parts(writes: int, transitions: int, seconds: float) -> None:
    parts = [Usage(s3_writes=writes), Usage(state_transitions=transitions), measure_invocation(seconds, 1769)]
    assert sum(parts, Usage()).usd == pytest.approx(sum(part.usd for part in parts))


def test_every_unit_has_a_price_with_a_date_and_a_source() -> None:
    assert asdict(Usage()).keys() == PRICES.keys()
    assert all(price.usd > 0 and price.source and date.fromisoformat(price.as_of) for price in PRICES.values())


def test_the_pipeline_counts_with_the_same_prices() -> None:
    shared = PRICES.keys() & PIPELINE_PRICES.keys()
    assert len(shared) == 5
    assert {name: asdict(PRICES[name]) for name in shared} == {name: asdict(PIPELINE_PRICES[name]) for name in shared}
    assert costs.PRICES_REGION == "us-east-1"
