"""The arithmetic of `bench.price`."""

import pytest

from bench.price import (
    CPUS,
    MEGABYTES_PER_CPU,
    REKOGNITION_MINUTE,
    RETENTION_DAYS,
    WORKERS,
    Setting,
    Speed,
    price_hour,
    price_roboflow_pictures,
)
from tests.templates import read_template

GIGABYTE = 1024**3


def price(memory_megabytes: int, *, cpu: float = 0.5, start: float = 1.0) -> float:
    """The price of an hour that takes `cpu` seconds for each second, if no CPU is ever idle."""
    setting = Setting("a-model", 5, "AVX2", memory_megabytes)
    speed = Speed(wall=cpu * MEGABYTES_PER_CPU / memory_megabytes, cpu=cpu, start=start, peak_megabytes=300)
    return price_hour(setting, speed, segments=150, video_bytes=GIGABYTE, model_bytes=10**7).usd


def test_an_hour_costs_its_cpu_seconds_whatever_the_memory() -> None:
    expected = 0.5 * 3600 * MEGABYTES_PER_CPU / 1024 * 0.0000166667
    assert expected == pytest.approx(0.0518, abs=1e-4)
    prices = [price(memory) for memory in (1024, 1769, 3008)]
    assert expected < min(prices)
    assert max(prices) < 1.05 * min(prices)


def test_roboflow_bills_a_fast_picture_as_in_its_example() -> None:
    """0.2 credits per 1,000 pictures: https://docs.roboflow.com/deploy/serverless-hosted-api-v2/pricing."""
    assert price_roboflow_pictures(5) == pytest.approx(5 * 3600 / 1000 * 0.2 * 6)
    assert pytest.approx(6) == 60 * REKOGNITION_MINUTE.usd


def test_the_defaults_are_those_of_the_template() -> None:
    parameters = read_template("engine")["Parameters"]
    assert (str(WORKERS), str(RETENTION_DAYS)) == (
        parameters["MaxConcurrency"]["Default"],
        parameters["RetentionDays"]["Default"],
    )
    assert len(CPUS) == 2
