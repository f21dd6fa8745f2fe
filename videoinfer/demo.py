"""The demo: a video through the whole system, on this machine."""

import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoinfer.builds import ENGINE, PIPELINE, build
from videoinfer.deployments import (
    Engine,
    Pipeline,
    deploy_engine,
    deploy_pipeline,
    pipeline_parameters,
    put_model,
)
from videoinfer.display import Display
from videoinfer.embedded_aws import EmbeddedAws, start_embedded_aws, stop_embedded_aws
from videoinfer.errors import CommandError
from videoinfer.function_logs import read_last_words
from videoinfer.instructions import compose_instructions
from videoinfer.model_packages import ModelPackage, read_model_package
from videoinfer.notices import Notice, receive_notices, subscribe_queue
from videoinfer.preview import draw_detections, find_busiest, read_samples
from videoinfer.processes import exiting_on_termination
from videoinfer.uploads import Step, Upload, find_job, list_steps, read_history, upload_video
from videoinfer.videos import check_infer_fps, decode_frame, read_video

OUTPUT_FILES = ("results.json", "job.json", "notice.txt", "preview.png")

_JOB_TIMEOUT_SECONDS = 60.0
_NOTICE_TIMEOUT_SECONDS = 30.0
_LOOK_INTERVAL_SECONDS = 0.2


@dataclass(frozen=True)
class DemoOptions:
    """What the person asked for."""

    video: Path
    model: Path
    infer_fps: float
    output: Path
    keep: bool


@dataclass(frozen=True)
class System:
    """Everything that runs."""

    aws: EmbeddedAws
    engine: Engine
    pipeline: Pipeline
    notices_queue_url: str


def run_demo(options: DemoOptions, display: Display) -> None:
    """Runs it, and leaves nothing behind but the output folder, unless asked to keep it running.

    Raises:
        CommandError: An option can't be used, something could not be started, or the video has no results.
    """
    check_infer_fps(options.infer_fps, read_video(options.video))
    model = read_model_package(options.model)
    prepare_output(options.output)
    with exiting_on_termination(), ExitStack() as cleanup:
        system = start_system(model, options.infer_fps, display, cleanup)
        upload = upload_video(system.aws.clients, system.pipeline.uploads_bucket, options.video)
        display.done(f"Uploaded {options.video.name} to s3://{upload.bucket}/{upload.key}")
        job = follow_job(system, upload, display)
        notice = _receive_notice(system)
        display.notice(notice)
        (options.output / "notice.txt").write_text(f"Subject: {notice.subject}\n\n{notice.text}\n", encoding="utf-8")
        if job["status"] == "done":
            save_outputs(system, upload, job["job_id"], options, model, display)
        if options.keep:
            instructions = compose_instructions(
                system.aws,
                system.engine,
                system.pipeline,
                model=model,
                video=options.video,
                infer_fps=options.infer_fps,
            )
            display.heading("Left running")
            display.text(instructions)
            cleanup.pop_all()
    if job["status"] != "done":
        raise CommandError(f"{options.video.name} has no results: the job is {job['status']} (see the notice).")


def prepare_output(folder: Path) -> None:
    """Makes the folder and removes the files of an earlier run. Raises `CommandError` if it can't be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in OUTPUT_FILES:
            (folder / name).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(f"The output folder {folder} can't be written to: {error.strerror}.") from error


def start_system(model: ModelPackage, infer_fps: float, display: Display, cleanup: ExitStack) -> System:
    """Starts the embedded AWS and deploys everything to it; `cleanup` ends it."""
    with display.task("Starting an embedded AWS", "Embedded AWS started"):
        aws = start_embedded_aws()
        cleanup.callback(stop_embedded_aws, aws)
    with display.task("Building engine and pipeline (some minutes the first time)", "Engine and pipeline built"):
        build([ENGINE, PIPELINE], aws)
    with display.task("Deploying the engine", "Engine deployed"):
        engine = deploy_engine(aws, name="engine", api_key=secrets.token_urlsafe(16))
    with display.task("Handing the engine its model", f"Model {model.model_id}/{model.model_version} handed over"):
        put_model(aws.clients, engine, model)
    with display.task("Deploying the pipeline", "Pipeline deployed"):
        parameters = pipeline_parameters(engine, [model], infer_fps)
        pipeline = deploy_pipeline(aws, name="pipeline", parameters=parameters)
        queue_url = subscribe_queue(aws.clients, pipeline.notices_topic_arn)
    return System(aws, engine, pipeline, queue_url)


def follow_job(system: System, upload: Upload, display: Display) -> dict[str, Any]:
    """Shows what becomes of an upload, and returns its item in the ledger once nothing more will happen.

    Raises:
        CommandError: No job came of it; with what the functions logged.
    """
    job = _wait_for_job(system, upload)
    if execution_arn := job.get("execution_arn"):
        display.done(f"Job {job['job_id']} created")
        with display.execution() as execution:
            for step in _follow_execution(system, execution_arn):
                execution.step(step)
    return find_job(system.aws.clients, system.pipeline.jobs_table, upload) or job


def save_outputs(
    system: System, upload: Upload, job_id: str, options: DemoOptions, model: ModelPackage, display: Display
) -> None:
    """Fetches the results, draws the preview, and shows both."""
    for name in ("results.json", "job.json"):
        key = f"results/{upload.key}/{job_id}/{name}"
        system.aws.clients.s3.download_file(system.pipeline.results_bucket, key, str(options.output / name))
    job = json.loads((options.output / "job.json").read_bytes())
    display.counts(job["counts"])
    results = json.loads((options.output / "results.json").read_bytes())
    sample = find_busiest(read_samples(results, model.model_id))
    preview = options.output / "preview.png"
    draw_detections(decode_frame(options.video, sample.frame_offset), sample.detections).save(preview)
    display.heading(f"Written to {options.output.resolve()}")
    display.text(", ".join(OUTPUT_FILES))
    display.text(f"{preview.resolve()} shows frame {sample.frame_offset}, {sample.time_offset:.1f} s into the video.")


def _wait_for_job(system: System, upload: Upload) -> dict[str, Any]:
    deadline = time.monotonic() + _JOB_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        job = find_job(system.aws.clients, system.pipeline.jobs_table, upload)
        if job and ("execution_arn" in job or job["status"] == "rejected"):
            return job
        time.sleep(_LOOK_INTERVAL_SECONDS)
    last_words = "\n".join(read_last_words(system.aws.clients)) or "(nothing)"
    raise CommandError(
        f"No job came of the upload in {_JOB_TIMEOUT_SECONDS:g} s. The functions logged last:\n{last_words}"
    )


def _follow_execution(system: System, execution_arn: str) -> Iterator[Step]:
    shown = 0
    running = True
    while running:
        # Asked before the history is read, so that what comes last is not missed.
        answer = system.aws.clients.stepfunctions.describe_execution(executionArn=execution_arn)
        running = answer["status"] == "RUNNING"
        steps = list(list_steps(read_history(system.aws.clients, execution_arn)))
        yield from steps[shown:]
        shown = len(steps)
        if running:
            time.sleep(_LOOK_INTERVAL_SECONDS)


def _receive_notice(system: System) -> Notice:
    notices = receive_notices(system.aws.clients, system.notices_queue_url, timeout_seconds=_NOTICE_TIMEOUT_SECONDS)
    if not notices:
        raise CommandError(f"No notice was delivered in {_NOTICE_TIMEOUT_SECONDS:g} s.")
    return notices[0]
