"""Redelivery: regenerates every output of a job, from its stored results or from those that the API still has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from videoinfer.errors import CommandError, JobMissing
from videoinfer.job_texts import describe_kept, describe_missing
from videoinfer.ledger_view import Item
from videoinfer.pipeline_stack import PipelineStack
from videojobs.jobs.ledger import Job
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.workflow import start_redelivery
from videojobs.result_files import RESULTS_FILE, locate_results, split_results_key
from videojobs.results.bucket import ResultsBucket

_LOOK_INTERVAL_SECONDS = 0.5
_SIDE_BY_SIDE = 20


@dataclass(frozen=True)
class Redelivery:
    """The outcome for one job. `failure` says why its outputs were not regenerated."""

    job: Item
    execution_arn: str | None
    failure: str | None = None


def redeliver_jobs(stack: PipelineStack, wanted: str, *, annotate: bool = False) -> Iterator[Redelivery]:
    """Redelivers jobs, some at a time, and yields each that has ended.

    Args:
        wanted: A job's name as `LedgerView.find_job` takes it, or a prefix of the results bucket for all jobs below it.
        annotate: Makes annotated videos also for jobs that did not request one.

    Raises:
        CommandError: There is no such job.
    """
    for some in batched(_find_jobs(stack, wanted), _SIDE_BY_SIDE, strict=False):
        started = [_start(stack, item, annotate=annotate) for item in some]
        for redelivery in started:
            yield _wait_for(stack, redelivery) if redelivery.execution_arn else redelivery


def _find_jobs(stack: PipelineStack, wanted: str) -> Iterator[Item]:
    prefix = wanted.removeprefix(f"s3://{stack.results_bucket}/")
    if prefix == wanted:
        try:
            yield stack.ledger.find_job(wanted)[0]
        except JobMissing:
            if not wanted.startswith("s3://"):
                raise
            results = f"s3://{stack.results_bucket}/"
            raise CommandError(f"{wanted} is not a video that has a job, and not below {results}.") from None
        return
    is_empty = True
    for key, job_id in _list_results(stack, prefix):
        is_empty = False
        try:
            yield stack.ledger.find_job(job_id)[0]
        except CommandError:
            yield {"key": key, "job_id": job_id}
    if is_empty:
        results = f"s3://{stack.results_bucket}/results/<upload key>/<job_id>/"
        raise CommandError(f"There are no results below {wanted}: results are at {results}.")


def _start(stack: PipelineStack, item: Item, *, annotate: bool) -> Redelivery:
    """Starts another delivery of a job's results."""
    if "upload_id" not in item:
        return Redelivery(item, None, f"the ledger has no job {item['job_id']}")
    if "job_id" not in item:
        return Redelivery(item, None, f"it has no job at the API: its status is {item['status']}")
    if item["status"] not in ENDED_STATES and not _has_results(stack, item):
        return Redelivery(item, None, f"it has no results yet: its status is {item['status']}")
    job = Job.from_item(item)
    job = replace(job, options=replace(job.options, annotate=job.options.annotate or annotate))
    sfn, polls = stack.clients.stepfunctions, int(item.get("polls", 0))
    try:
        arn = start_redelivery(sfn, stack.state_machine_arn, job, polls=polls, now=datetime.now(UTC))
    except sfn.exceptions.ExecutionAlreadyExists:
        return Redelivery(item, None, "another redelivery of it has just started")
    return Redelivery(item, arn)


def _wait_for(stack: PipelineStack, redelivery: Redelivery) -> Redelivery:
    arn = redelivery.execution_arn or ""
    while True:
        execution: Any = stack.clients.stepfunctions.describe_execution(executionArn=arn)
        if execution["status"] != "RUNNING":
            break
        time.sleep(_LOOK_INTERVAL_SECONDS)
    if execution["status"] == "SUCCEEDED":
        [item] = stack.ledger.read_all([redelivery.job])
        missing, kept = describe_missing(item), describe_kept(item)
        failures = [f"without {missing}"] if missing else []
        failures += [f"with an earlier {kept}"] if kept else []
        return replace(redelivery, failure=f"delivered {' and '.join(failures)}") if failures else redelivery
    ended = f"its execution has {execution['status'].lower().replace('_', ' ')}"
    return replace(redelivery, failure=execution.get("cause") or ended)


def _list_results(stack: PipelineStack, prefix: str) -> Iterator[tuple[str, str]]:
    """The upload's key and the job's id of every stored results file."""
    pages = stack.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.results_bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", []):
            upload, job_id, name = split_results_key(entry["Key"])
            if name == RESULTS_FILE:
                yield upload, job_id


def _has_results(stack: PipelineStack, item: Item) -> bool:
    bucket = ResultsBucket(stack.clients.s3, stack.results_bucket)
    return bucket.has(locate_results(item["key"], item["job_id"], RESULTS_FILE))
