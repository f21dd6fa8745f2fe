"""The functions of a long job are started early, and a job does not need it."""

import io
import json
import threading
import time
from fractions import Fraction
from typing import Any
from unittest.mock import ANY, patch

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from tests.stand_ins.engine import (
    MODEL,
    MODEL_ID,
    MODEL_VERSION,
    MODELS_BUCKET,
    VIDEOS_BUCKET,
    EngineInProcess,
)
from tests.stand_ins.internet import Internet
from tests.stand_ins.range_server import RangeServer
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine import clients, inference, warming
from videoengine.compiled_models import CompiledModels
from videoengine.job_requests import ModelRequest
from videoengine.job_spec import JobSpec
from videoengine.jobs import JobStatus
from videoengine.mp4_boxes import VideoTrack
from videoengine.parallel_fetch import ParallelFetch
from videoengine.segments import cut_segments, select_frames
from videoengine.shares import Effort
from videoengine.timeline import Timeline
from videoengine.warming import (
    BUSY_SECONDS_MAX,
    CALL_SECONDS,
    CONNECTING_SECONDS,
    LOADING_SECONDS,
    MAX_WORKERS,
    START_SECONDS,
    estimate_workers,
)

FRAMES = 60
URL = "https://videos.example.com/a.mp4"
REFUSED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Invoke")


class Lambda:
    """Lambda's asynchronous calls: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = list[dict[str, Any]]()
        self.answers = list[io.BytesIO]()

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        if self.errors:
            raise self.errors.pop()
        self.answers.append(io.BytesIO(b"{}"))
        return {"StatusCode": 202, "Payload": self.answers[-1]}


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    called = Lambda()
    monkeypatch.setattr(clients, "lambda_", lambda: called)
    monkeypatch.setattr(clients, "CALLS_AT_ONCE", 1)
    monkeypatch.setattr(warming, "MIN_BYTES", 0)
    monkeypatch.setattr(warming, "MIN_FETCHED_BYTES", 0)
    monkeypatch.setattr(warming, "PLANNED_PER_SECOND", FRAMES / (START_SECONDS + LOADING_SECONDS))
    monkeypatch.setattr(warming, "count_workers", lambda *_: 3)
    return called


def create_job(engine: EngineInProcess, frames: int = FRAMES) -> str:
    return engine.create_job(engine.upload_video(make_video(VideoSpec(frames=frames))), infer_fps=12)


@pytest.fixture
def server(internet: Internet) -> RangeServer:
    server = RangeServer(make_video(VideoSpec(frames=10)))
    internet.server = server.respond
    return server


def test_the_next_steps_are_called_while_the_video_is_fetched(
    engine: EngineInProcess, called: Lambda, server: RangeServer
) -> None:
    job_id = engine.create_job(URL, infer_fps=12)
    engine.run_job(job_id)
    assert [call["FunctionName"] for call in called.calls] == ["plan-job", "merge-results"]
    for call in called.calls:
        assert call["InvocationType"] == "Event"
        event = json.loads(call["Payload"])
        assert (event["job"]["job_id"], event["busy_until"]) == (job_id, 0)
    assert engine.find_job(job_id).status is JobStatus.DONE


def test_the_next_steps_are_not_called_for_a_smaller_video(
    engine: EngineInProcess, called: Lambda, server: RangeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "MIN_FETCHED_BYTES", len(server.content) + 1)
    engine.fetch_video(engine.create_job(URL, infer_fps=12))
    assert not called.calls


def test_a_video_is_fetched_although_the_next_steps_can_t_be_called(
    engine: EngineInProcess, called: Lambda, server: RangeServer, caplog: pytest.LogCaptureFixture
) -> None:
    called.errors.append(REFUSED)
    job_id = engine.create_job(URL, infer_fps=12)
    engine.run_job(job_id)
    assert engine.find_job(job_id).status is JobStatus.DONE
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [REFUSED]


def test_a_fetch_that_fails_ends_its_calls(
    engine: EngineInProcess, called: Lambda, server: RangeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, threads = threading.Event(), threading.active_count()

    def invoke(**_: Any) -> dict[str, Any]:
        started.set()
        time.sleep(0.05)
        return {"Payload": io.BytesIO()}

    def fail(*_: Any) -> str:
        assert started.wait(10)
        raise ZeroDivisionError

    monkeypatch.setattr(called, "invoke", invoke)
    monkeypatch.setattr(ParallelFetch, "_put", fail)
    job_id = engine.create_job(URL, infer_fps=12)
    with pytest.raises(ZeroDivisionError):
        engine.fetch_video(job_id)
    assert threading.active_count() == threads


@pytest.mark.parametrize("function", ["plan_job", "merge_results"])
def test_a_step_that_is_called_early_does_nothing(
    function: str, engine: EngineInProcess, called: Lambda, server: RangeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.fetch_video(engine.create_job(URL, infer_fps=12))
    [event] = [it["Payload"] for it in called.calls if it["FunctionName"] == function.replace("_", "-")]
    monkeypatch.setattr(clients, "s3", lambda: None)  # a call of S3 would fail
    assert engine.invoke(function, json.loads(event))["outcome"] == "done"


def test_the_workers_get_the_job_and_a_time_to_be_busy(engine: EngineInProcess, called: Lambda) -> None:
    job = engine.fetch_video(create_job(engine))
    assert len(called.calls) == 3
    for call in called.calls:
        assert call.keys() == {"FunctionName", "InvocationType", "Payload"}
        assert (call["FunctionName"], call["InvocationType"]) == ("infer-segment", "Event")
        assert json.loads(call["Payload"]) == {"job": job, "busy_until": ANY}


def test_a_worker_is_busy_until_the_last_is_called(engine: EngineInProcess, called: Lambda) -> None:
    with patch.object(time, "time", lambda: 1000.0):
        engine.fetch_video(create_job(engine))
    assert {json.loads(call["Payload"])["busy_until"] for call in called.calls} == {
        1000.0 + CONNECTING_SECONDS + 3 * CALL_SECONDS
    }


def test_a_short_video_s_workers_are_not_called(engine: EngineInProcess, called: Lambda) -> None:
    engine.run_job(create_job(engine, frames=FRAMES - 1))
    assert not called.calls


def test_a_small_video_is_not_looked_at(
    engine: EngineInProcess, called: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = create_job(engine)
    size = engine.s3.head_object(Bucket=VIDEOS_BUCKET, Key=engine.find_job(job_id).spec.video_key)["ContentLength"]
    monkeypatch.setattr(warming, "MIN_BYTES", size)
    engine.fetch_video(job_id)
    assert len(called.calls) == 3
    monkeypatch.setattr(warming, "MIN_BYTES", size + 1)
    monkeypatch.setattr(warming, "S3Object", None)
    engine.fetch_video(job_id)
    assert len(called.calls) == 3


@pytest.mark.parametrize(
    "error",
    [REFUSED, ConnectTimeoutError(endpoint_url="https://lambda"), ZeroDivisionError()],
    ids=["refused", "slow", "a bug"],
)
def test_a_job_runs_without_its_workers_being_called(
    error: Exception, engine: EngineInProcess, called: Lambda, caplog: pytest.LogCaptureFixture
) -> None:
    called.errors.append(error)
    job_id = create_job(engine)
    engine.run_job(job_id)
    assert engine.find_job(job_id).status is JobStatus.DONE
    assert len(called.calls) < 3
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.exc_info
    assert warning.exc_info[1] is error


def test_a_call_waits_for_seconds_and_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    config: Any = clients.lambda_().meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries == {"total_max_attempts": 1, "mode": ANY}


def test_a_video_that_can_t_be_read_again_does_not_end_the_job(
    engine: EngineInProcess, called: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise REFUSED

    job_id = create_job(engine)
    with monkeypatch.context() as patching:
        patching.setattr(warming, "S3Object", refuse)
        job = engine.fetch_video(job_id)
    assert not called.calls
    assert engine.invoke("plan_job", {"job": job})["outcome"] == "done"


def test_a_called_worker_has_its_models_and_writes_nothing(
    engine: EngineInProcess, called: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "_COMPILED", CompiledModels())
    job_id = create_job(engine)
    job = engine.fetch_video(job_id)
    before = engine.s3.list_objects_v2(Bucket=engine.environment["VIDEOS_BUCKET"])["KeyCount"]
    event = json.loads(called.calls[0]["Payload"]) | {"busy_until": 0}
    assert engine.invoke("infer_segment", event)["outcome"] == "done"
    assert engine.s3.list_objects_v2(Bucket=engine.environment["VIDEOS_BUCKET"])["KeyCount"] == before
    engine.invoke("plan_job", {"job": job})
    with monkeypatch.context() as patching:
        patching.setattr("videoengine.compiled_models.Detector", None)  # nothing is compiled again
        assert engine.invoke("infer_segment", {"job": job, "segment": 0})["outcome"] == "done"


def test_a_model_that_can_t_be_run_is_no_error_of_the_function(engine: EngineInProcess, called: Lambda) -> None:
    engine.fetch_video(create_job(engine))
    for name in ("weights.onnx", "environment.json"):
        engine.s3.delete_object(Bucket=MODELS_BUCKET, Key=f"{MODEL_ID}/{MODEL_VERSION}/{name}")
    event = json.loads(called.calls[0]["Payload"]) | {"busy_until": 0}
    assert engine.invoke("infer_segment", event)["outcome"] == "failed"


@pytest.mark.parametrize(("ahead", "seconds"), [(0.3, 0.3), (-100.0, 0.0), (10_000.0, BUSY_SECONDS_MAX)])
def test_a_called_worker_is_busy_only_as_long_as_others_are_called(
    ahead: float, seconds: float, engine: EngineInProcess, called: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.fetch_video(create_job(engine))
    slept = list[float]()
    monkeypatch.setattr(time, "sleep", slept.append)
    engine.invoke("infer_segment", json.loads(called.calls[0]["Payload"]) | {"busy_until": time.time() + ahead})
    assert slept[-1] == pytest.approx(seconds, abs=0.3)


@given(
    frames=st.integers(100, 3000),
    rate=st.integers(5, 60),
    infer_fps=st.integers(1, 5),
    max_concurrency=st.integers(1, 400),
    infer_seconds=st.sampled_from([0.04, 0.2, 2.0]),
)
def test_as_many_workers_are_called_as_the_plan_has_use_for(
    frames: int, rate: int, infer_fps: int, max_concurrency: int, infer_seconds: float
) -> None:
    model = ModelRequest(MODEL["model_id"], MODEL["model_version"], "object-detection", 0.4, 0.3)
    job = JobSpec("job", Fraction(infer_fps), (model,), "jobs/job/video", infer_seconds)
    pixels = 10**6
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(warming, "PLANNED_PER_SECOND", 0)
        count = estimate_workers(job, VideoTrack(frames / rate, frames, pixels), max_concurrency)
    times = tuple(range(frames))
    timeline = Timeline(times, times, Fraction(1, rate), Fraction(rate))
    effort = Effort.estimate(pixels, 1, infer_seconds)
    segments = cut_segments(select_frames(timeline, job.infer_fps), timeline, effort, max_concurrency)
    needed = min(len(segments), max_concurrency)
    # The index has no times, so a share that is just large enough for another worker may differ.
    assert abs(count - needed) <= 1 or (count == 0 and needed >= MAX_WORKERS)


@pytest.mark.parametrize(
    ("frames", "infer_seconds", "count"),
    [
        (52_000, 0.04, 50),
        (51_900, 0.04, 0),
        (200_000, 0.56, 0),  # a model of 150 MB
        (210_000, 0.56, 50),
    ],
)
def test_workers_are_called_that_start_sooner_than_the_job_is_planned(
    frames: int, infer_seconds: float, count: int
) -> None:
    model = ModelRequest(MODEL["model_id"], MODEL["model_version"], "object-detection", 0.4, 0.3)
    job = JobSpec("job", Fraction(5), (model,), "jobs/job/video", infer_seconds)
    assert estimate_workers(job, VideoTrack(frames / 30, frames, 10**6), max_concurrency=50) == count


def test_a_frame_counts_once_if_it_is_sampled_more_often() -> None:
    model = ModelRequest(MODEL["model_id"], MODEL["model_version"], "object-detection", 0.4, 0.3)
    job = JobSpec("job", Fraction(5), (model,), "jobs/job/video", 0.001)
    every_ten_seconds = VideoTrack(1_000_000.0, 100_000, 1)
    assert estimate_workers(job, every_ten_seconds, max_concurrency=1000) == 50
