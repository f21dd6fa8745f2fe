"""From a finished job to results in S3: the flow of `deliver_results`."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from videojobs.api.client import ReportedStatus, VideoInferenceApi
from videojobs.delivery_end import DeliveryEnd, open_rules
from videojobs.delivery_progress import DEATHS_MAX, FIRST, SUMMARY, Polling, Progress
from videojobs.errors import ApiUnavailable, BrokenResults, ChangeRefused, OutOfTime, ResultsGone, VideoJobsError
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.waiting import FIRST_TRY, LAST_TRIES_SECONDS, Waiting
from videojobs.logs import logger
from videojobs.notices.sender import NoticeSender
from videojobs.notices.share_links import ShareLinks
from videojobs.outputs.event_tables import EVENTS, EventTables
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.guarded import GuardedOutput, describe
from videojobs.outputs.names import OutputName
from videojobs.outputs.registry import OPENERS
from videojobs.outputs.summary import Summary
from videojobs.result_files import RESULTS_FILE, locate_results
from videojobs.results.analysis import Analysis
from videojobs.results.bucket import ResultsBucket, drain
from videojobs.results.derivation import Output, derive
from videojobs.results.link import open_results

LAST_SECONDS = 60
"""The time that is left when an invocation stops reading, to complete or discard its files."""

BEGINNING_BYTES = 200
"""How much of broken results an error quotes."""

STORE, ALL_OUTPUTS = RESULTS_FILE, "outputs"
"""The steps of a delivery, besides one for each single output."""

CONTINUING: Final = {"status": "continuing", "reason": None}
"""The answer of an invocation that leaves work for the next one."""


@dataclass(frozen=True, kw_only=True)
class ResultsDelivery:
    """Delivers results. Called again for the same job, it resumes and sends no second notice.

    `results.json` is stored before anything else is completed; then the job is done. Outputs are derived while it is
    streamed. If that fails, the delivery continues step by step: it stores the file in as many invocations as needed,
    and then makes each output from the stored file, in an invocation of its own.

    Attributes:
        outputs: The outputs to derive, besides the summary.
        count_seconds_left: Returns how long this invocation may still run.
    """

    api: VideoInferenceApi
    ledger: Ledger
    sender: NoticeSender
    bucket: ResultsBucket
    links: ShareLinks
    share_link_days: float
    outputs: Sequence[OutputName]
    retention_days: int
    meter: Meter
    count_seconds_left: Callable[[], float]

    def deliver(
        self, job: Job, polling: Polling, waiting: Waiting = FIRST_TRY, redelivery: str | None = None
    ) -> Mapping[str, Any]:
        """Stores the results, derives the outputs, writes the records, and sends the notice; or resumes that work.

        Args:
            redelivery: The name of a later delivery of the same job. It derives the outputs from the stored results
                again and sends another notice. It asks the API, which bills nothing, only if no readable results are
                stored. The job's end time and cost do not change.

        Returns `{"status": "delivered" | "failed" | "continuing", "reason": …}`, or the answer of `Waiting.put_off`.

        Raises:
            ApiUnavailable, ApiRefused, LinkExpired: The results are not available now.
        """
        item = self.ledger.read(job.upload, job.attempt) or {}
        job = job.with_answer(item)
        progress = Progress.from_item(item, redelivery or FIRST)
        progress.invocations += 1
        work = _Work(
            delivery=self,
            job=job,
            polling=polling,
            waiting=waiting,
            item=item,
            progress=progress,
            is_redelivery=redelivery is not None,
        )
        try:
            return work.run()
        except ResultsGone as gone:
            return {"status": "failed", "reason": str(gone)}
        except BrokenResults as broken:
            self.ledger.record(job.upload, job.attempt, results_location=None, delivery=None)
            return {"status": "failed", "reason": work.describe(broken)}
        except ChangeRefused:
            kept = self.bucket.locate(work.results_key)
            return {"status": "failed", "reason": f"The job had already ended. Its results are at {kept}."}
        except OutOfTime:
            progress.is_careful = True
            return work.continue_later()
        except Exception:
            # This invocation did not crash, so the next one may try the same step in the same way.
            progress.end()
            if work.summary:  # it may not be saved yet
                progress.locations.pop(SUMMARY, None)
            with suppress(ClientError, BotoCoreError):
                work.save_progress()
            raise


@dataclass(kw_only=True)
class _Work:
    """One invocation's share of a delivery.

    Attributes:
        is_read_whole: Whether it has read all the results, and they hold to the contract. Only then the ledger gets
            their location, because `report_failure` takes a job with a location as done.
    """

    delivery: ResultsDelivery
    job: Job
    polling: Polling
    waiting: Waiting
    item: Mapping[str, Any]
    progress: Progress
    is_redelivery: bool
    summary: Summary | None = None
    is_read_whole: bool = False

    def run(self) -> Mapping[str, Any]:
        names = [SUMMARY, *self.delivery.outputs, *([EVENTS] if self.job.options.regions else [])]
        if not self.delivery.bucket.has(self.results_key) and (answer := self._fetch(names)):
            return answer
        try:
            return self._finish(names)
        except BrokenResults:
            if not self.is_redelivery or self.progress.is_fetched:
                raise
        # Only the stored file may be broken: the API may have valid results by now. Reading it was no crash.
        self.progress.end()
        self.save_progress(results_location=None)
        return self._fetch(names) or self._finish(names)

    def _fetch(self, names: Sequence[str]) -> Mapping[str, Any] | None:
        """Stores the API's results. Returns an answer if another invocation has to continue."""
        if answer := self._store(names):
            return answer
        self.progress.is_fetched = True
        return self.continue_later() if self.progress.is_careful else None

    def _finish(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Makes the remaining outputs from the stored results, and ends the delivery."""
        while left := self.progress.list_left(names):
            step = left[0] if self.progress.is_careful else ALL_OUTPUTS
            self._begin(step)
            if self.progress.is_careful:
                self._make_alone(left[0])
                if self.progress.list_left(names):
                    return self.continue_later()
            elif self.progress.deaths:
                self.progress.is_careful = True
            else:
                self._derive(self._read_stored(), left)
        self._end.conclude(self.summary, self.polling, self.progress, self.delivery.meter)
        return {"status": "delivered", "reason": None}

    def describe(self, broken: BrokenResults) -> str:
        """Says what is wrong with the results, how they begin, and where they are."""
        beginning = next(self.delivery.bucket.read(self.results_key), b"")[:BEGINNING_BYTES].decode(errors="replace")
        words = self.delivery.api.clean(beginning) or "(nothing)"
        return f"{broken} They begin with: {words} They are kept at {self.delivery.bucket.locate(self.results_key)}."

    def continue_later(self) -> Mapping[str, Any]:
        self.progress.end()
        self.progress.gigabyte_seconds += self.delivery.meter.gigabyte_seconds
        self.save_progress()
        return CONTINUING

    def save_progress(self, **further: Any) -> None:
        if self.is_read_whole:
            further = {"results_location": self.delivery.bucket.locate(self.results_key), **further}
        self.delivery.ledger.record(self.job.upload, self.job.attempt, delivery=self.progress.to_item(), **further)

    def _begin(self, step: str, **further: Any) -> None:
        self.progress.begin(step)
        self.save_progress(**further)

    def _learn(self, status: ReportedStatus) -> Mapping[str, Any]:
        """Takes over what the API says of the job, and returns what the ledger has of it. Of a job that was given up,
        no poll has heard it.
        """
        said = {"start_offset": status.start_offset, "api_cost_usd": status.cost_usd}
        known: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        self.job = replace(self.job, **known)
        return known

    def _store(self, names: Sequence[str]) -> Mapping[str, Any] | None:
        """Copies the results into the bucket, and derives the outputs at the same time if nothing has failed yet.

        Returns an answer if the delivery has to wait.
        """
        progress, bucket = self.progress, self.delivery.bucket
        copy = bucket.resume(self.results_key, "application/json", progress.upload_id, self._remember_upload)
        start, turn_at = copy.size_bytes, self.waiting.turn_at
        try:
            status, results = open_results(
                self.delivery.api, self.job, turn_at, start, is_redelivery=self.is_redelivery
            )
        except ApiUnavailable as unavailable:
            return self.waiting.put_off(unavailable)
        try:
            with closing(results), closing(self._watch(bucket.copy_stream(results, copy))) as pieces:
                self._begin(STORE, **self._learn(status))
                progress.is_careful = progress.is_careful or progress.deaths > 0
                if start or progress.is_careful:
                    drain(pieces)
                else:
                    self._derive(pieces, names)
        except OutOfTime:
            if copy.sent_bytes <= start or self.job.seconds_left(datetime.now(UTC)) < -LAST_TRIES_SECONDS:
                raise ApiUnavailable("The results arrive too slowly to be stored.") from None
            raise
        progress.requests += copy.requests
        progress.size_bytes += copy.size_bytes
        return None

    def _remember_upload(self, upload_id: str) -> None:
        self.progress.upload_id = upload_id
        self.save_progress()

    def _make_alone(self, name: str) -> None:
        """Makes one output from the stored results, or records that it can't be made."""
        if self.progress.deaths > DEATHS_MAX:
            self.progress.failed[name] = "The function crashed while making it: it needs too much memory or time."
            return
        try:
            self._derive(self._read_stored(), [name])
        except OutOfTime:
            self.progress.failed[name] = "It needs more time than the function's time limit."
        if self.summary:
            self._end.save_summary(self.summary)

    def _derive(self, pieces: Iterator[bytes], names: Sequence[str]) -> None:
        """Makes outputs from the results in `pieces`, and consumes all of these, also after an error in an output.

        Raises:
            BrokenResults: The results break the contract; then none of the outputs is made.
        """
        options = self.job.options
        summary = Summary(options.models, open_rules(self.job), regions=options.regions)
        outputs: list[GuardedOutput] = []
        try:
            outputs += (self._open(name, summary) for name in names)
            derive(pieces, self.job.options.models, outputs, self._read_stored, analysis=Analysis.of(self.job.options))
            self.is_read_whole = True
        except Exception as error:
            for output in outputs:
                output.fail(describe(error))
            if isinstance(error, BrokenResults):
                drain(pieces)
            if isinstance(error, VideoJobsError | ClientError | BotoCoreError | OSError):
                raise
            # An unexpected error: a bug. The results are stored nevertheless.
            logger.exception("The results can't be read.")
            drain(pieces)
        for output in outputs:
            if output.failure is None:
                self.progress.locations[output.name] = dict(output.locations)
            else:
                self.progress.failed[output.name] = output.failure
            self.progress.requests += output.files.requests
            self.progress.size_bytes += output.files.size_bytes
        if SUMMARY in names and SUMMARY not in self.progress.failed:
            self.summary = summary

    def _open(self, name: str, summary: Summary) -> GuardedOutput:
        def open_output(files: OutputFiles) -> Output:
            if name == EVENTS:
                return EventTables(self.job, files, self.delivery.outputs)
            return summary if name == SUMMARY else OPENERS[name](self.job, files)  # type: ignore[index]

        return GuardedOutput(name, open_output, OutputFiles(self.delivery.bucket, self.job, self.delivery.links.url))

    def _read_stored(self) -> Generator[bytes]:
        return self._watch(self.delivery.bucket.read(self.results_key))

    def _watch(self, pieces: Generator[bytes]) -> Generator[bytes]:
        """Yields `pieces` while there is time. Raises OutOfTime."""
        with closing(pieces):
            for piece in pieces:
                yield piece
                if self.delivery.count_seconds_left() < LAST_SECONDS:
                    raise OutOfTime

    @property
    def _end(self) -> DeliveryEnd:
        delivery = self.delivery
        return DeliveryEnd(
            ledger=delivery.ledger,
            sender=delivery.sender,
            bucket=delivery.bucket,
            links=delivery.links,
            share_link_days=delivery.share_link_days,
            retention_days=delivery.retention_days,
            job=self.job,
            item=self.item,
            is_redelivery=self.is_redelivery,
        )

    @property
    def results_key(self) -> str:
        return locate_results(self.job.upload.key, self.job.job_id, RESULTS_FILE)
