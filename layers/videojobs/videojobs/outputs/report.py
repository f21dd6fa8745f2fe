"""The report as an output: the page and its pieces are stored beside the results, and a share link opens it."""

from pathlib import PurePosixPath

from videojobs.jobs.ledger import Job
from videojobs.jobs.recorded_at import format_moment
from videojobs.jobs.uploads import SHARED_VIDEO
from videojobs.outputs.files import OutputFiles
from videojobs.report.writer import PIECES_FOLDER, ReportFacts, ReportWriter
from videojobs.result_files import REPORT_FILE
from videojobs.results.predictions import Frames


class ReportOutput:
    """Writes `report.html`, and `report-data/` if the page would be too large with all data in it."""

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        self._files = files
        self._writer = ReportWriter(job.start_offset, job.options.regions)
        files.call_at_exit(self._writer.close)
        self._frames = 0
        for model in job.options.models:
            self._writer.add_model(model.model_id, model.inference_type)

    def add(self, frames: Frames) -> None:
        self._frames = max(self._frames, frames.first + len(frames.entries))
        self._writer.add(frames)

    def finish(self) -> None:
        begun = self._job.clock_time(0.0)
        facts = ReportFacts(
            title=PurePosixPath(self._job.upload.key).name,
            video_url=SHARED_VIDEO,
            share_url=self._files.share_url,
            recorded_at=begun,
            facts=[
                *([("Recorded", format_moment(begun))] if begun else []),
                ("Sampled frames", f"{self._frames:,}"),
                ("Models", ", ".join(model.model_id for model in self._job.options.models)),
            ],
        )
        report = self._writer.finish(facts)
        for name, content in report.pieces():
            self._files.save(f"{PIECES_FOLDER}/{name}", content, "application/gzip")
        report.write_page(self._files.open(REPORT_FILE, "text/html; charset=utf-8"))  # type: ignore[arg-type]  # only write is called
