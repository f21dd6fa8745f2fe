"""Estimates the engine's time for a video on many workers: measures the work of one worker, and simulates many.

    make .venv/ready .venv-aws/ready .venv-sam/ready .venv-peers/ready
    .venv/bin/python -m bench.fan_out [--minutes 2] [--repeats 3]

A worker is a process on one core, like a Lambda function with 1,769 MB. It runs the `infer_segment` that `sam build`
built, in an interpreter that can import only what Lambda has. A worker's times are its CPU time, so other processes on
this machine do not count. The benchmark measures:

- a worker's start, until its model is loaded;
- segments of a 1080p30 video, which are cut as the engine cuts them;
- the whole video on two workers at the same time, to check the simulation;
- the start of the functions that fetch, plan and merge, and how long an hour's steps take on one core, over TLS, where
  each request takes 30 ms (`bench/job_steps.py`).

A video is fetched by S3, which copies it within a region, or by a function (`bench.fetch`). Function and S3 are then
limited by the network. `fetch_video` calls the next steps, so that they start while it stores the video, and the
workers, if they are not too many, so that they start while it is planned (`videoengine/warming.py`). Lambda is assumed
to give each call a worker, and each worker a segment later.

What else can't be measured on this machine is in `Assumptions`. The efficiency of N workers is one worker's time
divided by N times their time. In the simulation, a single worker has the same start, invocations and stragglers as
many.
"""

import argparse
import heapq
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from cfnlint.decode import cfn_yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.cold_import import BuiltFunction, find_functions, link_boto3
from bench.engine import make_package
from bench.job_steps import (
    begin_segment,
    call_steps,
    call_workers,
    make_job,
    measure_start,
    merge_results,
    plan_job,
    store_parts,
    store_video,
)
from bench.loopback_aws import BYTES_PER_SECOND, LoopbackAws, run_loopback_aws
from bench.memory import repeat_video
from bench.moving_pictures import write_video
from bench.sending import VCPU_MEGABYTES
from videoengine.mp4_boxes import VideoTrack
from videoengine.segments import Segment, cut_segments, order_by_work, select_frames
from videoengine.shares import Effort
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video
from videoengine.warming import MIN_FETCHED_BYTES, estimate_workers
from videoinfer.local.builds import ENGINE, build
from videoinfer.local.embedded_aws import REGION, embedded_aws
from videoinfer.repository import ROOT

WIDTH, HEIGHT, RATE, GOP_SIZE = 1920, 1080, 30, 250
INFER_FPS = Fraction(5)
EFFORT = Effort.estimate(WIDTH * HEIGHT, models=1)
WORKERS = (1, 10, 100, 1000)
HOUR_SECONDS = 3600
TRACK = VideoTrack(HOUR_SECONDS, HOUR_SECONDS * RATE, WIDTH * HEIGHT)
SIMULATIONS = 20
STATES = 10
"""States of a job besides its map."""
FETCH_REQUESTS = 6
"""Of `fetch_video`, one after the other, besides the copies: its job, the URL, the upload's start and end, the record,
and the video's size."""

CONNECTING_SECONDS = 0.03
"""CPU time of a worker's first connections to S3, until its model is loaded (`bench/job_steps.py` counts those of other
steps)."""
WORKER = Path(__file__).with_name("fan_out_worker.py")


@dataclass(frozen=True)
class Assumptions:
    """Lambda's, S3's and Step Functions' figures, which can't be measured on this machine.

    Attributes:
        sandbox_seconds: Until a new sandbox runs the function, which has 250 MB unpacked.
        invocation_seconds: A segment's states in the state machine.
        request_seconds: Until S3 answers.
        kept_seconds: How long Lambda keeps a function that is not used. AWS documents none.
        starts_per_second: The rate at which the distributed map starts segments.
        bytes_per_second: The download rate from S3, for the model and the video. A function that fetches a video
            receives at the same rate. AWS documents neither.
        copied_per_second: The rate at which S3 copies a video in parts, in bytes. AWS documents none.
        state_seconds: A state of the job itself, in addition to its function.
        map_seconds: Until the distributed map starts its first child, and after its last one.
        straggling_share: The share of segments that take `straggling_factor` times as long.
        speed_deviation: The relative standard deviation of the workers' speeds.
    """

    sandbox_seconds: float = 0.5
    invocation_seconds: float = 0.1
    request_seconds: float = 0.03
    starts_per_second: float = 500.0
    bytes_per_second: float = BYTES_PER_SECOND
    straggling_share: float = 0.01
    straggling_factor: float = 2.0
    speed_deviation: float = 0.05
    copied_per_second: float = 500e6
    state_seconds: float = 0.05
    map_seconds: float = 1.0
    kept_seconds: float = 300.0


NOTHING_ELSE = Assumptions(0.0, 0.0, 0.0, math.inf, math.inf, 0.0, 1.0, 0.0)
"""The figures of two processes on this machine."""


@dataclass(frozen=True)
class Costs:
    """The CPU time of parts of the work, in seconds.

    Attributes:
        start: A worker's start, until its model is loaded.
        segment: A segment, in addition to its frames.
        decode: Decoding one frame.
        infer: Inferring one frame.
    """

    start: float
    segment: float
    decode: float
    infer: float

    def add_up(self, segment: Segment, timeline: Timeline) -> float:
        """The CPU time of a segment in seconds."""
        return float(describe_work(segment, timeline) @ [self.segment, self.decode, self.infer])


def describe_work(segment: Segment, timeline: Timeline) -> NDArray[np.float64]:
    """The number of segments (1), of frames to decode, and of frames to infer."""
    first = timeline.timestamps.index(segment.frames[0].keyframe)
    return np.array([1, segment.frames[-1].frame_offset - first + 1, len(segment.frames)], dtype=float)


class Worker:
    """A process on one core that infers segments."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait_until_ready(self) -> float:
        """Waits for the worker's answer. Returns its CPU time in seconds since it started."""
        assert self._process.stdout  # noqa: S101 - mypy
        return float(self._process.stdout.readline())

    def infer(self, segment: Segment) -> float:
        """Infers a segment. Returns the worker's CPU time in seconds since it started."""
        assert self._process.stdin  # noqa: S101 - mypy
        print(json.dumps(segment.to_json()), file=self._process.stdin, flush=True)
        return self.wait_until_ready()


@dataclass(frozen=True)
class Workplace:
    """The arguments for starting workers.

    Attributes:
        import_path: The folders of the function, of its layers, and of Lambda's boto3.
    """

    package: Path
    video: Path
    import_path: Sequence[Path]


@contextmanager
def start_worker(core: int, place: Workplace) -> Iterator[Worker]:
    """Starts a worker, and stops it at the end of the block."""
    arguments = map(str, (WORKER, core, place.package, place.video, *place.import_path))
    command = [sys.executable, "-I", "-S", "-B", *arguments]
    environment = {"AWS_DEFAULT_REGION": REGION}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Worker(process)


def find_engine_functions() -> dict[str, BuiltFunction]:
    """The engine's functions by logical ID. Builds the engine if needed."""
    with embedded_aws() as aws:
        build([ENGINE], aws)
    return {function.name: function for function in find_functions(ENGINE, ENGINE.folder / "build")}


def measure_costs(place: Workplace, repeats: int) -> Costs:
    """Starts a worker `repeats` times. Each infers segments of several lengths, sampled densely and sparsely."""
    timeline = read_timeline_of(place.video)
    segments = [
        segment
        for infer_fps in (INFER_FPS, INFER_FPS / 5)
        for workers in (4, 20)
        for segment in cut_segments(select_frames(timeline, infer_fps), timeline, EFFORT, workers)[:4]
    ]
    starts, seconds = [], []
    for _ in range(repeats):
        with start_worker(0, place) as worker:
            clocks = [worker.wait_until_ready(), *(worker.infer(segment) for segment in segments)]
        starts.append(clocks[0])
        seconds.append(np.diff(clocks))
    work = np.array([describe_work(segment, timeline) for segment in segments])
    fitted, *_ = np.linalg.lstsq(work, np.median(seconds, axis=0), rcond=None)
    return Costs(median(starts), *map(float, fitted))


def read_timeline_of(video: Path) -> Timeline:
    with open_video(str(video)) as container:
        return read_timeline(container)


def measure_two_workers(place: Workplace, segments: Sequence[Segment]) -> float:
    """The CPU time in seconds of the busier of two workers. A free worker infers the next segment."""
    queue = SimpleQueue[Segment]()
    for segment in segments:
        queue.put(segment)

    def work(worker: Worker) -> float:
        clock = worker.wait_until_ready()
        with suppress(Empty):
            while True:
                clock = worker.infer(queue.get_nowait())
        return clock

    with ExitStack() as stack:
        workers = [stack.enter_context(start_worker(core, place)) for core in range(2)]
        with ThreadPoolExecutor(2) as threads:
            return max(threads.map(work, workers))


def simulate(seconds: Sequence[float], workers: int, start: float, assumed: Assumptions, seed: int) -> float:
    """The seconds until the last segment is done. A free worker takes the next segment.

    Args:
        seconds: The seconds of each segment.
        start: The seconds until a worker's model is loaded; 0 if it is warm.
    """
    dice = random.Random(seed)  # noqa: S311 - a simulation
    ready = []
    for number in range(min(workers, len(seconds))):
        began = number / assumed.starts_per_second + start
        ready.append((began, max(dice.gauss(1, assumed.speed_deviation), 0.5)))
    heapq.heapify(ready)
    ends = []
    for work in seconds:
        free, slowness = heapq.heappop(ready)
        factor = assumed.straggling_factor if dice.random() < assumed.straggling_share else 1.0
        end = free + assumed.invocation_seconds + work * slowness * factor
        heapq.heappush(ready, (end, slowness))
        ends.append(end)
    return max(ends)


@dataclass(frozen=True)
class Hour:
    """The hour of video, and the seconds of the steps that a job runs once for it.

    Attributes:
        starts: Until a step's function is imported and has a client of S3, by the function's name.
        calling: Calling the next steps.
        beginning: Of a segment, until its first frame, and writing its results.
        warming: Reading the index, and calling the workers, by number of workers.
        planning, merging: By number of workers.
    """

    timeline: Timeline
    video_bytes: int
    model_bytes: int
    starts: Mapping[str, float]
    calling: float
    beginning: float
    warming: Mapping[int, float]
    planning: Mapping[int, float]
    merging: Mapping[int, float]


def make_hour() -> Timeline:
    timestamps = tuple(range(HOUR_SECONDS * RATE))
    return Timeline(timestamps, timestamps[::GOP_SIZE], Fraction(1, RATE), Fraction(RATE))


def cut_hour(timeline: Timeline, workers: int) -> list[Segment]:
    return cut_segments(select_frames(timeline, INFER_FPS), timeline, EFFORT, workers)


def measure_hour(place: Workplace, functions: Mapping[str, BuiltFunction], video: Path, repeats: int) -> Hour:
    """Measures the steps around the map.

    Args:
        video: An hour long.
    """
    timeline, template, job, starts, shares = make_hour(), cfn_yaml.load(str(ENGINE.template)), "hour", {}, {}
    for name in ("FetchVideo", "PlanJob", "InferSegment", "MergeResults"):
        memory = template["Resources"][f"{name}Function"]["Properties"]["MemorySize"]
        shares[name] = min(memory / VCPU_MEGABYTES, 1.0)
        starts[name] = measure_start(functions[f"{name}Function"], place.import_path[-1], repeats) / shares[name]

    with run_loopback_aws(round(1000 * Assumptions().request_seconds)) as aws:

        def measure(name: str, step: Callable[..., Callable[[], object]], *arguments: Any) -> float:
            return median(aws.run(step, *arguments).estimate(shares[name]) for _ in range(repeats))

        store_video(aws, job, video)
        segments = cut_hour(read_timeline_of(video), WORKERS[-1])
        segment = segments[len(segments) // 2].to_json()
        size = video.stat().st_size
        return Hour(
            timeline,
            size,
            (place.package / "weights.onnx").stat().st_size,
            starts,
            measure("FetchVideo", call_steps, job),
            measure("InferSegment", begin_segment, job, segment),
            {workers: measure("FetchVideo", call_workers, job, size, workers) for workers in WORKERS},
            {workers: measure("PlanJob", plan_job, job, workers) for workers in WORKERS},
            {
                workers: measure("MergeResults", merge_results, *store_hour_parts(aws, timeline, workers))
                for workers in WORKERS
            },
        )


def store_hour_parts(aws: LoopbackAws, timeline: Timeline, workers: int) -> tuple[str, int]:
    """Stores the results of a job's segments. Returns the job's id, and their number."""
    segments, job_id = len(cut_hour(timeline, workers)), f"for-{workers}"
    store_parts(aws, job_id, segments, int(HOUR_SECONDS * INFER_FPS))
    return job_id, segments


def simulate_hour(costs: Costs, hour: Hour) -> Iterator[Table]:
    """The tables of inferring alone, and of the whole job step by step: a row for each number of workers."""
    assumed = Assumptions()
    # The time to open a video is also in the cost of a segment, but there the video is shorter, and a file.
    inferred = replace(assumed, invocation_seconds=assumed.invocation_seconds + hour.beginning)
    cold_start = (
        costs.start + CONNECTING_SECONDS + assumed.sandbox_seconds + hour.model_bytes / assumed.bytes_per_second
    )
    inferring = Table("workers", "segments", "cold s", "efficiency", "warm s", "efficiency", title="Inferring an hour")
    headings = ("workers", "functions", "copy s", "or download s", "plan s", "infer s", "merge s")
    whole = Table(*headings, "job, copied s", "downloaded s", title="The job")
    alone: dict[bool, float] = {}
    for workers in WORKERS:
        segments = cut_hour(hour.timeline, workers)
        # A worker downloads the video while it decodes what it has.
        download = hour.video_bytes / len(segments) / assumed.bytes_per_second
        order = order_by_work(segments, hour.timeline, EFFORT)
        seconds = [max(costs.add_up(segments[number], hour.timeline), download) for number in order]
        row = list[str]()
        called = estimate_workers(make_job("hour"), TRACK, workers)
        for cold in (True, False):
            # A segment that comes before its worker is warm starts another one. If too few were called, count none.
            is_warm = not cold or (cold_start <= hour.planning[workers] and called >= min(workers, len(segments)))
            start = 0.0 if is_warm else cold_start
            took = median(simulate(seconds, workers, start, inferred, seed) for seed in range(SIMULATIONS))
            alone.setdefault(cold, took)
            row += [f"{took:,.1f}", f"{alone[cold] / took / workers:.2f}"]
            whole.add_row(f"{workers:,}", "cold" if cold else "warm", *add_up_job(hour, workers, took, cold=cold))
        inferring.add_row(f"{workers:,}", f"{len(segments):,}", *row)
    yield inferring
    yield whole


def add_up_job(hour: Hour, workers: int, inferring: float, *, cold: bool) -> list[str]:
    """The seconds of each step and their sum, with a copied and a downloaded video."""
    assumed = Assumptions()
    starts = {name: assumed.sandbox_seconds + seconds if cold else 0.0 for name, seconds in hour.starts.items()}
    copy = hour.video_bytes / assumed.copied_per_second
    download = hour.video_bytes / assumed.bytes_per_second
    if hour.video_bytes >= MIN_FETCHED_BYTES and copy >= max(starts.values()) + hour.calling:
        starts["PlanJob"] = 0.0
        starts["MergeResults"] *= inferring > assumed.kept_seconds
    # The next steps are called while the video is stored, but the time for that is added.
    fetching = starts["FetchVideo"] + FETCH_REQUESTS * assumed.request_seconds + hour.calling + hour.warming[workers]
    planning = starts["PlanJob"] + hour.planning[workers]
    mapping = inferring + assumed.map_seconds
    merging = starts["MergeResults"] + hour.merging[workers]
    rest = planning + mapping + merging + STATES * assumed.state_seconds
    return [
        f"{fetching + copy:.1f}",
        f"{fetching + download:.1f}",
        f"{planning:.1f}",
        f"{mapping:,.1f}",
        f"{merging:.1f}",
        f"{fetching + copy + rest:,.1f}",
        f"{fetching + download + rest:,.1f}",
    ]


def main() -> None:
    """Measures, checks the simulation against two real workers, and simulates an hour."""
    parser = argparse.ArgumentParser(description="Measures one worker, and simulates many.")
    parser.add_argument(
        "--peers", type=Path, default=ROOT / ".venv-peers/bin/python", help="the Python that exports the model"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".build/bench", help="the folder for videos and model")
    parser.add_argument("--minutes", type=int, default=2, help="length of the measured video")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    console = Console(width=140)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    package = make_package(arguments.folder, arguments.peers)
    minute, video = arguments.folder / "minute.mp4", arguments.folder / f"{arguments.minutes}-minutes.mp4"
    with console.status("Making a video"):
        if not minute.exists():
            write_video(minute, WIDTH, HEIGHT, RATE, GOP_SIZE, seconds=60)
        repeat_video(minute, video, arguments.minutes)
    with console.status("Building the engine"):
        functions = find_engine_functions()
    timeline = read_timeline_of(video)
    segments = cut_segments(select_frames(timeline, INFER_FPS), timeline, EFFORT, max_concurrency=2)
    with TemporaryDirectory() as folder:
        boto3_folder = link_boto3(Path(folder))
        place = Workplace(package, video, [*functions["InferSegmentFunction"].import_path, boto3_folder])
        with console.status("Measuring segments"):
            costs = measure_costs(place, arguments.repeats)
        with console.status("Measuring two workers"):
            found = median(measure_two_workers(place, segments) for _ in range(arguments.repeats))
        with console.status("Measuring the other steps"):
            repeat_video(minute, long := arguments.folder / "60-minutes.mp4", 60)
            hour = measure_hour(place, functions, long, arguments.repeats)
    console.print(
        f"A worker starts in {costs.start:.2f} s. A segment takes {1000 * costs.segment:.0f} ms, "
        f"decoding a frame {1000 * costs.decode:.2f} ms, inferring a frame {1000 * costs.infer:.1f} ms."
    )
    expected = simulate([costs.add_up(segment, timeline) for segment in segments], 2, costs.start, NOTHING_ELSE, 0)
    console.print(
        f"The busier of two workers took {found:.1f} s for {arguments.minutes} minutes in {len(segments)} segments; "
        f"the simulation gives {expected:.1f} s ({expected / found - 1:+.0%})."
    )
    for name, seconds in hour.starts.items():
        console.print(f"{name} starts in {seconds:.2f} s.")
    for step, seconds in {
        "Calling the next steps": hour.calling,
        "Calling 100 workers": hour.warming[100],
        f"Planning for {WORKERS[-1]:,} workers": hour.planning[WORKERS[-1]],
        "Beginning a segment": hour.beginning,
        "Merging their results": hour.merging[WORKERS[-1]],
    }.items():
        console.print(f"{step} takes {seconds:.2f} s.")
    console.print(f"An hour of this 1080p30 at 5 fps, {hour.video_bytes / 1e9:.1f} GB, copied by S3 or downloaded:")
    for table in simulate_hour(costs, hour):
        console.print(table)


if __name__ == "__main__":
    main()
