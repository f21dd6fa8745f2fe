"""Share links: a URL in the notice by which somebody without an AWS account looks at one job, until it expires.

A link holds a token: which job of the ledger, and until when, signed with a key that the stack keeps in Secrets
Manager. Nothing is stored, so links are revoked all at once, by another key.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer

LinkFault = Literal["expired", "invalid"]
"""Why a token opens nothing: it was good once, or the key that is in use has not signed it."""


@dataclass(frozen=True)
class SharedJob:
    """The job that a token names, by its key in the ledger."""

    upload_id: str
    attempt: int


@dataclass(frozen=True)
class ShareLink:
    """A link, and when it stops working."""

    url: str
    expires_at: datetime

    def locate(self, name: str) -> str:
        """The link to one of the job's outputs."""
        return f"{self.url}/{name}"


class ShareLinks:
    """Makes and reads links.

    Args:
        key: What tokens are signed with.
        url: Base URL of the API that answers links.
    """

    def __init__(self, key: str, url: str) -> None:
        self.url = url.rstrip("/")
        self._serializer = URLSafeSerializer(
            key, salt="videoinfer share link", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def make(self, job: SharedJob, now: datetime, days: float) -> ShareLink:
        """A link that opens `job` for `days`."""
        expires_at = (now + timedelta(days=days)).astimezone(UTC).replace(microsecond=0)
        token = self._serializer.dumps([job.upload_id, job.attempt, int(expires_at.timestamp())])
        return ShareLink(self.locate(str(token)), expires_at)

    def locate(self, token: str) -> str:
        """The URL of a token; `/video` and the names of outputs go after it."""
        return f"{self.url}/s/{token}"

    def read(self, token: str, now: datetime) -> SharedJob | LinkFault:
        """The job that `token` opens at `now`, or why it opens none."""
        try:
            content = self._serializer.loads(token)
        except BadData:
            return "invalid"
        # Base64 has several spellings of the same bytes; a token has one.
        if self._serializer.dumps(content) != token:
            return "invalid"
        upload_id, attempt, expires_at = content
        return "expired" if now.timestamp() >= expires_at else SharedJob(upload_id, attempt)
