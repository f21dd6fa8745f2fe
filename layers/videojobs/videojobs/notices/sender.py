"""Which notices are sent at once, which wait for a digest, and which are not sent: the stack's parameter `Notices`."""

from dataclasses import dataclass
from typing import Any, Literal

from videojobs.jobs.ledger import NO_PROBLEM, NOT_SENT
from videojobs.jobs.uploads import Upload
from videojobs.notices.notices import Notice, NoticesTopic
from videojobs.notices.pending_notices import PendingNotices

type Mode = Literal["each", "digest", "problems"]
"""Send each notice; collect them for a digest; or send only problems, matched rules and what a person asked for."""


@dataclass(frozen=True)
class NoticeSender:
    """Sends the functions' notices."""

    topic: NoticesTopic
    pending: PendingNotices
    mode: Mode

    def send(self, notice: Notice, upload: Upload, attempt: int, redelivery: str | None = None) -> str:
        """Sends a notice about an attempt at an upload, or keeps it for the next digest.

        Args:
            redelivery: The name of the later delivery that the notice is about.

        Returns what the ledger records as the notice's ID: SNS's message ID, the pending notice's ID or `NOT_SENT`.
        """
        if self.mode == "digest":
            return self.pending.add(notice, upload, attempt, redelivery)
        is_asked_for = redelivery is not None
        if self.mode == "problems" and not (notice.is_problem or notice.found.rules or is_asked_for):
            return NOT_SENT
        return self.topic.publish(notice)


def describe_sending(notice_id: str) -> dict[str, Any]:
    """Returns what the ledger records about a job's notice: its ID, and why it is not sent."""
    return {"notice_id": notice_id, "no_notice": NO_PROBLEM if notice_id == NOT_SENT else None}
