"""Estimates the engine's time for a video on many workers: measures the work of one worker, and simulates many.

    make .venv/ready .venv-aws/ready .venv-sam/ready .venv-peers/ready
    .venv/bin/python -m bench.fan_out [--minutes 2] [--repeats 3]

A worker is a process on one core, like a Lambda function with 1,769 MB. It runs the `infer_segment` that `sam build`
built, in an interpreter that can import only what Lambda has. Times are the worker's CPU time, so other processes on
this machine do not count. The benchmark measures:

- a worker's start, until its model is loaded;
- segments of a 1080p30 video, which are cut as the engine cuts them;
- the whole video on two workers at the same time, to check the simulation;
- the start of the functions that fetch, plan and merge, and their work (`bench/job_steps.py`).

A video is fetched by S3, which copies it within a region, or by a function (`bench.fetch`). Function and S3 are then
limited by the network.

`fetch_video` calls the next steps, so that they start while it stores the video, and the workers, if they are not too
many, so that they start while it is planned (`videoengine/warming.py`). Lambda is assumed to give each call a worker,
and each worker a segment later. What else
can't be measured on this machine is in `Assumptions`. The efficiency of N workers is one worker's time divided by N
times their time. In the simulation, a single worker has the same start, invocations and stragglers as many.
"""

import argparse
import heapq
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from cfnlint.decode import cfn_yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.cold_import import BuiltFunction, find_functions, link_boto3
from bench.engine import make_package
from bench.job_steps import (
    StepCosts,
    measure_connecting,
    measure_cutting,
    measure_merging,
    measure_reading,
    measure_start,
    measure_step_calls,
    measure_warming,
    open_storage,
)
from bench.memory import repeat_video
from bench.moving_pictures import write_video
from bench.sending import VCPU_MEGABYTES
from videoengine.clients import CALLS_AT_ONCE
from videoengine.logs import logger
from videoengine.merging import OPENED_AHEAD
from videoengine.mp4_boxes import VideoTrack
from videoengine.parallel_fetch import STREAMS
from videoengine.s3_file import MAX_RANGES
from videoengine.segments import Segment, cut_segments, order_by_work, select_frames
from videoengine.shares import Effort
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video
from videoengine.warming import MIN_FETCHED_BYTES
from videoinfer.local.builds import ENGINE, build
from videoinfer.local.embedded_aws import REGION, embedded_aws
from videoinfer.repository import ROOT

WIDTH, HEIGHT, RATE, GOP_SIZE = 1920, 1080, 30, 250
INFER_FPS = Fraction(5)
EFFORT = Effort.estimate(WIDTH * HEIGHT, models=1)
WORKERS = (1, 10, 100, 1000)
HOUR_SECONDS = 3600
SIMULATIONS = 20
OTHER_STATES = 8
"""States of a job besides those of its functions and its map."""
WORKER_CONNECTIONS = 4
"""Of a worker to S3, until its model is loaded: `_load_models` and what it runs beside."""
WORKER = Path(__file__).with_name("fan_out_worker.py")


@dataclass(frozen=True)
class Assumptions:
    """Lambda's, S3's and Step Functions' figures, which can't be measured on this machine.

    Attributes:
        sandbox_seconds: Until a new sandbox runs the function, which has 250 MB unpacked.
        invocation_seconds: A segment's states in the state machine, and its first and last calls of S3.
        request_seconds: Until S3 answers.
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
    invocation_seconds: float = 0.15
    request_seconds: float = 0.03
    starts_per_second: float = 500.0
    bytes_per_second: float = 80e6
    straggling_share: float = 0.01
    straggling_factor: float = 2.0
    speed_deviation: float = 0.05
    copied_per_second: float = 500e6
    state_seconds: float = 0.05
    map_seconds: float = 1.0


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
class Step:
    """A step that a job runs once, in a function of its own.

    Attributes:
        start: CPU time in seconds until the function is imported and its client of S3 has made a connection.
        cpu_share: The function's share of a CPU, by its memory.
        connections: Its simultaneous requests.
        connecting: CPU time in seconds of a new connection. A function has none left when a job begins.
    """

    start: float
    cpu_share: float
    connections: int
    connecting: float

    @property
    def start_seconds(self) -> float:
        """The seconds of the start."""
        return self.start / self.cpu_share

    def estimate(self, work: StepCosts, assumed: Assumptions, *, cold: bool) -> float:
        """The seconds of a step, from its state's start."""
        start = assumed.sandbox_seconds + self.start_seconds if cold else 0.0
        waiting = max(
            work.requests * assumed.request_seconds / self.connections, work.received / assumed.bytes_per_second
        )
        cpu = work.cpu + min(self.connections, work.requests) * self.connecting
        return start + assumed.state_seconds + cpu / self.cpu_share + waiting


@dataclass(frozen=True)
class Hour:
    """The hour of video, and the work of the steps that a job runs once for it.

    Attributes:
        connecting: CPU time in seconds of a client's first connection, and of each further one.
        calling: Calling the next steps.
        warming: Reading the index and calling the workers, by number of workers, and the number of calls.
        reading: Planning for one worker.
        cutting: Planning without finding the frames, by number of workers.
        merging: By number of workers.
    """

    timeline: Timeline
    video_bytes: float
    model_bytes: int
    steps: Mapping[str, Step]
    connecting: tuple[float, float]
    calling: StepCosts
    warming: Mapping[int, tuple[StepCosts, int]]
    reading: StepCosts
    cutting: Mapping[int, StepCosts]
    merging: Mapping[int, StepCosts]


def make_hour() -> Timeline:
    timestamps = tuple(range(HOUR_SECONDS * RATE))
    return Timeline(timestamps, timestamps[::GOP_SIZE], Fraction(1, RATE), Fraction(RATE))


def cut_hour(timeline: Timeline, workers: int) -> list[Segment]:
    return cut_segments(select_frames(timeline, INFER_FPS), timeline, EFFORT, workers)


def measure_steps(
    functions: Mapping[str, BuiltFunction], boto3_folder: Path, videos: Sequence[tuple[float, Path]], repeats: int
) -> Hour:
    """Measures the steps around the map. `videos` are as for `measure_reading`."""
    timeline, template = make_hour(), cfn_yaml.load(str(ENGINE.template))
    steps, (first, connecting) = {}, measure_connecting()
    for name, connections in (("FetchVideo", STREAMS), ("PlanJob", MAX_RANGES), ("MergeResults", OPENED_AHEAD)):
        memory = template["Resources"][f"{name}Function"]["Properties"]["MemorySize"]
        start = measure_start(functions[f"{name}Function"], boto3_folder, repeats) + first
        steps[name] = Step(start, min(memory / VCPU_MEGABYTES, 1.0), connections, connecting)
    with open_storage() as storage:
        reading = measure_reading(storage, videos)(HOUR_SECONDS)
        calling = measure_step_calls(storage)
        track = VideoTrack(HOUR_SECONDS, HOUR_SECONDS * RATE, WIDTH * HEIGHT)
        warming = {workers: measure_warming(storage, videos[1][1], track, workers) for workers in WORKERS}
        counts = {workers: len(cut_hour(timeline, workers)) for workers in WORKERS}
        cutting = {workers: measure_cutting(storage, timeline, videos[0][1], workers) for workers in WORKERS}
        frames = int(HOUR_SECONDS * INFER_FPS)
        merging = {workers: measure_merging(storage, counts[workers], frames) for workers in WORKERS}
    seconds, video = videos[0]
    hour_bytes = video.stat().st_size * HOUR_SECONDS / seconds
    return Hour(timeline, hour_bytes, 0, steps, (first, connecting), calling, warming, reading, cutting, merging)


def simulate_hour(costs: Costs, hour: Hour) -> Iterator[Table]:
    """The tables of inferring alone, and of the whole job step by step: a row for each number of workers."""
    assumed = Assumptions()
    first, further = hour.connecting
    connecting = first + (WORKER_CONNECTIONS - 1) * further
    cold_start = assumed.sandbox_seconds + hour.model_bytes / assumed.bytes_per_second + costs.start + connecting
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
        for cold in (True, False):
            planning = estimate_planning(hour, workers, cold=cold)
            # A segment that comes before its worker is warm starts another one. If too few were called, count none.
            is_warm = not cold or (cold_start <= planning and hour.warming[workers][1] >= min(workers, len(segments)))
            start = 0.0 if is_warm else cold_start
            took = median(simulate(seconds, workers, start, assumed, seed) for seed in range(SIMULATIONS))
            alone.setdefault(cold, took)
            row += [f"{took:,.1f}", f"{alone[cold] / took / workers:.2f}"]
            whole.add_row(f"{workers:,}", "cold" if cold else "warm", *add_up_job(hour, workers, took, cold=cold))
        inferring.add_row(f"{workers:,}", f"{len(segments):,}", *row)
    yield inferring
    yield whole


def estimate_planning(hour: Hour, workers: int, *, cold: bool) -> float:
    """The seconds of planning, from its state's start."""
    assumed = Assumptions()
    # The plan for one worker has cut its segments as well.
    cutting = max(hour.cutting[workers].cpu - hour.cutting[1].cpu, 0.0)
    writing = hour.cutting[workers].requests * assumed.request_seconds
    work = StepCosts(hour.reading.cpu + cutting, hour.reading.requests, hour.reading.received)
    return hour.steps["PlanJob"].estimate(work, assumed, cold=cold and not is_warmed(hour)) + writing


def is_warmed(hour: Hour) -> bool:
    """Whether S3 copies the video for longer than the next steps take to start."""
    assumed = Assumptions()
    starts = [assumed.sandbox_seconds + hour.steps[name].start_seconds for name in ("PlanJob", "MergeResults")]
    is_called = hour.video_bytes >= MIN_FETCHED_BYTES
    return is_called and hour.video_bytes / assumed.copied_per_second >= max(starts) + assumed.request_seconds


def estimate_warming(hour: Hour, workers: int) -> float:
    """The seconds that fetching takes longer because it calls the workers."""
    assumed, (work, calls) = Assumptions(), hour.warming[workers]
    step, connections = hour.steps["FetchVideo"], min(calls, CALLS_AT_ONCE)
    calling = calls / CALLS_AT_ONCE * assumed.request_seconds
    waiting = work.requests * assumed.request_seconds + work.received / assumed.bytes_per_second
    cpu = work.cpu + connections * hour.connecting[1]
    return cpu / step.cpu_share + calling + waiting


def add_up_job(hour: Hour, workers: int, inferring: float, *, cold: bool) -> list[str]:
    """The seconds of each step and their sum, with a copied and a downloaded video."""
    assumed = Assumptions()
    copy = hour.video_bytes / assumed.copied_per_second
    download = hour.video_bytes / assumed.bytes_per_second
    # The next steps are called while the video is stored, but the CPU time for that is added as if before.
    calling = StepCosts(hour.calling.cpu + hour.connecting[0], STREAMS, 0)
    fetching = hour.steps["FetchVideo"].estimate(calling, assumed, cold=cold)
    fetching += estimate_warming(hour, workers)
    planning = estimate_planning(hour, workers, cold=cold)
    mapping = inferring + assumed.map_seconds
    merging = hour.steps["MergeResults"].estimate(hour.merging[workers], assumed, cold=cold and not is_warmed(hour))
    rest = planning + mapping + merging + OTHER_STATES * assumed.state_seconds
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
    logger.setLevel("WARNING")  # the steps run in this process, too
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
            longer = arguments.folder / "5-minutes.mp4"
            repeat_video(minute, longer, 5)
            videos = [(60.0, minute), (300.0, longer)]
            hour = measure_steps(functions, boto3_folder, videos, arguments.repeats)
            hour = replace(hour, model_bytes=(package / "weights.onnx").stat().st_size)
    console.print(
        f"A worker starts in {costs.start:.2f} s. A segment takes {1000 * costs.segment:.0f} ms, "
        f"decoding a frame {1000 * costs.decode:.2f} ms, inferring a frame {1000 * costs.infer:.1f} ms."
    )
    expected = simulate([costs.add_up(segment, timeline) for segment in segments], 2, costs.start, NOTHING_ELSE, 0)
    console.print(
        f"The busier of two workers took {found:.1f} s for {arguments.minutes} minutes in {len(segments)} segments; "
        f"the simulation gives {expected:.1f} s ({expected / found - 1:+.0%})."
    )
    first, further = (1000 * seconds for seconds in hour.connecting)
    console.print(f"A client's first connection takes {first:.1f} ms, and each further one {further:.1f} ms.")
    for name, step in hour.steps.items():
        console.print(f"{name} starts in {step.start:.2f} s, and has {step.cpu_share:.2f} of a CPU.")
    for name, work in {
        "Calling the next steps": hour.calling,
        "Calling 100 workers": hour.warming[100][0],
        "Planning the hour for one worker": hour.reading,
        "Of that, without finding the frames, for 1,000": hour.cutting[WORKERS[-1]],
        "Merging their results": hour.merging[WORKERS[-1]],
    }.items():
        console.print(
            f"{name} takes {work.cpu:.2f} s, {work.requests:,} requests, and reads {work.received / 1e6:,.1f} MB."
        )
    console.print(f"An hour of this 1080p30 at 5 fps, {hour.video_bytes / 1e9:.1f} GB, copied by S3 or downloaded:")
    for table in simulate_hour(costs, hour):
        console.print(table)


if __name__ == "__main__":
    main()
