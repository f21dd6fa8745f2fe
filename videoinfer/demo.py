"""The demo: a video through the whole system, on this machine."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from videoinfer.api_front import start_api_front, stop_api_front
from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.following import follow_upload, receive_notice
from videoinfer.instructions import compose_instructions
from videoinfer.model_packages import read_model_package
from videoinfer.outputs import OUTPUT_FILES, REPORT_FILE, fetch_results, prepare_folder, save_notice, save_preview
from videoinfer.processes import exiting_on_termination
from videoinfer.report import ReportOptions, write_report
from videoinfer.repository import require_repository
from videoinfer.system import start_system
from videoinfer.uploads import upload_video
from videoinfer.videos import check_infer_fps, read_video


@dataclass(frozen=True)
class DemoOptions:
    """What the person asked for."""

    video: Path
    model: Path
    infer_fps: float
    output: Path
    keep: bool
    host: str


def run_demo(options: DemoOptions, display: Display) -> None:
    """Runs it, and leaves nothing behind but the output folder, unless asked to keep it running.

    Raises:
        CommandError: An option can't be used, something could not be started, or the video has no results.
    """
    require_repository()
    check_infer_fps(options.infer_fps, read_video(options.video))
    model = read_model_package(options.model)
    prepare_folder(options.output)
    with exiting_on_termination(), ExitStack() as cleanup:
        system = start_system(model, options.infer_fps, options.host, display, cleanup)
        upload = upload_video(system.aws.clients, system.pipeline.uploads_bucket, options.video)
        display.done(f"Uploaded {options.video.name} to s3://{upload.bucket}/{upload.key}")
        job = follow_upload(system, upload, display)
        notice = receive_notice(system)
        save_notice(options.output, notice)
        display.notice(notice)
        if job["status"] == "done":
            record = fetch_results(options.output, system, upload, job["job_id"])
            save_preview(options.output, options.video, model.model_id)
            report = ReportOptions(options.output / "results.json", options.video, options.output / REPORT_FILE)
            write_report(report, display)
            display.counts(record["counts"])
            display.outputs(options.output.resolve(), OUTPUT_FILES)
        if options.keep:
            front = start_api_front(system.aws, system.engine.api_url)
            cleanup.callback(stop_api_front, front)
            display.instructions(compose_instructions(system, front, model, options.video, options.infer_fps))
            cleanup.pop_all()
    if job["status"] != "done":
        raise CommandError(f"{options.video.name} has no results: the job is {job['status']} (see the notice).")
