"""The report as an output: the page and its pieces are stored beside the results, and a share link opens it."""

from datetime import datetime
from pathlib import PurePosixPath

from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Job
from videojobs.jobs.times import format_place
from videojobs.jobs.uploads import SHARED_VIDEO
from videojobs.logs import logger
from videojobs.outputs.answers import answer
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.summary import Summary
from videojobs.report.facts import list_facts
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
        self._summary: Summary | None = Summary(job.options.models, regions=job.options.regions)
        for model in job.options.models:
            self._writer.add_model(model.model_id, model.inference_type)

    def add(self, frames: Frames) -> None:
        self._writer.add(frames)
        if self._summary:
            try:
                self._summary.add(frames)
            except Exception as error:
                logger.warning("The report has no sentences about what was found.", reason=printable(str(error)))
                self._summary = None

    def finish(self) -> None:
        job = self._job
        begun = job.clock_time(0.0)
        facts = ReportFacts(
            title=PurePosixPath(job.upload.key).name,
            video_url=SHARED_VIDEO,
            share_url=self._files.share_url,
            recorded_at=begun,
            answer=answer(self._summary, lambda seconds: format_place(job, seconds)) if self._summary else [],
            facts=list_facts(
                {model.model_id: model.model_version for model in job.options.models},
                self._summary.frames if self._summary else None,
                recorded_at=begun,
                inferred_at=datetime.fromisoformat(job.created_at),
                api_cost_usd=job.api_cost_usd,
            ),
        )
        report = self._writer.finish(facts)
        for name, content in report.pieces():
            self._files.save(f"{PIECES_FOLDER}/{name}", content, "application/gzip")
        report.write_page(self._files.open(REPORT_FILE, "text/html; charset=utf-8"))  # type: ignore[arg-type]  # only write is called
