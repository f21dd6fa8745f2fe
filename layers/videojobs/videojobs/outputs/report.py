"""The report as an output of the delivery: the page and its pieces beside the results, opened by a share link."""

from pathlib import PurePosixPath

from videojobs.jobs.ledger import Job
from videojobs.outputs.files import OutputFiles
from videojobs.report.writer import PIECES_FOLDER, ReportFacts, ReportWriter
from videojobs.result_files import REPORT_FILE
from videojobs.results.derivation import Output
from videojobs.results.predictions import Frames

VIDEO_NAME = "video"
"""Under which name a share link answers with the video."""


def open_report(job: Job, files: OutputFiles) -> Output:
    """`report.html`, and `report-data/` where the page would be too large with all in it."""
    output = ReportOutput(job, files)
    files.call_at_exit(output.close)
    return output


class ReportOutput:
    """Feeds the report's writer."""

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        self._files = files
        self._writer = ReportWriter(job.start_offset)
        self._frames = 0
        for model in job.options.models:
            self._writer.add_model(model.model_id, model.inference_type)

    def add(self, frames: Frames) -> None:
        self._frames = max(self._frames, frames.first + len(frames.entries))
        self._writer.add(frames)

    def finish(self) -> None:
        facts = ReportFacts(
            title=PurePosixPath(self._job.upload.key).name,
            video_url=VIDEO_NAME,
            share_url=self._files.share_url,
            facts=[
                ("Frames looked at", f"{self._frames:,}"),
                ("Models", ", ".join(model.model_id for model in self._job.options.models)),
            ],
        )
        report = self._writer.finish(facts)
        for name, content in report.pieces():
            self._files.save(f"{PIECES_FOLDER}/{name}", content, "application/gzip")
        report.write_page(self._files.open(REPORT_FILE, "text/html; charset=utf-8"))  # type: ignore[arg-type]  # it calls write alone

    def close(self) -> None:
        self._writer.close()
