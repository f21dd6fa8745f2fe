"""From pending notices to one mail, exactly once: the flow of `send_digest`.

A state machine calls it before and after it publishes the mail itself. A Standard workflow runs a state without a
retrier exactly once: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-standard-vs-express.html. So its
history says whether a digest was sent, also if the execution ended before the notices were concluded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from videojobs.logs import logger
from videojobs.notices.digest import compose_digest
from videojobs.notices.pending_notices import PendingNotice, PendingNotices
from videojobs.notices.share_links import SharedJob, ShareLinks

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

PUBLISH = "Publish Digest"
"""The name of the state that publishes the mail."""

NOTHING: Final = {"status": "nothing", "subject": "", "message": ""}

_ENDS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")


@dataclass(frozen=True, kw_only=True)
class DigestSending:
    """The steps of an execution that sends a digest. Each may be called again, after any failure."""

    pending: PendingNotices
    sfn: "SFNClient"
    links: ShareLinks
    share_link_days: float

    def collect(self, execution: str, tries: int) -> Mapping[str, str]:
        """Claims all notices that no other execution is sending, and composes their digest.

        Args:
            tries: How many tries of the same execution came before this one.

        Returns `{"status": "collected" | "nothing", "subject": …, "message": …}`.
        """
        self.pending.begin(execution, tries, datetime.now(UTC))
        notices = list(self.pending.read())
        others = {notice.claimed_by for notice in notices} - {None, execution}
        outcomes = {arn: find_outcome(self.sfn, arn) for arn in others if arn}
        told = [notice for notice in notices if outcomes.get(notice.claimed_by or "") == "told"]
        if told:
            self.pending.conclude(told, datetime.now(UTC))
            logger.warning("Notices of an execution that ended too early are concluded.", notices=len(told))
        mine = [notice for notice in notices if outcomes.get(notice.claimed_by or "", "untold") == "untold"]
        self.pending.claim([notice for notice in mine if notice.claimed_by != execution], execution, tries)
        logger.info("The notices have been collected.", notices=len(mine))
        if not mine:
            return NOTHING
        digest = compose_digest(mine, self._link)
        return {"status": "collected", "subject": digest.subject, "message": digest.message}

    def conclude(self, execution: str) -> Mapping[str, str]:
        """Records that the digest of an execution has been sent."""
        told = [notice for notice in self.pending.read() if notice.claimed_by == execution]
        self.pending.conclude(told, datetime.now(UTC))
        logger.info("The digest has been sent.", notices=len(told))
        return {"status": "concluded"}

    def _link(self, notice: PendingNotice) -> str:
        job = SharedJob(notice.upload_id, notice.attempt)
        link = self.links.make(job, datetime.now(UTC), self.share_link_days)
        return link.url if notice.moment is None else link.locate_moment(notice.moment)


def find_outcome(sfn: "SFNClient", execution: str) -> Literal["running", "told", "untold"]:
    """Returns whether an execution still runs, has published its digest, or ended without that.

    An execution that ended while it was publishing counts as `untold`: SNS may have accepted the mail, but nobody
    knows, and telling twice is better than never. So does one that is no longer recorded.
    """
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=execution, includeExecutionData=False)
    try:
        events = [event for page in pages for event in page["events"]]
    except sfn.exceptions.ExecutionDoesNotExist:
        return "untold"
    if not events or events[-1]["type"] not in _ENDS:
        return "running"
    return "told" if _has_published(events) else "untold"


def _has_published(events: "list[HistoryEventTypeDef]") -> bool:
    state = ""
    for event in events:
        state = event.get("stateEnteredEventDetails", {}).get("name", state)
        if event["type"] == "TaskSucceeded" and state == PUBLISH:
            return True
    return False
