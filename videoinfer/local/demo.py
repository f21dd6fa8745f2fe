"""The demo: a video through the whole system, on this machine."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.local.api_front import start_api_front, stop_api_front
from videoinfer.local.following import follow_upload, receive_notice
from videoinfer.local.instructions import compose_instructions
from videoinfer.local.outputs import (
    NOTICE_FILE,
    OUTPUT_FILES,
    derive_outputs,
    fetch_results,
    open_outputs,
    save_notice,
)
from videoinfer.local.system import start_system
from videoinfer.model_packages import read_model_package
from videoinfer.repository import require_repository
from videoinfer.upload_progress import upload_video
from videoinfer.videos import sample_video
from videojobs.result_files import REPORT_FILE


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What the person asked for."""

    video: Path
    model: Path
    infer_fps: float
    output: Path
    keep: bool
    host: str


_ROOM_BYTES = 1_000_000_000
"""What the embedded AWS takes at most for the functions: several workers unpack the engine, a quarter of a gigabyte."""

_COPIES = 4
"""Of the video: the upload's, the engine's, and those that functions work on."""

_LINK_ENDS = f"""
The link in it ends with this demo; {REPORT_FILE} is the same page. With --keep, both go on."""


def run_demo(options: DemoOptions, display: Display) -> None:
    """Runs it, and leaves nothing behind but the output folder, unless asked to keep it running.

    Raises:
        CommandError: An option can't be used, something could not be started, or the video has no results.
    """
    require_repository("demo", "builds and deploys")
    frames = sample_video(options.video, options.infer_fps)
    model = read_model_package(options.model)
    _check_room(options.video.stat().st_size)
    with open_outputs(options.output, [options.video, model.folder]) as outputs, ExitStack() as cleanup:
        system = start_system(model, infer_fps=options.infer_fps, host=options.host, display=display, cleanup=cleanup)
        upload = upload_video(system.aws.clients, system.pipeline.uploads_bucket, options.video)
        display.done(f"Uploaded {options.video.name} to s3://{upload.bucket}/{upload.key}")
        job = follow_upload(system, upload, display)
        notice = receive_notice(system)
        display.notice(notice)
        if job["status"] == "done":
            if not options.keep:
                display.text(_LINK_ENDS)
            record = fetch_results(outputs, system, upload, job["job_id"])
            save_notice(outputs[NOTICE_FILE], notice)
            derive_outputs(outputs, options.video, frames, model.model_id, display=display)
            for output in outputs.values():
                output.finish()
            display.counts(record["counts"])
            display.outputs(options.output.resolve(), OUTPUT_FILES)
        if options.keep:
            front = start_api_front(system.aws, system.engine.api_url)
            cleanup.callback(stop_api_front, front)
            display.instructions(
                compose_instructions(system, front, model=model, video=options.video, infer_fps=options.infer_fps)
            )
            cleanup.pop_all()
    if job["status"] != "done":
        raise CommandError(f"{options.video.name} has no results: the job is {job['status']} (see the notice).")


def _check_room(video_bytes: int) -> None:
    """Raises `CommandError` where the functions would fail for want of room, of which an upload's log says little."""
    folder = tempfile.gettempdir()
    needed, free = _ROOM_BYTES + _COPIES * video_bytes, shutil.disk_usage(folder).free
    if free < needed:
        sizes = f"{_format_megabytes(needed)} for temporary files, and {folder} has {_format_megabytes(free)}"
        raise CommandError(
            f"The demo needs {sizes}: make room there, or name another folder with the environment variable TMPDIR."
        )


def _format_megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
