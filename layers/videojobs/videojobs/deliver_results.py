"""From a finished job to results in S3: the flow of `deliver_results`."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from videojobs.api.client import VideoInferenceApi
from videojobs.delivery_end import DeliveryEnd
from videojobs.delivery_progress import DEATHS_MAX, FIRST, SUMMARY, Polling, Progress
from videojobs.errors import (
    ApiUnavailable,
    BrokenResults,
    ChangeRefused,
    OutOfTime,
    ResultsGone,
    VideoJobsError,
)
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.waiting import LAST_TRIES_SECONDS, NOT_YET, Waiting
from videojobs.logs import logger
from videojobs.notices.notices import NoticesTopic
from videojobs.notices.share_links import ShareLinks
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.guarded import GuardedOutput, describe
from videojobs.outputs.names import OutputName
from videojobs.outputs.registry import OPENERS
from videojobs.outputs.summary import Summary
from videojobs.result_files import RESULTS_FILE, locate_results
from videojobs.results.bucket import ResultsBucket, drain
from videojobs.results.derivation import Output, derive
from videojobs.results.link import open_results

LAST_SECONDS = 60
"""What is left of an invocation's time when it stops reading: for what it takes to complete or give up its files."""

BEGINNING_BYTES = 200
"""What is shown of results that are none."""

STORE, ALL_OUTPUTS = RESULTS_FILE, "outputs"
"""Steps, besides those of single outputs."""

CONTINUING: Final = {"status": "continuing", "reason": None}
"""The answer of an invocation that has left something for the next."""


@dataclass(frozen=True, kw_only=True)
class ResultsDelivery:
    """Delivers results. Called again for the same job, it goes on where it was and publishes no second notice.

    `results.json` is stored before anything else is completed, and with it the job is done. Outputs are derived while
    it streams by. What does not go well at once is done step by step: the file in as many invocations as it takes, then
    each output in one of its own, from the stored file.

    Attributes:
        outputs: What is derived, besides the summary.
        meter: What this invocation has used.
        count_seconds_left: Until this invocation is ended.
    """

    api: VideoInferenceApi
    ledger: Ledger
    topic: NoticesTopic
    bucket: ResultsBucket
    links: ShareLinks
    share_link_days: float
    outputs: Sequence[OutputName]
    retention_days: int
    meter: Meter
    count_seconds_left: Callable[[], float]

    def deliver(
        self, job: Job, polling: Polling, waiting: Waiting = NOT_YET, redelivery: str | None = None
    ) -> Mapping[str, Any]:
        """Stores the results, derives the outputs, writes records, and publishes the notice; or goes on with that.

        Args:
            redelivery: Names a later delivery of the same job. It derives the outputs of the stored results again, asks
                the API only where none are stored that can be read, which bills nothing, and publishes another notice.
                When the job finished and what it cost stay what they were.

        Returns `{"status": "delivered" | "failed" | "continuing", "reason": …}`, or that it is `waiting`.

        Raises:
            ApiUnavailable, ApiRefused, LinkExpired: the results can't be had now.
        """
        item = self.ledger.read(job.upload, job.attempt) or {}
        progress = Progress.from_item(item, redelivery or FIRST)
        progress.invocations += 1
        work = _Work(
            means=self,
            job=job,
            polling=polling,
            waiting=waiting,
            item=item,
            progress=progress,
            is_redelivery=redelivery is not None,
        )
        try:
            return work.go_on()
        except ResultsGone as gone:
            return {"status": "failed", "reason": str(gone)}
        except BrokenResults as broken:
            self.ledger.record(job.upload, job.attempt, results_location=None, delivery=None)
            return {"status": "failed", "reason": work.explain(broken)}
        except ChangeRefused:
            kept = self.bucket.locate(work.results_key)
            return {"status": "failed", "reason": f"The job had ended already. Its results are at {kept}."}
        except OutOfTime:
            progress.is_careful = True
            return work.continue_later()
        except Exception:
            # This invocation has not died: what it worked on may be tried as before.
            progress.end()
            with suppress(ClientError, BotoCoreError):
                work.save_progress()
            raise


@dataclass(kw_only=True)
class _Work:
    """One invocation's share of a delivery."""

    means: ResultsDelivery
    job: Job
    polling: Polling
    waiting: Waiting
    item: Mapping[str, Any]
    progress: Progress
    is_redelivery: bool
    summary: Summary | None = None

    def go_on(self) -> Mapping[str, Any]:
        names = [SUMMARY, *self.means.outputs]
        if not self.means.bucket.has(self.results_key) and (answer := self._fetch(names)):
            return answer
        try:
            return self._finish(names)
        except BrokenResults:
            if not self.is_redelivery or self.progress.is_fetched:
                raise
        # What is stored may be all that was wrong: the API may have whole results by now.
        self.save_progress(results_location=None)
        return self._fetch(names) or self._finish(names)

    def _fetch(self, names: Sequence[str]) -> Mapping[str, Any] | None:
        """Stores the API's results. Returns an answer where another invocation goes on."""
        if answer := self._store(names):
            return answer
        self.progress.is_fetched = True
        return self.continue_later() if self.progress.is_careful else None

    def _finish(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Makes what is left of the stored results, and ends the delivery."""
        while left := self.progress.list_left(names):
            self._begin(left[0] if self.progress.is_careful else ALL_OUTPUTS, is_stored=True)
            if self.progress.is_careful:
                self._make_alone(left[0])
                if self.progress.list_left(names):
                    return self.continue_later()
            elif self.progress.deaths:
                self.progress.is_careful = True
            else:
                self._derive(self._read_stored(), left)
        self._end.conclude(self.summary, self.polling, self.progress, self.means.meter)
        return {"status": "delivered", "reason": None}

    def explain(self, broken: BrokenResults) -> str:
        """What is wrong with the results, how they begin, and where they are."""
        beginning = next(self.means.bucket.read(self.results_key), b"")[:BEGINNING_BYTES].decode(errors="replace")
        words = self.means.api.clean(beginning) or "(nothing)"
        return f"{broken} They begin with: {words} They are kept at {self.means.bucket.locate(self.results_key)}."

    def continue_later(self) -> Mapping[str, Any]:
        self.progress.end()
        self.progress.gigabyte_seconds += self.means.meter.gigabyte_seconds
        self.save_progress()
        return CONTINUING

    def save_progress(self, **further: Any) -> None:
        self.means.ledger.record(self.job.upload, self.job.attempt, delivery=self.progress.to_item(), **further)

    def _begin(self, step: str, *, is_stored: bool) -> None:
        """Writes down what is about to be worked on, and that the results are there."""
        self.progress.begin(step)
        location = self.means.bucket.locate(self.results_key)
        self.save_progress(**({"results_location": location} if is_stored else {}))

    def _store(self, names: Sequence[str]) -> Mapping[str, Any] | None:
        """Copies the results into the bucket; where all goes well, the outputs are made on the way.

        Returns an answer where it is too early.
        """
        progress, bucket = self.progress, self.means.bucket
        copy = bucket.resume(self.results_key, "application/json", progress.upload_id, self._remember_upload)
        start, turn_at = copy.size_bytes, self.waiting.turn_at
        try:
            results = open_results(self.means.api, self.job, turn_at, start, is_redelivery=self.is_redelivery)
        except ApiUnavailable as unavailable:
            return self.waiting.put_off(unavailable)
        try:
            with closing(results), closing(self._watch(bucket.copy_stream(results, copy))) as pieces:
                self._begin(STORE, is_stored=False)
                progress.is_careful = progress.is_careful or progress.deaths > 0
                if start or progress.is_careful:
                    drain(pieces)
                else:
                    self._derive(pieces, names)
        except OutOfTime:
            if copy.sent_bytes <= start or self.job.seconds_left(datetime.now(UTC)) < -LAST_TRIES_SECONDS:
                raise ApiUnavailable("The results come too slowly to be stored.") from None
            raise
        progress.requests += copy.requests
        progress.size_bytes += copy.size_bytes
        return None

    def _remember_upload(self, upload_id: str) -> None:
        self.progress.upload_id = upload_id
        self.save_progress()

    def _make_alone(self, name: str) -> None:
        """Makes one output of the stored results, or gives it up."""
        if self.progress.deaths > DEATHS_MAX:
            self.progress.failed[name] = "The function ends while it is made: it takes too much memory or time."
            return
        try:
            self._derive(self._read_stored(), [name])
        except OutOfTime:
            self.progress.failed[name] = "It takes more time than the function has."
        if self.summary:
            self._end.save_summary(self.summary)

    def _derive(self, pieces: Iterator[bytes], names: Sequence[str]) -> None:
        """Makes outputs of the results in `pieces`, and takes all of these.

        Raises:
            BrokenResults: The results break the contract; no output is there then.
        """
        summary = Summary(self.job.options.models)
        outputs: list[GuardedOutput] = []
        try:
            outputs += (self._open(name, summary) for name in names)
            derive(pieces, self.job.options.models, outputs, self._read_stored)
        except Exception as error:
            for output in outputs:
                output.fail(describe(error))
            if isinstance(error, BrokenResults):
                drain(pieces)
            if isinstance(error, VideoJobsError | ClientError | BotoCoreError | OSError):
                raise
            # What can't be read for a reason that nobody thought of is stored all the same.
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
            return summary if name == SUMMARY else OPENERS[name](self.job, files)  # type: ignore[index]

        return GuardedOutput(name, open_output, OutputFiles(self.means.bucket, self.job, self.means.links.url))

    def _read_stored(self) -> Generator[bytes]:
        return self._watch(self.means.bucket.read(self.results_key))

    def _watch(self, pieces: Generator[bytes]) -> Generator[bytes]:
        """Passes pieces on while there is time. Raises OutOfTime."""
        with closing(pieces):
            for piece in pieces:
                yield piece
                if self.means.count_seconds_left() < LAST_SECONDS:
                    raise OutOfTime

    @property
    def _end(self) -> DeliveryEnd:
        means = self.means
        return DeliveryEnd(
            ledger=means.ledger,
            topic=means.topic,
            bucket=means.bucket,
            links=means.links,
            share_link_days=means.share_link_days,
            retention_days=means.retention_days,
            job=self.job,
            item=self.item,
            is_redelivery=self.is_redelivery,
        )

    @property
    def results_key(self) -> str:
        return locate_results(self.job.upload.key, self.job.job_id, RESULTS_FILE)
