"""One verification of a stack, from the first check to the cleanup."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from videoinfer.pipeline_stack import PipelineStack
from videoinfer.repository import SAMPLE_VIDEO, require_repository
from videoinfer.verification.check_runs import Timeouts, run_check
from videoinfer.verification.clip import ClipChecks
from videoinfer.verification.mailboxes import Mailboxes, open_mailboxes
from videoinfer.verification.message_checks import (
    check_event,
    check_notice,
    check_rejection,
    check_unsent,
    is_event,
    is_notice,
)
from videoinfer.verification.sent_files import choose_files
from videoinfer.verification.traces import Traces
from videoinfer.verification.verdicts import CheckOutcome, Verdict, ok, wrong
from videoinfer.verification.waiting import wait_for
from videoinfer.verification.watch_checks import check_alarms, check_metrics, list_metrics, read_alarms, read_metrics


def read_clip() -> bytes:
    """The repository's sample video. Raises `CommandError` if the command does not run from the repository."""
    require_repository("verify", "sends")
    return SAMPLE_VIDEO.read_bytes()


class Verification:
    """One verification of one stack. Call `clean_up` in any case, also if `run` raises.

    Args:
        clip: The content of the sample video.

    Raises:
        CommandError: The stack ignores such videos. Nothing was created.
    """

    def __init__(self, stack: PipelineStack, clip: bytes, timeouts: Timeouts) -> None:
        self._stack = stack
        self._files = choose_files(stack, clip)
        self._timeouts = timeouts
        self._traces = Traces.begin(stack)
        self._boxes: Mailboxes | None = None

    def run(self) -> Iterator[CheckOutcome]:
        """Runs the checks in order, and yields each outcome once it is known."""
        started_at = datetime.now(UTC)
        yield run_check("mailboxes", self._listen)
        if not self._boxes:
            return
        yield from ClipChecks(self._traces, self._boxes, self._files.video, self._timeouts).run()
        yield from self._check_rejected(self._boxes)
        yield run_check("metrics", partial(self._check_metrics, started_at))
        clients = self._stack.clients
        yield run_check("alarms", lambda: check_alarms(read_alarms(clients, self._stack.name)))

    def clean_up(self) -> CheckOutcome:
        """Removes everything that the verification created."""
        return run_check("cleanup", self._traces.remove)

    def _listen(self) -> Verdict:
        boxes = open_mailboxes(self._traces)
        if not boxes.wait_until_rule_works(self._traces, self._timeouts.follow_up):
            return wrong(f"A new rule of the event bus has sent no event in {self._timeouts.follow_up:g} s.")
        self._boxes = boxes
        return ok("created a queue for notices and a queue for events")

    def _check_rejected(self, boxes: Mailboxes) -> Iterator[CheckOutcome]:
        """Uploads a file that is not a video, and checks its rejection, notice and event."""
        seconds = self._timeouts.follow_up

        def reject() -> Verdict:
            upload = self._traces.send(self._files.no_video.name, self._files.no_video.body, {})
            item = wait_for(lambda: self._traces.find_reported(upload), seconds)
            return check_rejection(item or self._traces.find_item(upload), seconds, self._files.reason)

        yield (rejected := run_check("rejected file", reject))
        upload = self._traces.uploads[-1]
        item = self._traces.find_item(upload)
        if rejected.level == "ok" and item:
            notice = partial(boxes.notices.wait_for, partial(is_notice, upload, "rejected"), seconds)
            contents = [item["error"], "nothing was billed"]
            yield run_check(
                "rejected notice",
                lambda: (
                    check_unsent(item, "notice_id", "rejected")
                    or check_notice(notice(), "rejected", item.get("notice_id"), contents)
                ),
            )
            event = partial(boxes.events.wait_for, partial(is_event, upload), seconds)
            yield run_check("rejected event", lambda: check_event(event(), upload, item))

    def _check_metrics(self, started_at: datetime) -> Verdict:
        is_emulated = self._stack.is_emulated
        seconds = 0 if is_emulated else self._timeouts.metrics
        items = [item for upload in self._traces.uploads if (item := self._traces.find_item(upload))]
        expected = list_metrics([item["status"] for item in items])
        read = partial(read_metrics, self._stack.clients.cloudwatch, self._stack.name, expected, started_at)
        seen = wait_for(lambda: found if len(found := read()) == len(expected) else None, seconds) or read()
        return check_metrics(expected, seen, seconds, is_emulated=is_emulated)
