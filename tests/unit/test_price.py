"""The arithmetic of `bench.price`."""

import json

import pytest

from bench.price import (
    CPUS,
    MEGABYTES_PER_CPU,
    REKOGNITION_MINUTE,
    RETENTION_DAYS,
    WORKERS,
    Setting,
    Speed,
    find_billed,
    price_hour,
    price_job,
    price_roboflow_pictures,
)
from tests.templates import read_template

GIGABYTE = 1024**3
MEMORY = "Memory Size: 1769 MB\tMax Memory Used: 56 MB\tInit Duration: 130.49 ms"


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


def test_what_lambda_billed_is_read_from_its_log() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html has a REPORT line."""

    def tell(job_id: str, request_id: str) -> str:
        return json.dumps(
            {
                "message": "Measured",
                "job_id": job_id,
                "function_request_id": request_id,
                "function_name": "InferSegment",
            }
        )

    lines = [
        "START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST",
        tell("a-job", "8f507cfc-xmpl-4697-b07a-ac58fc914c95"),
        "REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 15.74 ms\tBilled Duration: 147 ms\t"
        + MEMORY,
        tell("another-job", "1"),
        "REPORT RequestId: 1\tDuration: 1 ms\tBilled Duration: 2 ms\t" + MEMORY,
    ]
    assert find_billed(lines, "a-job") == [("InferSegment", 0.147, 1769)]


def test_a_job_s_price_is_that_of_its_invocations_states_and_objects() -> None:
    billed = [("FetchVideo", 1.0, 1024), ("InferSegment", 2.0, 1024), ("InferSegment", 2.0, 1024)]
    usage = price_job(billed, [10, 20], video_bytes=2**20 + 1)
    assert (usage.lambda_gigabyte_seconds, usage.lambda_requests, usage.express_requests) == (5.0, 3, 2)
    assert (usage.state_transitions, usage.s3_writes, usage.s3_reads) == (11 + 2, 2, 2 + 2 * 2)
    assert usage.stored_gigabyte_months == pytest.approx((2**20 + 31) / GIGABYTE * RETENTION_DAYS / 30.4)


def test_the_defaults_are_those_of_the_template() -> None:
    parameters = read_template("engine")["Parameters"]
    assert (str(WORKERS), str(RETENTION_DAYS)) == (
        parameters["MaxConcurrency"]["Default"],
        parameters["RetentionDays"]["Default"],
    )
    assert len(CPUS) == 2
