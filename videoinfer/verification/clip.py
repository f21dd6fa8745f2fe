"""The checks of a video that becomes results. Each check first fetches what it checks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from videoinfer.ledger_view import Item
from videoinfer.upload_progress import read_history
from videoinfer.verification.check_runs import Timeouts, run_check
from videoinfer.verification.file_checks import (
    FileCheck,
    check_annotated_video,
    check_captions,
    check_coco,
    check_csv,
    check_dataset,
    check_file,
    check_record,
    check_results,
    check_summary,
)
from videoinfer.verification.link_checks import RANGE, check_forged, check_report, check_video, find_link, forge
from videoinfer.verification.links import open_link
from videoinfer.verification.mailboxes import Mailboxes, Message
from videoinfer.verification.message_checks import (
    check_end,
    check_event,
    check_execution,
    check_ledger,
    check_notice,
    check_unsent,
    is_event,
    is_notice,
)
from videoinfer.verification.sent_files import SentFile
from videoinfer.verification.tables import check_tables, compose_queries, run_query
from videoinfer.verification.traces import Traces
from videoinfer.verification.truth import FILES, INFER_FPS, Truth, read_truth
from videoinfer.verification.verdicts import CheckOutcome, Unavailable, Verdict, unseen, wrong
from videoinfer.verification.waiting import wait_for
from videojobs.errors import BrokenResults
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import ANNOTATION, MediaOutput, list_requested
from videojobs.jobs.states import ENDED_STATES
from videojobs.outputs.names import OutputName
from videojobs.result_files import RECORD_FILE, RESULTS_FILE, SUMMARY_FILE, locate_results

type Step = tuple[str, Callable[[], Verdict]]
"""A check's name, and the function that carries it out."""

_CHECKS: Mapping[OutputName, FileCheck] = {"csv": check_csv, "coco": check_coco, "webvtt": check_captions}
"""The checks of outputs that are one file. Tables are checked through Athena, and the report through its link."""


class ClipChecks:
    """Uploads the clip and checks everything that results from it."""

    def __init__(self, traces: Traces, boxes: Mailboxes, clip: SentFile, timeouts: Timeouts) -> None:
        self._stack = traces.stack
        self._traces = traces
        self._boxes = boxes
        self._clip = clip
        self._timeouts = timeouts
        self._sent_fps = INFER_FPS if "infer-fps" in self._stack.upload_options.limits.names else None
        self._item: Item = {}
        self._truth: Truth | None = None
        self._link: str | None = None

    def run(self) -> Iterator[CheckOutcome]:
        """Yields each outcome once it is known. Checks of things that can't exist are left out."""
        for check, step in self._list_steps():
            yield run_check(check, step)

    def _list_steps(self) -> Iterator[Step]:
        """The checks. Each is run before the next is requested, so the next may depend on its findings."""
        yield "job", self._follow
        status = str(self._item.get("status"))
        if status == "done":
            yield from self._list_files(Job.from_item(self._item))
        if status in ENDED_STATES:
            yield "notice", partial(self._check_notice, status)
            yield "event", self._check_event
        if status == "done":
            yield from self._list_links()
            yield from self._list_media(Job.from_item(self._item))
            yield "execution", self._check_execution

    def _follow(self) -> Verdict:
        metadata = {"infer-fps": str(self._sent_fps)} if self._sent_fps else {}
        upload = self._traces.send(self._clip.name, self._clip.body, metadata)
        if ended := wait_for(lambda: self._traces.find_ended(upload), self._timeouts.job):
            # Notice and event follow within a second.
            self._item = wait_for(lambda: self._traces.find_reported(upload), self._timeouts.follow_up) or ended
        return check_end(self._item or self._traces.find_item(upload), self._timeouts.job)

    def _list_files(self, job: Job) -> Iterator[Step]:
        yield RESULTS_FILE, partial(self._read_results, job)
        if (truth := self._truth) is None:
            return
        outputs = self._stack.outputs
        files: Sequence[tuple[str, FileCheck]] = [
            (SUMMARY_FILE, check_summary),
            (RECORD_FILE, partial(check_record, outputs=outputs)),
            *((FILES[output][0], check) for output, check in _CHECKS.items() if output in outputs),
        ]
        for name, check in files:
            yield name, partial(self._check_file, name, check, truth)
        if "parquet" in outputs:
            yield "tables", partial(self._check_tables, truth)
        yield "ledger", partial(check_ledger, self._item, truth, self._locate(job, RESULTS_FILE))

    def _read_results(self, job: Job) -> Verdict:
        content, _ = self._fetch(job, RESULTS_FILE)
        try:
            self._truth = read_truth(content, job)
        except BrokenResults as broken:
            raise Unavailable(str(broken)) from None
        return check_results(self._truth, self._sent_fps)

    def _check_file(self, name: str, check: FileCheck, truth: Truth) -> Verdict:
        content, _ = self._fetch(truth.job, name)
        return check_file(check, content, truth)

    def _check_tables(self, truth: Truth) -> Verdict:
        ask = partial(run_query, self._stack, note_started=self._traces.queries.append)
        detections, frames = map(ask, compose_queries(truth.job.job_id, truth.job.created_at[:10]))
        return check_tables(detections, frames, truth)

    def _check_notice(self, status: str) -> Verdict:
        if unsent := check_unsent(self._item, "notice_id", status):
            return unsent
        messages = self._receive_notices(status)
        self._link = find_link(messages[0]["Message"]) if messages else None
        contents = [self._item["job_id"], self._item["results_location"]] if status == "done" else []
        return check_notice(messages, status, self._item.get("notice_id"), contents)

    def _check_event(self) -> Verdict:
        [upload] = self._traces.uploads
        messages = self._boxes.events.wait_for(partial(is_event, upload), self._timeouts.follow_up)
        return check_event(messages, upload, self._item)

    def _list_links(self) -> Iterator[Step]:
        """The checks of the share link in the notice, and of what it opens."""
        if (link := self._link) is None:
            yield "link", lambda: unseen("There is no notice with a link.")
            return
        if (truth := self._truth) and "report" in self._stack.outputs:
            yield "report by link", lambda: check_report(open_link(link), link, truth)
        is_emulated = self._stack.is_emulated
        yield (
            "video by link",
            lambda: check_video(
                open_link(f"{link}/video", Range=RANGE), self._clip.body, self._clip.mime_type, is_emulated=is_emulated
            ),
        )
        yield "forged link", lambda: check_forged(open_link(forge(link)))

    def _list_media(self, job: Job) -> Iterator[Step]:
        """The checks of the annotated video and the dataset."""
        for output in list_requested(job.options):
            if "event_id" not in self._item:
                yield output.title, lambda: unseen("The delivery has not ended, and this is made after it.")
            else:
                yield output.title, partial(self._check_media, job, output)
                outcome = "annotated" if output is ANNOTATION else "dataset"
                yield f"{outcome} notice", partial(self._check_media_notice, output, outcome)

    def _check_media(self, job: Job, output: MediaOutput) -> Verdict:
        self._item = wait_for(partial(self._traces.find_with, job.upload, output), self._timeouts.job) or self._item
        if output.location not in self._item:
            return wrong(
                self._item.get(output.error) or f"There is no {output.title} after {self._timeouts.job:.0f} s."
            )
        content, content_type = self._fetch(job, output.file_name)
        return check_annotated_video(content, content_type) if output is ANNOTATION else check_dataset(content)

    def _check_media_notice(self, output: MediaOutput, outcome: str) -> Verdict:
        if unsent := check_unsent(self._item, output.notice_id, outcome):
            return unsent
        contents = [self._item["job_id"], output.file_name]
        messages = self._receive_notices(outcome)
        return check_notice(messages, outcome, self._item.get(output.notice_id), contents)

    def _receive_notices(self, outcome: str) -> Sequence[Message]:
        [upload] = self._traces.uploads
        return self._boxes.notices.wait_for(partial(is_notice, upload, outcome), self._timeouts.follow_up)

    def _check_execution(self) -> Verdict:
        sfn, arn = self._stack.clients.stepfunctions, self._item["execution_arn"]

        def find_end() -> str | None:
            status = sfn.describe_execution(executionArn=arn)["status"]
            return None if status == "RUNNING" else status

        status = wait_for(find_end, self._timeouts.follow_up) or "RUNNING"
        return check_execution(status, read_history(self._stack.clients, arn))

    def _fetch(self, job: Job, name: str) -> tuple[bytes, str]:
        """The content and the content type of one of the job's files. Raises `Unavailable` if it is not there."""
        s3, key = self._stack.clients.s3, locate_results(job.upload.key, job.job_id, name)
        try:
            answer = s3.get_object(Bucket=self._stack.results_bucket, Key=key)
        except s3.exceptions.NoSuchKey:
            raise Unavailable(f"{self._locate(job, name)} is not there.") from None
        return answer["Body"].read(), answer["ContentType"]

    def _locate(self, job: Job, name: str) -> str:
        return f"s3://{self._stack.results_bucket}/{locate_results(job.upload.key, job.job_id, name)}"
