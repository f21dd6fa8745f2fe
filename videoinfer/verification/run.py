"""The verification: what is sent to a stack, and what is checked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from videoinfer.repository import SAMPLE_VIDEO, require_repository
from videoinfer.verification.clip import ClipChecks
from videoinfer.verification.looking import Patience, look
from videoinfer.verification.mailboxes import Mailboxes, open_mailboxes
from videoinfer.verification.message_checks import check_event, check_notice, check_rejection, is_event, is_notice
from videoinfer.verification.traces import Traces
from videoinfer.verification.verdicts import CheckOutcome, Verdict, ok, wrong
from videoinfer.verification.waiting import wait_for
from videoinfer.verification.watch_checks import check_alarms, check_metrics, list_metrics, read_alarms, read_metrics

if TYPE_CHECKING:
    from videoinfer.pipeline_stack import PipelineStack

NO_VIDEO = b"videoinfer verify: this is not a video.\n"


def read_clip() -> bytes:
    """The video that is shipped with the repository. Raises `CommandError` outside of it."""
    require_repository("verify", "sends")
    return SAMPLE_VIDEO.read_bytes()


class Verification:
    """One verification of one stack. `clean_up` has to be called however `run` ends.

    Args:
        clip: The video that is shipped.
    """

    def __init__(self, stack: PipelineStack, clip: bytes, patience: Patience) -> None:
        self._stack = stack
        self._clip = clip
        self._patience = patience
        self._traces = Traces.begin(stack)
        self._boxes: Mailboxes | None = None

    def run(self) -> Iterator[CheckOutcome]:
        """Makes one check after the other, and yields each outcome as it is known."""
        started_at = datetime.now(UTC)
        yield look("mailboxes", self._listen)
        if not self._boxes:
            return
        yield from ClipChecks(self._traces, self._boxes, self._clip, self._patience).run()
        yield from self._check_rejected(self._boxes)
        yield look("metrics", partial(self._check_metrics, started_at))
        clients = self._stack.clients
        yield look("alarms", lambda: check_alarms(read_alarms(clients, self._stack.name)))

    def clean_up(self) -> CheckOutcome:
        """Removes all that was made."""
        return look("cleanup", self._traces.remove)

    def _listen(self) -> Verdict:
        boxes = open_mailboxes(self._traces)
        if not boxes.wait_until_heeded(self._traces, self._patience.settling):
            return wrong(f"A rule of the event bus has passed on nothing in {self._patience.settling:g} s.")
        self._boxes = boxes
        return ok("a queue subscribed to the notices, and one behind a rule for the events")

    def _check_rejected(self, boxes: Mailboxes) -> Iterator[CheckOutcome]:
        """A file that can't be a video, and what is told of it."""
        seconds = self._patience.settling

        def reject() -> Verdict:
            upload = self._traces.send("no-video.txt", NO_VIDEO, {})
            told = wait_for(lambda: self._traces.find_told(upload), seconds)
            return check_rejection(told or self._traces.find_item(upload), seconds)

        yield (rejected := look("rejected file", reject))
        upload = self._traces.uploads[-1]
        item = self._traces.find_item(upload)
        if rejected.level == "ok" and item:
            notice = partial(boxes.notices.wait_for, partial(is_notice, upload, "rejected"), seconds)
            contents = [item["error"], "nothing was billed"]
            yield look("rejected notice", lambda: check_notice(notice(), "rejected", item.get("notice_id"), contents))
            event = partial(boxes.events.wait_for, partial(is_event, upload), seconds)
            yield look("rejected event", lambda: check_event(event(), upload, item))

    def _check_metrics(self, started_at: datetime) -> Verdict:
        is_emulated = self._stack.is_emulated
        seconds = 0 if is_emulated else self._patience.metrics
        items = [item for upload in self._traces.uploads if (item := self._traces.find_item(upload))]
        expected = list_metrics([item["status"] for item in items])
        read = partial(read_metrics, self._stack.clients.cloudwatch, self._stack.name, expected, started_at)
        seen = wait_for(lambda: found if len(found := read()) == len(expected) else None, seconds) or read()
        return check_metrics(expected, seen, seconds, is_emulated=is_emulated)
