"""Jobs from request to results, step by step as the state machine runs them."""

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tests.stand_ins.engine import API_KEY, MODEL, MODEL_ID, VIDEOS_BUCKET, EngineInProcess
from tests.stand_ins.internet import Internet, answer_with
from tests.stand_ins.model_files import make_package
from tests.stand_ins.state_machine import ExecutionFailed
from tests.stand_ins.videos import VideoSpec, make_video, put_index_first
from tests.templates import read_definition
from videoengine import segments, shares
from videoengine.detector import Detector
from videoengine.jobs import Job, JobsTable, JobStatus
from videoengine.object_keys import offsets_key, part_key, results_key
from videoengine.s3_file import S3Object


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MIN_SEGMENT_SECONDS", 0.24)


def confidences(results: dict[str, Any], model_id: str = MODEL_ID) -> list[float | None]:
    """The confidence of each frame's first prediction, which is the picture's mean brightness."""
    return [
        element["predictions"][0]["confidence"] if element and element["predictions"] else None
        for element in results[model_id]
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("small_segments")
def test_segments_are_merged_in_order(engine: EngineInProcess) -> None:
    job_id = engine.create_job(
        engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12, models=[with_confidence(0.0)]
    )
    engine.run_job(job_id)
    results = engine.read_results(job_id)
    assert engine.find_job(job_id).status is JobStatus.DONE
    assert results["frame_offset"] == list(range(0, 60, 2))
    assert results["time_offset"] == [round(frame / 24, 4) for frame in range(0, 60, 2)]
    found = confidences(results)
    assert None not in found
    assert np.diff(np.array(found, dtype=float)).min() > 0  # every frame is brighter than the one before
    parts = engine.s3.list_objects_v2(Bucket=VIDEOS_BUCKET, Prefix=f"jobs/{job_id}/parts/")
    assert parts["KeyCount"] == 5
    body = engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key=results_key(job_id))["Body"].read()
    assert body == json.dumps(results).encode()


@pytest.mark.usefixtures("small_segments")
def test_merging_reads_each_object_once(engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12)
    engine.run_job(job_id)
    read, read_object = list[str](), S3Object.__init__

    def count(self: S3Object, s3: Any, bucket: str, key: str) -> None:
        read.append(key)
        read_object(self, s3, bucket, key)

    monkeypatch.setattr(S3Object, "__init__", count)
    engine.invoke("merge_results", {"job": engine.find_job(job_id).spec.to_json(), "segments": list(range(5))})
    # The parts are requested side by side, in any order.
    assert sorted(read) == sorted([offsets_key(job_id), *(part_key(job_id, number, MODEL_ID) for number in range(5))])


def test_a_merge_that_dies_leaves_nothing_behind_and_is_retried(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    engine.run_job(job_id)
    engine.s3.delete_object(Bucket=VIDEOS_BUCKET, Key=results_key(job_id))
    lines = b"\n".join([b'"' + b"x" * 2**19 + b'"'] * 40)  # boto3 uploads more than 8 MiB in parts
    engine.s3.put_object(Bucket=VIDEOS_BUCKET, Key=part_key(job_id, 0, MODEL_ID), Body=lines)
    read, calls = S3Object.readinto, list[str]()
    engine.s3.meta.events.register("provide-client-params.s3.*", lambda model, **_: calls.append(model.name))

    def die(self: S3Object, buffer: Any) -> int:
        if "CreateMultipartUpload" in calls:
            raise ConnectionResetError
        return read(self, buffer)

    event = {"job": engine.find_job(job_id).spec.to_json(), "segments": [0]}
    with monkeypatch.context() as patch:
        patch.setattr(S3Object, "readinto", die)
        with pytest.raises(ConnectionResetError):
            engine.invoke("merge_results", event)
    assert "AbortMultipartUpload" in calls
    assert "Uploads" not in engine.s3.list_multipart_uploads(Bucket=VIDEOS_BUCKET)
    assert not engine.s3.list_objects_v2(Bucket=VIDEOS_BUCKET, Prefix=results_key(job_id))["KeyCount"]
    assert engine.invoke("merge_results", event)["outcome"] == "done"
    assert len(engine.read_results(job_id)[MODEL_ID]) == 40


@pytest.mark.slow
@pytest.mark.usefixtures("small_segments")
def test_only_the_segment_of_a_worker_that_dies_is_retried(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke, tries = EngineInProcess.invoke, Counter[int]()

    def die_once(self: EngineInProcess, function: str, event: Any) -> Any:
        if function == "infer_segment":
            tries[event["segment"]] += 1
            if tries[2] == 1 and event["segment"] == 2:
                raise MemoryError
        return invoke(self, function, event)

    monkeypatch.setattr(EngineInProcess, "invoke", die_once)
    job_id = engine.create_job(
        engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12, models=[with_confidence(0.0)]
    )
    engine.run_job(job_id)
    assert tries == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}
    assert engine.find_job(job_id).status is JobStatus.DONE
    assert engine.read_results(job_id)["frame_offset"] == list(range(0, 60, 2))


@pytest.mark.usefixtures("small_segments")
def test_long_segments_are_inferred_only_in_standard_executions(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "MAX_SEGMENT_SECONDS", 0.1)
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12)
    machine = engine.state_machine
    machine.run({"job_id": job_id})
    assert [machine.visits[name] for name in ("Leave Segment", "Infer Segment", "Record Progress")] == [5, 5, 5]
    assert engine.find_job(job_id).status is JobStatus.DONE
    assert engine.find_job(job_id).progress == 100


@pytest.mark.parametrize(
    ("infer_seconds", "parts", "left"), [(None, 1, 0), (0.04, 1, 0), (1.0, 10, 0), (100.0, 20, 20)]
)
def test_a_job_with_a_large_model_has_more_segments(
    infer_seconds: float | None, parts: int, left: int, engine: EngineInProcess
) -> None:
    """A job that began before an update of the engine has no estimate."""
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=40))), infer_fps=12)
    assert engine.find_job(job_id).spec.infer_seconds == 0.04
    change: dict[str, Any] = {"infer_seconds": {"Action": "DELETE"}}
    if infer_seconds:
        change = {"infer_seconds": {"Action": "PUT", "Value": {"N": str(infer_seconds)}}}
    engine.dynamodb.update_item(TableName="jobs", Key={"job_id": {"S": job_id}}, AttributeUpdates=change)
    machine = engine.state_machine
    machine.run({"job_id": job_id})
    assert [machine.visits[name] for name in ("Infer Segment", "Leave Segment")] == [parts, left]
    assert engine.find_job(job_id).status is JobStatus.DONE


@pytest.mark.parametrize("before", ["Plan Job", "Infer Segments"])
def test_an_upload_that_is_replaced_while_its_job_runs_fails_it(before: str, engine: EngineInProcess) -> None:
    """Planned from one video and inferred from the other, it would be done with results of neither."""
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    machine, state = engine.state_machine, {"job_id": job_id}
    following: str | None = "Fetch Video"
    while following != before:
        assert following
        state, following = machine.run_state(following, state)
    engine.s3.put_object(
        Bucket=VIDEOS_BUCKET, Key=engine.find_job(job_id).video_key, Body=make_video(VideoSpec(frames=48))
    )
    with suppress(ExecutionFailed):
        while following:
            state, following = machine.run_state(following, state)
    assert ask(engine, job_id)["error"] == "The video was replaced while its job was running; create another job"


@pytest.mark.usefixtures("small_segments")
def test_a_segment_that_fails_after_the_job_is_done_changes_nothing(engine: EngineInProcess) -> None:
    """An Express execution may run again at any time."""
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12)
    engine.run_job(job_id)
    item = {"job_id": job_id, "segment": 0, "inference": {"answer": {"reason": "It is too late", "cost_usd": "1"}}}
    for map_state in ("Infer Segments", "Infer Remaining Segments"):
        processor = read_definition("engine")["States"][map_state]["ItemProcessor"]
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            engine.state_machine.run_state("Record Reason", item, processor)
    assert engine.find_job(job_id).status is JobStatus.DONE
    assert engine.find_job(job_id).error is None


@pytest.fixture
def step_costs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Each invocation of a step that answers, and the cost that it answers."""
    invoke, costs = EngineInProcess.invoke, list[tuple[str, float]]()

    def watch(self: EngineInProcess, function: str, event: Any) -> Any:
        answer = invoke(self, function, event)
        if function != "serve_api":
            costs.append((function, float(answer["cost_usd"])))
        return answer

    monkeypatch.setattr(EngineInProcess, "invoke", watch)
    return costs


@pytest.mark.usefixtures("small_segments")
def test_a_job_costs_what_its_steps_cost(engine: EngineInProcess, step_costs: list[tuple[str, float]]) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12)
    assert "cost_usd" not in ask(engine, job_id)
    engine.run_job(job_id)
    # The answer of plan_job has the cost of fetch_video in it.
    expected = sum(cost for function, cost in step_costs if function != "fetch_video")
    assert Counter(function for function, _ in step_costs)["infer_segment"] == 5
    assert engine.find_job(job_id).cost_usd == pytest.approx(expected)
    assert ask(engine, job_id)["cost_usd"] == pytest.approx(expected, abs=1e-6)
    costs = dict(step_costs)
    assert costs["plan_job"] > costs["fetch_video"] > 0


@pytest.mark.usefixtures("small_segments")
def test_a_segment_that_is_inferred_twice_counts_once_and_costs_twice(
    engine: EngineInProcess, step_costs: list[tuple[str, float]]
) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12)
    engine.run_job(job_id)
    once = engine.find_job(job_id)
    item = {"job_id": job_id, "segment": 0, "inference": {"answer": {"cost_usd": "0.250000000"}}}
    processor = read_definition("engine")["States"]["Infer Segments"]["ItemProcessor"]
    engine.state_machine.run_state("Record Progress", item, processor)
    twice = engine.find_job(job_id)
    assert twice.progress == once.progress == 100
    assert twice.cost_usd == pytest.approx((once.cost_usd or 0) + 0.25)


@pytest.mark.parametrize("content", [b"hello, this is text" * 99, b""], ids=["not planned", "not fetched"])
def test_a_failed_job_costs_what_its_steps_cost(
    content: bytes, engine: EngineInProcess, step_costs: list[tuple[str, float]]
) -> None:
    job_id = engine.create_job(engine.upload_video(content))
    engine.run_job(job_id)
    answer = ask(engine, job_id)
    assert (answer["status"], answer["cost_usd"]) == (2, pytest.approx(step_costs[-1][1], abs=1e-6))


def test_a_job_whose_planning_dies_costs_what_fetching_cost(
    engine: EngineInProcess, step_costs: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    invoke = EngineInProcess.invoke

    def die(self: EngineInProcess, function: str, event: Any) -> Any:
        if function == "plan_job":
            raise MemoryError
        return invoke(self, function, event)

    monkeypatch.setattr(EngineInProcess, "invoke", die)
    engine.run_job(job_id)
    [(function, cost)] = step_costs
    assert function == "fetch_video"
    assert engine.find_job(job_id).cost_usd == pytest.approx(cost)


def ask(engine: EngineInProcess, job_id: str) -> dict[str, Any]:
    """Asks the API for a job's state."""
    _, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    return answer


def with_confidence(confidence: float, **changes: Any) -> dict[str, Any]:
    return {**MODEL, "inference_params": {"confidence": confidence}, **changes}


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize(("parameters", "default"), [({"still_frames": "reuse"}, "infer"), ({}, "reuse")])
def test_still_frames_repeat_predictions_of_their_segment(
    parameters: dict[str, str], default: str, engine: EngineInProcess
) -> None:
    """A sampled frame is brighter than the one before by 4 levels, so every second one differs visibly."""
    reusing = replace(engine, environment={**engine.environment, "STILL_FRAMES": default})
    models = [{**MODEL, "inference_params": {"confidence": 0.0, **parameters}}]
    job_id = reusing.create_job(engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12, models=models)
    reusing.run_job(job_id)
    results = engine.read_results(job_id)
    elements = dict(zip(results["frame_offset"], results[MODEL_ID], strict=True))
    repeated = {offset: element for offset, element in elements.items() if "repeated_from" in element}
    assert 10 <= len(repeated) <= 15
    for offset, element in repeated.items():
        inferred = elements[element["repeated_from"]]
        assert element["predictions"] == inferred["predictions"]
        assert element["image"] == inferred["image"]
        assert offset - element["repeated_from"] == 2


def test_a_retried_segment_repeats_the_same_frames(engine: EngineInProcess) -> None:
    models = [{**MODEL, "inference_params": {"confidence": 0.0, "still_frames": "reuse"}}]
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())), infer_fps=12, models=models)
    engine.run_job(job_id)
    job = engine.fetch_video(job_id)
    once, again = (_infer_first_segment(engine, job) for _ in range(2))
    assert once == again
    assert once[0]["repeated_from"] is None
    assert [element["repeated_from"] for element in once].count(None) < len(once)


def _infer_first_segment(engine: EngineInProcess, job: dict[str, Any]) -> list[dict[str, Any]]:
    engine.invoke("infer_segment", {"job": job, "segment": 0, "execution": "EXPRESS"})
    part = engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key=part_key(job["job_id"], 0, MODEL_ID))["Body"].read()
    return [{"repeated_from": None, **json.loads(line), "time": None} for line in part.splitlines()]


def test_each_model_has_its_own_list_and_parameters(engine: EngineInProcess) -> None:
    engine.put_model(make_package(color_mode="bgr"), model_id="other")
    job_id = engine.create_job(
        engine.upload_video(make_video(VideoSpec())),
        models=[with_confidence(0.0), with_confidence(0.99, model_id="other")],
    )
    engine.run_job(job_id)
    results = engine.read_results(job_id)
    assert list(results) == ["frame_offset", "time_offset", MODEL_ID, "other"]
    assert None not in confidences(results)
    assert set(confidences(results, "other")) == {None}


def test_a_frame_that_a_model_fails_on_is_null(engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Detector.start
    calls = iter(range(100))

    def fail_once(*arguments: Any) -> Any:
        if next(calls) == 1:
            raise RuntimeError("no memory")
        return start(*arguments)

    monkeypatch.setattr(Detector, "start", fail_once)
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    engine.run_job(job_id)
    elements = engine.read_results(job_id)[MODEL_ID]
    assert [element is None for element in elements] == [False, True] + [False] * (len(elements) - 2)


def test_a_video_is_fetched_once_and_its_url_deleted(engine: EngineInProcess, internet: Internet) -> None:
    internet.answers.append(answer_with(make_video(VideoSpec("matroska"))))
    job_id = engine.create_job("https://videos.example.com/a.mkv?signature=secret")
    engine.run_job(job_id)
    engine.fetch_video(job_id)
    job = engine.find_job(job_id)
    assert (job.status, job.input_url) == (JobStatus.DONE, None)
    [connection] = internet.connections
    assert (connection.host_header, connection.target) == ("videos.example.com", "/a.mkv?signature=secret")


@pytest.mark.parametrize(("allowed_ranges", "status"), [("", JobStatus.FAILED), ("10.0.0.0/8", JobStatus.DONE)])
def test_a_private_address_is_fetched_from_if_the_stack_allows_it(
    allowed_ranges: str, status: JobStatus, engine: EngineInProcess, internet: Internet
) -> None:
    internet.answers.append(answer_with(make_video(VideoSpec())))
    allowing = replace(engine, environment={**engine.environment, "ALLOWED_RANGES": allowed_ranges})
    job_id = allowing.create_job("http://10.0.0.1:8000/a.mp4")
    allowing.run_job(job_id)
    assert engine.find_job(job_id).status is status
    assert len(internet.answers) == (status is JobStatus.FAILED)


def test_the_state_machine_gets_only_the_job_s_id(engine: EngineInProcess) -> None:
    job_id = engine.create_job("https://videos.example.com/a.mkv?signature=secret")
    machine = engine.environment["STATE_MACHINE_ARN"]
    [execution] = engine.stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    described = engine.stepfunctions.describe_execution(executionArn=execution["executionArn"])
    assert execution["name"].startswith(job_id)
    assert json.loads(described["input"]) == {"job_id": job_id}


@pytest.mark.parametrize(
    ("content", "infer_fps", "reason"),
    [
        (b"hello, this is text" * 99, 5, "not an MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS video"),
        (b"", 5, "The video is an empty file"),
        (None, 5, "There is no video at input_url"),
        (make_video(VideoSpec(frames=24)), 25, "infer_fps 25 is above the video's frame rate of 24"),
    ],
    ids=["text", "empty", "not uploaded", "too many samples"],
)
def test_the_record_says_what_is_wrong_with_a_video(
    content: bytes | None, infer_fps: int, reason: str, engine: EngineInProcess
) -> None:
    url = engine.upload_video(content or b"")
    if content is None:
        [upload] = engine.s3.list_objects_v2(Bucket=VIDEOS_BUCKET)["Contents"]
        engine.s3.delete_object(Bucket=VIDEOS_BUCKET, Key=upload["Key"])
    job_id = engine.create_job(url, infer_fps)
    engine.run_job(job_id)
    status, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    assert (status, answer["status"]) == (200, 2)
    assert reason in answer["error"]


def test_a_model_that_cannot_be_run_fails_and_ends_the_job(engine: EngineInProcess) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    engine.put_model({"weights.onnx": b"no network"})
    engine.run_job(job_id)
    assert engine.find_job(job_id).status is JobStatus.FAILED
    error = engine.find_job(job_id).error
    assert error
    assert error.startswith(f"Model {MODEL_ID}/4 can't be run: weights.onnx can't be compiled")


@pytest.mark.slow
def test_a_changed_package_is_run_in_its_new_version(engine: EngineInProcess) -> None:
    names = set()
    for content in (b"Paper\nRock", b"Plane\nRocket"):
        engine.put_model({"class_names.txt": content})
        job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())), models=[with_confidence(0.0)])
        engine.run_job(job_id)
        names.add(engine.read_results(job_id)[MODEL_ID][0]["predictions"][0]["class"])
    assert names == {"Paper", "Plane"}


def test_a_job_whose_execution_was_stopped_fails_at_its_deadline(engine: EngineInProcess) -> None:
    job_id = engine.create_job("https://videos.example.com/a.mkv")
    assert ask(make_late(engine), job_id) == {"status": 2, "error": "The job did not finish within -2 hours"}
    assert engine.find_job(job_id).input_url is None


def test_a_job_that_was_shown_as_failed_is_never_done(engine: EngineInProcess) -> None:
    """Its execution was stopped, the API said that it had failed, and then someone redrove the execution."""
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    told = ask(make_late(engine), job_id)
    engine.run_job(job_id)
    assert ask(engine, job_id) == {**told, "cost_usd": ANY}
    assert told["status"] == 2


def test_a_job_that_is_done_at_its_deadline_is_shown_as_done(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API read the record before the state machine's last write to it."""
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    fail = JobsTable.fail

    def finish_first(self: JobsTable, job_id: str, error: str) -> Job | None:
        engine.run_job(job_id)
        return fail(self, job_id, error)

    monkeypatch.setattr(JobsTable, "fail", finish_first)
    assert ask(make_late(engine), job_id)["status"] == 0


def make_late(engine: EngineInProcess) -> EngineInProcess:
    """Returns the engine as it is two hours after a job's deadline."""
    return replace(engine, environment={**engine.environment, "DEADLINE_SECONDS": "-7200"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_FRAME_PIXELS", "3000", "frames of 64 x 48 are larger than this engine's limit of 3000 pixels"),
        (
            "MAX_SAMPLED_FRAMES",
            "9",
            "10 sampled frames are more than this engine's limit of 9; use an infer_fps of 4.08 or less",
        ),
        ("MAX_SAMPLED_FRAMES", "2", "more than this engine's limit of 2; cut it into shorter videos"),
        ("MAX_VIDEO_HOURS", "0.0001", "hours are more than this engine's limit of 0.0001"),
        ("MAX_VIDEO_GIGABYTES", "0.000001", "larger than this engine's limit of 9.993e-07 GiB"),
    ],
)
def test_a_video_over_a_limit_fails_the_job(limit: str, value: str, reason: str, engine: EngineInProcess) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=48))))
    limited = replace(engine, environment={**engine.environment, limit: value})
    limited.run_job(job_id)
    assert reason in str(engine.find_job(job_id).error)


def test_a_clock_jump_is_noted_and_not_inferred(engine: EngineInProcess) -> None:
    month = 30 * 86_400_000
    times = [*range(0, 1000, 40), *range(month, month + 1000, 40)]
    video = make_video(VideoSpec("matroska", frames=50, timestamps=times))
    job_id = engine.create_job(engine.upload_video(video), infer_fps=5)
    engine.run_job(job_id)
    status, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    assert (status, answer["status"]) == (200, 0)
    assert answer["note"] == "The clock of the video jumps by 720 h after 0.96 s"
    offsets = engine.read_results(job_id)["time_offset"]
    assert offsets == [0.0, 0.2, 0.4, 0.6, 0.8, 0.96, *(month / 1000 + 0.2 * number for number in range(5))]


def test_frames_without_times_of_their_own_are_noted(engine: EngineInProcess) -> None:
    video = bytearray(make_video(VideoSpec(frames=120)))
    scale = video.index(b"mdhd") + 16
    video[scale : scale + 4] = (10_000_000).to_bytes(4)
    job_id = engine.create_job(engine.upload_video(bytes(video)), infer_fps=5)
    engine.run_job(job_id)
    _, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    assert answer["status"] == 0
    assert answer["note"] == "The timeline of the video shows its 120 frames within 0.0061 s"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "max_failed_share", "missing"), [(0.5, "0.5", 63), (0.5, "0.9", 63), (0.95, "0.5", 6)]
)
def test_a_truncated_upload_gets_a_note_or_fails(
    share: float, max_failed_share: str, missing: int, engine: EngineInProcess
) -> None:
    video = put_index_first(make_video(VideoSpec(frames=100, texture=True)))
    job_id = engine.create_job(engine.upload_video(video[: int(share * len(video))]), infer_fps=5)
    replace(engine, environment={**engine.environment, "MAX_FAILED_SHARE": max_failed_share}).run_job(job_id)
    _, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    said = f"The file is cut off: its index names 100 frames, and {missing} of them are not in the file"
    if missing / 100 > float(max_failed_share):
        assert answer["error"] == f"{said}. Upload it again"
    else:
        assert (answer["status"], answer["note"]) == (0, said)


def test_a_done_job_has_the_time_at_which_a_player_shows_the_first_frame(engine: EngineInProcess) -> None:
    video = make_video(VideoSpec(timestamps=[2000 + 40 * index for index in range(25)], frames=25))
    job_id = engine.create_job(engine.upload_video(video), infer_fps=5)
    engine.run_job(job_id)
    _, answer = engine.request("GET", "/videoinfer", {"api_key": API_KEY, "job_id": job_id})
    assert answer["start_offset"] == 2.0
    assert engine.read_results(job_id)["time_offset"][:2] == [0.0, 0.2]


def test_the_frame_rate_that_a_limit_s_error_suggests_works(engine: EngineInProcess) -> None:
    limited = replace(engine, environment={**engine.environment, "MAX_SAMPLED_FRAMES": "9"})
    job_id = limited.create_job(limited.upload_video(make_video(VideoSpec(frames=48))), infer_fps=4.08)
    limited.run_job(job_id)
    assert len(limited.read_results(job_id)["frame_offset"]) <= 9


def ask_without_version(engine: EngineInProcess, **model: Any) -> tuple[int, dict[str, Any]]:
    models = [{**MODEL, "model_version": None, **model}]
    body = {"input_url": "https://videos.example.com/a.mp4", "infer_fps": 5, "models": models}
    return engine.request("POST", "/videoinfer", {"api_key": API_KEY}, body)


def test_a_null_version_is_the_only_version_of_the_model(engine: EngineInProcess) -> None:
    """The official client sends null for keypoint detection and classification models of `version(…).models()`."""
    status, answer = ask_without_version(engine)
    assert status == 200
    assert [model.package_name for model in engine.find_job(answer["job_id"]).models] == [f"{MODEL_ID}/4"]


def test_a_null_version_of_a_model_with_several_is_refused(engine: EngineInProcess) -> None:
    engine.put_model(make_package(), version="10")
    assert ask_without_version(engine) == (
        400,
        {"error": "models[0].model_version is null, but the model has 2 versions"},
    )


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ({"model_id": "unknown"}, 404),
        ({"model_id": None}, 400),
        ({"model_id": "../x"}, 400),
        ({"model_id": "x" * 200}, 400),
    ],
)
def test_a_null_version_of_no_model_is_refused(model: dict[str, Any], status: int, engine: EngineInProcess) -> None:
    answer = ask_without_version(engine, **model)
    assert answer[0] == status
    assert "not found" in answer[1]["error"] or "model_id" in answer[1]["error"]


@pytest.mark.parametrize(
    "models", [None, {}, [None], [[]], [{}], [{"model_version": None}], [{"model_version": None}] * 3]
)
def test_a_broken_list_of_models_without_versions_is_refused(models: Any, engine: EngineInProcess) -> None:
    body = {"input_url": "https://videos.example.com/a.mp4", "infer_fps": 5, "models": models}
    assert engine.request("POST", "/videoinfer", {"api_key": API_KEY}, body)[0] == 400


def test_a_job_may_not_run_more_models_than_the_stack_allows(engine: EngineInProcess) -> None:
    models = [{**MODEL, "model_id": name} for name in ("a", "b", "c")]
    body = {"input_url": "https://videos.example.com/a.mp4", "infer_fps": 5, "models": models}
    status, answer = engine.request("POST", "/videoinfer", {"api_key": API_KEY}, body)
    assert (status, answer) == (400, {"error": "models must be at most 2, not 3"})


@pytest.mark.usefixtures("small_segments")
def test_progress_is_the_fraction_of_inferred_segments(engine: EngineInProcess) -> None:
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec(frames=60))), infer_fps=12)
    query = {"api_key": API_KEY, "job_id": job_id}
    assert engine.request("GET", "/videoinfer", query)[1] == {"status": 1}
    machine, state = engine.state_machine, {"job_id": job_id}
    for name in ("Fetch Video", "Plan Job", "Record Segments"):
        state, _ = machine.run_state(name, state)
    seen = [engine.request("GET", "/videoinfer", query)[1]["progress"]]
    map_state = read_definition("engine")["States"]["Infer Segments"]
    for number in (0, 0, 1, 3):  # one of them runs twice, as an Express execution may
        item = {"job_id": job_id, "segment": number, "inference": {"answer": {"cost_usd": "0.25"}}}
        machine.run_state("Record Progress", item, map_state["ItemProcessor"])
        seen.append(engine.request("GET", "/videoinfer", query)[1]["progress"])
    assert seen == [0, 20, 20, 40, 60]


@pytest.mark.slow
@pytest.mark.parametrize(("max_failed_share", "status"), [("0.99", JobStatus.FAILED), ("1", JobStatus.DONE)])
def test_a_job_whose_results_are_null_fails(
    max_failed_share: str, status: JobStatus, engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detector, "start", None)
    job_id = engine.create_job(engine.upload_video(make_video(VideoSpec())))
    replace(engine, environment={**engine.environment, "MAX_FAILED_SHARE": max_failed_share}).run_job(job_id)
    job = engine.find_job(job_id)
    assert job.status is status
    assert (job.error is None) == (status is JobStatus.DONE)
