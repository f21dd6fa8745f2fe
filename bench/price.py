"""Prices an hour of video on the engine: by model, frame rate, CPU and memory size, beside other services.

    make .venv/ready .venv-peers/ready
    sudo .venv/bin/python -m bench.price [--seconds 20] [--models yolo11n yolo11m] [--memory 1024 1769 3008]
    .venv/bin/python -m bench.price --job JOB_ID --stack STACK

The second command prices one job of a deployed engine from outside: by what Lambda's log says that it billed, and by
the objects in the bucket. The engine's own figure is beside it.

The engine runs on a 1080p30 video with as much CPU as Lambda gives to each memory size, which Linux enforces as a quota
(a cgroup's; this needs root). It sees two cores then, as on Lambda up to 3,008 MB, and has priority over other
processes, so the seconds that it takes are those that Lambda would bill. A CPU without AVX-512 is imitated by
`ONEDNN_MAX_CPU_ISA`. Lambda promises AVX2 only: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-avx2.html

Not measured: other CPUs than this machine's, arm64 among them, and more than two cores. What can't be measured on this
machine is in `bench.fan_out.Assumptions`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from time import perf_counter

import boto3
from rich.console import Console
from rich.table import Table

from bench.engine import SIDE, Contender, make_package
from bench.fan_out import GOP_SIZE, HEIGHT, HOUR_SECONDS, RATE, WIDTH, Assumptions
from bench.moving_pictures import write_video
from videoengine.costs import (
    PRICES,
    SEGMENT_TRANSITIONS,
    STEP_TRANSITIONS,
    Price,
    Usage,
    measure_express_execution,
    measure_invocation,
    measure_storage,
)
from videoengine.model_effort import estimate_frame_seconds
from videoengine.s3_file import BLOCK_BYTES
from videoengine.segments import cut_segments, select_frames
from videoengine.shares import Effort
from videoengine.timeline import Timeline
from videoinfer.aws_clients import AwsClients
from videoinfer.repository import ROOT

MODELS = ("yolo11n", "yolo11m")
RATES = (1, 2, 5)
MEMORY_MEGABYTES = (1024, 1769, 3008)
CPUS = {"AVX2": "AVX2", "AVX-512": "AVX512_CORE"}
"""The kinds of x86 CPU, with oneDNN's name for each."""

MEGABYTES_PER_CPU = 1769
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

SMALL_STEPS_MEGABYTES = 1024
"""The memory of `fetch_video`, whose time is most of what the small steps take."""

WORKERS = 50
RETENTION_DAYS = 7
"""The template's defaults of `MaxConcurrency` and `RetentionDays`."""

ARM_GIGABYTE_SECOND = Price(0.0000133334, "2026-05-11", "copies of Lambda's price page, arm64, first 7.5 billion")

REKOGNITION_MINUTE = Price(
    0.10, "2026-03-02", "pump.co's copy of https://aws.amazon.com/rekognition/pricing/ (label detection, stored video)"
)
ROBOFLOW_CREDIT = Price(
    6.0, "2026-10-07", "a transcript of https://roboflow.com/pricing (additional on-demand credits)"
)
ROBOFLOW_SECONDS_A_CREDIT = 500
ROBOFLOW_SECONDS_MIN = 0.1
"""Of its serverless API, which bills at least this for each picture:
https://docs.roboflow.com/deploy/serverless-hosted-api-v2/pricing
"""
ROBOFLOW_BATCH_MINUTES_A_CREDIT = {"CPU": 60, "GPU": 15}
"""Of its batch processing, by Roboflow's own summary of https://roboflow.com/credits from 2026-08-02:
https://github.com/roboflow/computer-vision-skills (`roboflow-plans-and-pricing`).
"""


@dataclass(frozen=True)
class Setting:
    """What is measured: a model at a frame rate, on a CPU, in a function's memory."""

    model: str
    infer_fps: int
    cpu: str
    memory_megabytes: int


@dataclass(frozen=True)
class Speed:
    """A warm worker's speed, and its start.

    Attributes:
        wall: elapsed seconds for each second of video.
        cpu: CPU seconds for each second of video.
        start: elapsed seconds from a worker's start until its model is loaded.
        peak_megabytes: its resident memory.
    """

    wall: float
    cpu: float
    start: float
    peak_megabytes: float


@dataclass(frozen=True)
class Hour:
    """The costs of an hour of video.

    Attributes:
        inferring: of warm workers.
        around: of the other steps, the state machine and S3's requests.
        starting: of the workers, if all of them are cold.
        storing: of the video, for `RETENTION_DAYS`.
    """

    inferring: Usage
    around: Usage
    starting: Usage
    storing: Usage

    @property
    def usd(self) -> float:
        """The cost with warm workers, without storage."""
        return (self.inferring + self.around).usd


@contextmanager
def limit_cpus(cpus: float) -> Iterator[Path]:
    """Makes a cgroup with a quota of `cpus` and priority over others. Its `cgroup.procs` takes the IDs of processes."""
    root = Path("/sys/fs/cgroup")
    is_v1 = (root / "cpu").is_dir()
    group = (root / "cpu" if is_v1 else root) / f"videoinfer-price-{os.getpid()}"
    group.mkdir()
    try:
        period = 100_000
        if is_v1:
            (group / "cpu.cfs_period_us").write_text(str(period))
            (group / "cpu.cfs_quota_us").write_text(str(round(cpus * period)))
            (group / "cpu.shares").write_text("262144")
        else:
            (group / "cpu.max").write_text(f"{round(cpus * period)} {period}")
            (group / "cpu.weight").write_text("10000")
        yield group
    finally:
        group.rmdir()


@contextmanager
def start_engine(setting: Setting, package: Path) -> Iterator[tuple[Contender, int, float]]:
    """Starts the engine with a model, and stops it at the end of the block.

    Returns:
        The engine, its process ID, and the seconds until its model was loaded.
    """
    command = [sys.executable, str(ROOT / "bench/engine_contenders.py"), "engine", str(package), str(setting.infer_fps)]
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": CPUS[setting.cpu]}
    with limit_cpus(setting.memory_megabytes / MEGABYTES_PER_CPU) as group:
        started = perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            (group / "cgroup.procs").write_text(str(process.pid))
            engine = Contender(setting.model, process)
            engine.wait_until_ready()
            yield engine, process.pid, perf_counter() - started


def measure(setting: Setting, package: Path, video: Path, video_seconds: int, repeats: int) -> Speed:
    """Runs the engine on the video `repeats` times."""
    with start_engine(setting, package) as (engine, process_id, start):
        runs = [engine.run(video) for _ in range(repeats)]
        status = Path(f"/proc/{process_id}/status").read_text()
    [peak] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return Speed(
        wall=median(run.seconds for run in runs) / video_seconds,
        cpu=median(run.cpu_seconds for run in runs) / video_seconds,
        start=start,
        peak_megabytes=int(peak.split()[1]) / 1024,
    )


def count_segments(infer_fps: int, model_bytes: int) -> int:
    """The number of segments that the engine cuts an hour into, for a model of so many bytes."""
    timestamps = tuple(range(HOUR_SECONDS * RATE))
    hour = Timeline(timestamps, timestamps[::GOP_SIZE], Fraction(1, RATE), Fraction(RATE))
    frames = select_frames(hour, Fraction(infer_fps))
    effort = Effort.estimate(WIDTH * HEIGHT, 1, estimate_frame_seconds(model_bytes, SIDE * SIDE))
    return len(cut_segments(frames, hour, effort, WORKERS))


def price_hour(setting: Setting, speed: Speed, segments: int, video_bytes: float, model_bytes: int) -> Hour:
    """Prices an hour of video that is cut into `segments`.

    Args:
        video_bytes: of the hour.
        model_bytes: which each cold worker downloads.
    """
    assumed = Assumptions()
    seconds = speed.wall * HOUR_SECONDS / segments + assumed.invocation_seconds
    invocation = measure_invocation(seconds, setting.memory_megabytes)
    execution = measure_express_execution(seconds)
    # The video is read once to fetch it, by parts of which there are few, and once to infer. Planning reads an index.
    small_steps = measure_invocation(video_bytes / assumed.bytes_per_second, SMALL_STEPS_MEGABYTES)
    start = measure_invocation(speed.start + model_bytes / assumed.bytes_per_second, setting.memory_megabytes)
    return Hour(
        inferring=Usage(
            lambda_gigabyte_seconds=segments * invocation.lambda_gigabyte_seconds, lambda_requests=segments
        ),
        around=small_steps
        + Usage(
            lambda_requests=2,
            state_transitions=sum(STEP_TRANSITIONS.values()) + segments * SEGMENT_TRANSITIONS["EXPRESS"],
            express_requests=segments,
            express_gigabyte_seconds=segments * execution.express_gigabyte_seconds,
            # A segment's frames, and its results.
            s3_writes=2 * segments,
            s3_reads=round(video_bytes / BLOCK_BYTES) + 4 * segments,
        ),
        starting=Usage(lambda_gigabyte_seconds=min(WORKERS, segments) * start.lambda_gigabyte_seconds),
        storing=measure_storage(video_bytes, RETENTION_DAYS),
    )


def price_roboflow_pictures(infer_fps: int) -> float:
    """The least that Roboflow's serverless API bills for each sampled frame of an hour as a picture, in US dollars."""
    credits_an_hour = infer_fps * HOUR_SECONDS * ROBOFLOW_SECONDS_MIN / ROBOFLOW_SECONDS_A_CREDIT
    return credits_an_hour * ROBOFLOW_CREDIT.usd


def price_arm(hour: Hour) -> float:
    """The cost of an hour if an arm64 CPU took the same seconds, which nobody has measured, in US dollars."""
    return hour.usd + hour.inferring.lambda_gigabyte_seconds * (
        ARM_GIGABYTE_SECOND.usd - PRICES["lambda_gigabyte_seconds"].usd
    )


_REPORT = re.compile(r"REPORT RequestId: (\S+)\s.*Billed Duration: ([\d.]+) ms\s+Memory Size: (\d+) MB")
"""https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""


def find_billed(lines: Iterable[str], job_id: str) -> list[tuple[str, float, int]]:
    """Finds what Lambda billed for a job's steps, in the lines of the functions' logs.

    Returns:
        For each invocation: the name of its function, the billed seconds, and its memory in MB.
    """
    functions, reports = {}, {}
    for line in lines:
        if report := _REPORT.match(line):
            reports[report[1]] = float(report[2]) / 1000, int(report[3])
        elif '"Measured"' in line and (said := json.loads(line))["job_id"] == job_id:
            functions[said["function_request_id"]] = said["function_name"]
    return [(name, *reports[request_id]) for request_id, name in functions.items()]


def price_job(billed: Sequence[tuple[str, float, int]], object_bytes: Sequence[int], video_bytes: int) -> Usage:
    """Prices a job whose segments were inferred in Express executions.

    Args:
        billed: from `find_billed`.
        object_bytes: the size of each object that the job wrote, without the video.
    """
    usage = Usage(state_transitions=sum(STEP_TRANSITIONS.values()), s3_writes=len(object_bytes))
    for function, seconds, memory in billed:
        usage += measure_invocation(seconds, memory)
        if "InferSegment" in function:
            usage += measure_express_execution(seconds)
            usage += Usage(state_transitions=SEGMENT_TRANSITIONS["EXPRESS"])
    # The video is read to plan, and to infer.
    usage += Usage(s3_reads=len(object_bytes) + 2 * -(-video_bytes // BLOCK_BYTES))
    return usage + measure_storage(sum(object_bytes) + video_bytes, RETENTION_DAYS)


def price_deployed_job(clients: AwsClients, stack: str, job_id: str) -> tuple[float, float]:
    """The cost of a job of a deployed engine in US dollars, from outside, and as its record says."""
    [described] = clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    bucket, key = outputs["VideosBucketName"], {"job_id": {"S": job_id}}
    item = clients.dynamodb.get_item(TableName=outputs["JobsTableName"], Key=key)["Item"]
    resources = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    groups = [
        resource["PhysicalResourceId"]
        for page in resources
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Logs::LogGroup"
    ]
    pages = (
        page
        for group in groups
        for page in clients.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    )
    lines = [event["message"] for page in pages for event in page["events"]]
    listed = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"jobs/{job_id}/")
    objects = {found["Key"]: found["Size"] for page in listed for found in page.get("Contents", ())}
    video_bytes = clients.s3.head_object(Bucket=bucket, Key=item["video_key"]["S"])["ContentLength"]
    objects.pop(item["video_key"]["S"], None)
    usage = price_job(find_billed(lines, job_id), [*objects.values()], video_bytes)
    return usage.usd, float(item["cost_usd"]["N"])


def make_table(rows: Sequence[tuple[Setting, Speed, Hour]]) -> Table:
    """A row for each setting."""
    table = Table("model", "fps", "CPU", "MB", title="One hour of 1080p30, in US dollars")
    for heading in ("CPU s", "billed s", "inferring", "around", "together", "if cold, +", "arm64?", "peak MiB"):
        table.add_column(heading, justify="right")
    for setting, speed, hour in rows:
        gigabytes = setting.memory_megabytes / 1024
        table.add_row(
            setting.model,
            str(setting.infer_fps),
            setting.cpu,
            f"{setting.memory_megabytes:,}",
            f"{speed.cpu * HOUR_SECONDS:,.0f}",
            f"{hour.inferring.lambda_gigabyte_seconds / gigabytes:,.0f}",
            *(f"{usd:.4f}" for usd in (hour.inferring.usd, hour.around.usd, hour.usd, hour.starting.usd)),
            f"{price_arm(hour):.4f}",
            f"{speed.peak_megabytes:,.0f}",
        )
    return table


def make_comparison() -> Table:
    """A row for each other service."""
    table = Table("service", *(f"{rate} fps" for rate in RATES), "price", title="Other services, in US dollars an hour")
    rekognition = f"{60 * REKOGNITION_MINUTE.usd:.2f}"
    table.add_row("Rekognition Video", *(rekognition for _ in RATES), _describe(REKOGNITION_MINUTE, "a minute"))
    pictures = (f"{price_roboflow_pictures(rate):.2f}" for rate in RATES)
    table.add_row("Roboflow's serverless API, frame by frame", *pictures, _describe(ROBOFLOW_CREDIT, "a credit"))
    for machine, minutes in ROBOFLOW_BATCH_MINUTES_A_CREDIT.items():
        price = f"{ROBOFLOW_CREDIT.usd * 60 / minutes:.0f} an hour of machine"
        table.add_row(f"Roboflow's batch processing, {machine}", *(price for _ in RATES), "")
    return table


def _describe(price: Price, unit: str) -> str:
    return f"${price.usd:.2f} {unit} on {price.as_of}: {price.source}"


def main() -> None:
    """Creates the models and the video, measures each setting, and prints the tables."""
    parser = argparse.ArgumentParser(description="Prices an hour of video on the engine.")
    parser.add_argument(
        "--peers", type=Path, default=ROOT / ".venv-peers/bin/python", help="the Python that exports the models"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".build/bench", help="the folder for video and models")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--memory", nargs="+", type=int, default=MEMORY_MEGABYTES, help="in MB")
    parser.add_argument("--seconds", type=int, default=20, help="length of the measured video")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--job", help="the ID of a job to price instead")
    parser.add_argument("--stack", default="videoinfer-engine", help="the engine's stack that ran the job")
    arguments = parser.parse_args()
    console = Console(width=200)
    if arguments.job:
        outside, recorded = price_deployed_job(AwsClients(boto3.Session()), arguments.stack, arguments.job)
        console.print(f"${outside:.6f} by Lambda's log; ${recorded:.6f} by the job's record ({recorded / outside:.3f})")
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    packages = {name: make_package(arguments.folder, arguments.peers, name) for name in arguments.models}
    video = arguments.folder / f"price-{arguments.seconds}s.mp4"
    if not video.exists():
        write_video(video, WIDTH, HEIGHT, RATE, GOP_SIZE, arguments.seconds)
    video_bytes = video.stat().st_size / arguments.seconds * HOUR_SECONDS
    rows = []
    for name, package in packages.items():
        model_bytes = (package / "weights.onnx").stat().st_size
        for rate in RATES:
            segments = count_segments(rate, model_bytes)
            for cpu in CPUS:
                for memory in arguments.memory:
                    setting = Setting(name, rate, cpu, memory)
                    with console.status(str(setting)):
                        speed = measure(setting, package, video, arguments.seconds, arguments.repeats)
                    rows.append((setting, speed, price_hour(setting, speed, segments, video_bytes, model_bytes)))
    console.print(make_table(rows))
    console.print(
        f"Storing the video of {video_bytes / 1e9:.1f} GB for {RETENTION_DAYS} days costs "
        f"${rows[0][2].storing.usd:.4f} more. arm64?: if an arm64 CPU took the same seconds, which is not measured."
    )
    console.print(make_comparison())


if __name__ == "__main__":
    main()
