"""Uploads many videos at once to the real pipeline on the embedded AWS, with an API that limits requests per minute.

    .venv/bin/python -m bench.load [--uploads 1000] [--limit 600] [--no-budget]

The API is a stand-in on this machine, which counts requests and answers 429 above its limit. Of twenty videos, it
refuses one and fails another, which shows that no upload waits for another's failure. State machines wait in real time
(no SFN_WAIT_SCALE). --minute shortens the minute of the API's limit and of the budget, and in proportion the five
seconds by which the budget allows a request to be late. The embedded AWS starts a process for each concurrent
invocation, so --concurrency limits check_job and deliver_results; the template limits create_job.
"""

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.stand_ins.limited_api import LimitedApi, limited_api
from videoinfer.local.builds import PIPELINE, build
from videoinfer.local.deployments import deploy_pipeline
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws
from videoinfer.pipeline_stack import PipelineStack

ENDED = {"done", "failed", "overdue", "rejected"}
LOOK_SECONDS = 2.0


@dataclass
class Load:
    """The result of a load.

    Attributes:
        ends: The number of uploads by kind of video and final status. "open" means not ended in time.
        seconds: From the first upload to the last end.
        waited: The seconds from the beginning of the uploads to each job's end, by final status.
        dead_letters: The number of messages in the dead-letter queue.
        peak_megabytes: The highest total memory of the embedded AWS and all processes that it started.
        processes: The highest number of these processes.
    """

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: float = 0.0
    waited: dict[str, list[float]] = field(default_factory=dict)
    dead_letters: int = 0
    peak_megabytes: float = 0.0
    processes: int = 0


def name_video(number: int) -> str:
    """The key of a video. The stand-in API reads from it whether to refuse or to fail the video."""
    kind = {7: "refused", 13: "failing"}.get(number % 20, "belt")
    return f"{kind}-{number:05}.mp4"


def deploy(
    aws: EmbeddedAws, api: LimitedApi, *, budget: int, outputs: str, concurrency: int, poll_seconds: int
) -> PipelineStack:
    """Deploys a pipeline with a budget of `budget` requests in the API's minute."""
    parameters = {
        "ApiUrl": api.url,
        "ApiKey": "key",
        "ApiRequestsPerMinute": str(budget),
        "PollSeconds": str(poll_seconds),
        "Outputs": outputs,
    }
    pipeline = deploy_pipeline(aws, name="load", parameters=parameters)
    functions, limited = aws.clients.lambda_, ("CheckJob", "DeliverResults")
    for function in functions.list_functions()["Functions"]:
        variables = function.get("Environment", {}).get("Variables", {})
        if any(name in function["FunctionName"] for name in limited):
            functions.put_function_concurrency(
                FunctionName=function["FunctionName"], ReservedConcurrentExecutions=concurrency
            )
        if variables.get("API_MINUTE_SECONDS", f"{api.seconds:g}") != f"{api.seconds:g}":
            changed = {**variables, "API_MINUTE_SECONDS": f"{api.seconds:g}"}
            functions.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": changed}
            )
    return pipeline


def run_load(aws: EmbeddedAws, pipeline: PipelineStack, uploads: int, timeout_seconds: float) -> Load:
    """Uploads all videos at once, and waits until the last job has ended or the time is up."""
    load = Load()
    started, put_at = time.monotonic(), datetime.now(UTC)

    def put(number: int) -> None:
        aws.clients.s3.put_object(Bucket=pipeline.uploads_bucket, Key=name_video(number), Body=b"video")

    with watching(aws, load):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(put, range(uploads)))
        items: list[dict[str, Any]] = []
        while sum(_has_ended(item) for item in items) < uploads and time.monotonic() - started < timeout_seconds:
            time.sleep(LOOK_SECONDS)
            items = read_ledger(aws, pipeline)
            ended = sum(_has_ended(item) for item in items)
            print(f"\r{ended} of {uploads} have ended", end="", file=sys.stderr, flush=True)  # noqa: T201
        load.seconds = time.monotonic() - started
    for item in items:
        kind, status = item["key"]["S"].split("-")[0], item["status"]["S"] if _has_ended(item) else "open"
        load.ends[kind, status] += 1
        if status in ENDED:
            ended_at = datetime.fromisoformat(item["finished_at"]["S"])
            load.waited.setdefault(status, []).append((ended_at - put_at).total_seconds())
    load.ends["not seen", "open"] = uploads - len(items)
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    dead = aws.clients.sqs.get_queue_attributes(QueueUrl=pipeline.dead_letter_queue_url, AttributeNames=names)
    load.dead_letters = sum(map(int, dead["Attributes"].values()))
    return load


def read_ledger(aws: EmbeddedAws, pipeline: PipelineStack) -> list[dict[str, Any]]:
    return [
        item
        for page in aws.clients.dynamodb.get_paginator("scan").paginate(TableName=pipeline.jobs_table)
        for item in page["Items"]
    ]


def _has_ended(item: dict[str, Any]) -> bool:
    return item["status"]["S"] in ENDED and "event_id" in item


@contextmanager
def watching(aws: EmbeddedAws, load: Load) -> Iterator[None]:
    """Measures the memory of the embedded AWS and its children once a second during the block."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            megabytes = list(measure_group(aws.process.pid))
            load.peak_megabytes = max(load.peak_megabytes, sum(megabytes))
            load.processes = max(load.processes, len(megabytes))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure_group(leader: int) -> Iterator[float]:
    """The resident memory in MB of each process in a group. Shared memory counts for each process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[2])
            if group == leader:
                yield int((folder / "statm").read_text().split()[1]) * 4096 / 1e6
        except (OSError, IndexError):
            continue  # the process has ended


def describe(load: Load, api: LimitedApi) -> Iterator[str]:
    """The lines of the output."""
    yield f"ended in {load.seconds:.0f} s: " + ", ".join(
        f"{count} {kind} {status}" for (kind, status), count in sorted(load.ends.items()) if count
    )
    for status, seconds in sorted(load.waited.items()):
        yield f"{status}: median {median(seconds):.0f} s after the uploads began, slowest {max(seconds):.0f} s"
    most = f"at most {api.count_in_any_window()} in any {api.seconds:g} s"
    yield f"requests: {len(api.arrivals)}, {most}; the API allows {api.requests}"
    yield f"answered 429: {api.refusals}; jobs requested twice: {sum(count > 1 for count in api.jobs.values())}"
    yield f"dead letters: {load.dead_letters}"
    yield f"embedded AWS: at most {load.peak_megabytes:,.0f} MB in {load.processes} processes"


def main() -> None:
    """Prints the result. Exits with 1 if an upload has not ended or is a dead letter, or if the limit was exceeded."""
    parser = argparse.ArgumentParser(description="Uploads many videos at once to a pipeline whose API has a limit.")
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=600, help="requests that the API allows a minute")
    parser.add_argument("--minute", type=float, default=60, help="seconds in its minute")
    parser.add_argument("--no-budget", action="store_true", help="give the pipeline no budget")
    parser.add_argument("--outputs", default="", help="the parameter Outputs")
    parser.add_argument("--concurrency", type=int, default=6, help="maximum of check_job, and of deliver_results")
    parser.add_argument("--poll-seconds", type=int, default=10, help="the parameter PollSeconds")
    parser.add_argument("--timeout", type=float, default=3600)
    arguments = parser.parse_args()
    with limited_api(arguments.limit, arguments.minute) as api, embedded_aws(wait_scale=1) as aws:
        build([PIPELINE], aws)
        budget = 0 if arguments.no_budget else arguments.limit
        pipeline = deploy(
            aws,
            api,
            budget=budget,
            outputs=arguments.outputs,
            concurrency=arguments.concurrency,
            poll_seconds=arguments.poll_seconds,
        )
        load = run_load(aws, pipeline, arguments.uploads, arguments.timeout)
        print("\n".join(describe(load, api)))  # noqa: T201
    is_well = sum(map(len, load.waited.values())) == arguments.uploads and not load.dead_letters
    sys.exit(not (is_well and api.count_in_any_window() <= api.requests))


if __name__ == "__main__":
    main()
