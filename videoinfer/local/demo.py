"""The demo: processes a video with the whole system on this machine."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from videoinfer.browser import open_page
from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.local.api_proxy import start_api_proxy
from videoinfer.local.following import follow_upload, receive_notice
from videoinfer.local.instructions import compose_instructions
from videoinfer.local.outputs import (
    NOTICE_FILE,
    derive_outputs,
    fetch_results,
    list_written,
    open_outputs,
    save_notice,
)
from videoinfer.local.system import start_system
from videoinfer.model_packages import open_models
from videoinfer.processes import dismiss_guard, kill_group
from videoinfer.repository import BUILD_FOLDER, ROOT, require_repository
from videoinfer.upload_progress import upload_video
from videoinfer.videos import sample_video
from videojobs.result_files import REPORT_FILE


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """The options of the command `demo`."""

    video: Path
    model: Path
    infer_fps: float
    output: Path
    keep: bool
    is_opened: bool
    host: str


_FUNCTIONS_BYTES = 1_000_000_000
"""Maximum disk space for the functions: each of several workers unpacks the engine, which has 250 MB."""

_BUILD_BYTES = 1_100_000_000
"""Disk space that the first build takes."""

_VIDEO_COPIES = 4
"""Copies of the video on the disk: the upload, the engine's copy, and those that functions work on."""

_LINK_NOTE = f"""
The link works only until this demo ends; {REPORT_FILE} is the same page. With --keep, the link goes on working."""


def run_demo(options: DemoOptions, display: Display) -> None:
    """Runs the demo. Only the output folder remains, and with `keep` also the running system.

    Raises:
        CommandError: An option can't be used, something could not be started, or the video has no results.
    """
    require_repository("demo", "builds and deploys")
    frames = sample_video(options.video, options.infer_fps)
    _require_disk_space(options.video.stat().st_size)
    with (
        open_models([options.model]) as [model],
        open_outputs(options.output, [options.video, options.model]) as outputs,
        ExitStack() as cleanup,
    ):
        system = start_system(model, infer_fps=options.infer_fps, host=options.host, display=display, cleanup=cleanup)
        upload = upload_video(system.aws.clients, system.pipeline.uploads_bucket, options.video)
        display.done(f"Uploaded {options.video.name} to s3://{upload.bucket}/{upload.key}")
        job = follow_upload(system, upload, display)
        notice = receive_notice(system)
        display.notice(notice)
        if job["status"] == "done":
            if not options.keep:
                display.text(_LINK_NOTE)
            fetch_results(outputs, system, upload, job)
            save_notice(outputs[NOTICE_FILE], notice)
            derive_outputs(outputs, options.video, frames, model.model_id, display=display)
            written = list_written(outputs)
            for name in written:
                outputs[name].finish()
            display.outputs(options.output.resolve(), written)
            show_report(options.output.resolve() / REPORT_FILE, display, is_opened=options.is_opened)
        if options.keep:
            proxy = start_api_proxy(system.aws, system.engine.api_url)
            cleanup.callback(kill_group, proxy.process)
            display.instructions(
                compose_instructions(system, proxy, model=model, video=options.video, infer_fps=options.infer_fps)
            )
            cleanup.pop_all()
            dismiss_guard(system.aws.guard)
    if job["status"] != "done":
        raise CommandError(
            f"{options.video.name} has no results: the job's status is {job['status']} (see the notice)."
        )


def show_report(report: Path, display: Display, *, is_opened: bool) -> None:
    """Says how to see the report, and opens it in the browser if wanted."""
    display.heading("To see the results" + ("" if is_opened else ": open this, or add --open"))
    display.text(report.as_uri())
    if is_opened:
        open_page(report.as_uri(), display)


def _require_disk_space(video_bytes: int) -> None:
    """Raises `CommandError` if a disk is too full. Functions would then fail, and their logs hardly say why."""
    temporary = tempfile.gettempdir()
    for what, folder, needed, remedy in (
        (
            "temporary files",
            temporary,
            _FUNCTIONS_BYTES + _VIDEO_COPIES * video_bytes,
            ", or set the environment variable TMPDIR to another folder",
        ),
        ("what it builds", ROOT, 0 if BUILD_FOLDER.exists() else _BUILD_BYTES, ""),
    ):
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise CommandError(
                f"The demo needs {needed / 1e6:,.0f} MB for {what}, and {folder} has {free / 1e6:,.0f} MB: "
                f"free space there{remedy}."
            )
