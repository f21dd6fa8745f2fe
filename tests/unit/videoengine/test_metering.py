"""What an invocation of a step costs, measured by the function itself."""

import time
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.lambda_runtime import describe_function, invoke
from tests.templates import read_definition
from videoengine import metering
from videoengine.costs import (
    SEGMENT_TRANSITIONS,
    STEP_TRANSITIONS,
    Usage,
    measure_express_execution,
    measure_invocation,
    measure_storage,
)
from videoengine.metering import S3_METER, S3Meter, measure_process_seconds, metered
from videoengine.steps import Outcome

MEMORY_MEGABYTES = 1769
RETENTION_DAYS = 7
STATES = read_definition("engine")["States"]


class Clock:
    """A monotonic clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(metering, "time", clock)
    monkeypatch.setattr(metering, "measure_process_seconds", lambda: 0.5)
    for name, value in describe_function("step", memory_megabytes=MEMORY_MEGABYTES).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RETENTION_DAYS", str(RETENTION_DAYS))
    return clock


def run(handler: Any, event: dict[str, Any] | None = None) -> float:
    answer = invoke(handler, event or {})
    return float(answer["cost_usd"])


def test_the_first_invocation_costs_its_imports_too_and_later_ones_don_t(clock: Clock) -> None:
    @metered("fetch_video")
    def handler(event: Any, context: Any) -> Outcome:
        clock.now += 2.0
        return {"outcome": "done"}

    states = Usage(state_transitions=2)
    first, second = run(handler), run(handler)
    assert first == pytest.approx((measure_invocation(2.5, MEMORY_MEGABYTES) + states).usd, abs=1e-9)
    assert second == pytest.approx((measure_invocation(2.0, MEMORY_MEGABYTES) + states).usd, abs=1e-9)


def test_a_step_s_cost_includes_what_the_step_before_it_cost(clock: Clock) -> None:
    @metered("plan_job")
    def handler(event: Any, context: Any) -> Outcome:
        return {"outcome": "failed", "reason": "It is no video"}

    own = run(metered("plan_job")(handler))
    answer = invoke(metered("plan_job")(handler), {"spent_usd": "0.123000000"})
    assert answer.keys() == {"outcome", "reason", "cost_usd"}
    assert float(answer["cost_usd"]) == pytest.approx(own + 0.123, abs=1e-9)


@pytest.mark.parametrize(
    ("execution", "states"),
    [
        ("EXPRESS", Usage(state_transitions=1) + measure_express_execution(20.5)),
        ("STANDARD", Usage(state_transitions=5)),
    ],
)
def test_a_segment_costs_its_execution(execution: str, states: Usage, clock: Clock) -> None:
    @metered("infer_segment")
    def handler(event: Any, context: Any) -> Outcome:
        clock.now += 20.0
        return {"outcome": "done"}

    expected = measure_invocation(20.5, MEMORY_MEGABYTES) + states
    assert run(handler, {"execution": execution}) == pytest.approx(expected.usd, abs=1e-9)


def test_a_step_costs_its_requests_and_what_it_stores(clock: Clock) -> None:
    @metered("merge_results")
    def handler(event: Any, context: Any) -> Outcome:
        assert S3_METER.measure(RETENTION_DAYS) == Usage()
        S3_METER.writes, S3_METER.reads, S3_METER.stored_bytes = 3, 5, 10**9
        return {"outcome": "done"}

    expected = measure_invocation(0.5, MEMORY_MEGABYTES) + Usage(state_transitions=4, s3_writes=3, s3_reads=5)
    expected += measure_storage(10**9, RETENTION_DAYS)
    assert run(handler) == pytest.approx(expected.usd, abs=1e-9)
    assert run(handler) < expected.usd


def test_a_segment_s_cost_includes_what_warming_its_worker_cost(clock: Clock) -> None:
    @metered("infer_segment")
    def handler(event: Any, context: Any) -> Outcome:
        clock.now += 1.0
        S3_METER.reads = 2
        return {"outcome": "done"}

    warming = measure_invocation(1.5, MEMORY_MEGABYTES) + Usage(s3_reads=2)
    segment = measure_invocation(1.0, MEMORY_MEGABYTES) + Usage(s3_reads=2, state_transitions=5)
    for _ in range(2):
        invoke(handler, {"busy_until": 0})
    warming += measure_invocation(1.0, MEMORY_MEGABYTES) + Usage(s3_reads=2)
    first, second = run(handler, {"segment": 0}), run(handler, {"segment": 1})
    assert first == pytest.approx((warming + segment).usd, abs=1e-9)
    assert second == pytest.approx(segment.usd, abs=1e-9)


def test_an_error_is_raised_as_it_is(clock: Clock) -> None:
    @metered("plan_job")
    def handler(event: Any, context: Any) -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        invoke(handler, {})


def test_every_request_is_counted_by_its_price() -> None:
    meter = S3Meter()
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        s3.create_bucket(Bucket="videos")
        s3.meta.events.register("before-send.s3", meter.count)
        s3.put_object(Bucket="videos", Key="a", Body=b"x" * 1000)
        assert (meter.writes, meter.reads, meter.stored_bytes) == (1, 0, 1000)
        s3.get_object(Bucket="videos", Key="a")
        s3.head_object(Bucket="videos", Key="a")
        assert (meter.writes, meter.reads, meter.stored_bytes) == (1, 2, 1000)
        s3.list_objects_v2(Bucket="videos")
        assert (meter.writes, meter.reads, meter.stored_bytes) == (2, 2, 1000)
        upload_id = s3.create_multipart_upload(Bucket="videos", Key="b")["UploadId"]
        part = s3.upload_part(Bucket="videos", Key="b", UploadId=upload_id, PartNumber=1, Body=b"y" * 500)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(Bucket="videos", Key="b", UploadId=upload_id, MultipartUpload=parts)  # type: ignore[arg-type]
        assert (meter.writes, meter.reads, meter.stored_bytes) == (5, 2, 1500)
        s3.delete_object(Bucket="videos", Key="a")
        assert (meter.writes, meter.reads, meter.stored_bytes) == (5, 2, 1500)
    meter.reset()
    assert meter.measure(RETENTION_DAYS) == Usage()


def test_the_age_of_the_process_is_known() -> None:
    first = measure_process_seconds()
    time.sleep(0.02)
    assert 0 < first < measure_process_seconds()


def count_states(states: dict[str, Any], start: str, end: str | None) -> int:
    """How many states an execution enters from `start` until before `end`, if every choice finds success."""
    count, name = 0, start
    while name and name != end:
        state = states[name]
        done = [rule["Next"] for rule in state.get("Choices", ()) if rule.get("StringEquals") == "done"]
        name = next(iter(done), None) or state.get("Next") or state.get("Default", "")
        count += 1
    return count


def test_the_counted_transitions_are_those_of_the_state_machine() -> None:
    entered_by_step = {
        "fetch_video": count_states(STATES, "Fetch Video", "Plan Job"),
        "plan_job": count_states(STATES, "Plan Job", "Merge Results"),
        "merge_results": count_states(STATES, "Merge Results", None),
    }
    assert entered_by_step == STEP_TRANSITIONS
    maps = [state for state in STATES.values() if state["Type"] == "Map"]
    assert [state["ItemSelector"]["execution"] for state in maps] == ["EXPRESS", "STANDARD"]
    for state in maps:
        assert state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] == state["ItemSelector"]["execution"]
    # Each execution's start is a transition, and each state of a Standard one.
    entered = count_states(maps[1]["ItemProcessor"]["States"], "Infer Segment", None)
    assert {"EXPRESS": 1, "STANDARD": 1 + 1 + entered} == SEGMENT_TRANSITIONS
