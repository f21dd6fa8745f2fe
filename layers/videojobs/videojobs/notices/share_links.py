"""Share links: a URL in the notice opens one job's outputs without an AWS account, until it expires.

A link contains a token: the job's key in the ledger and the expiry, signed with a key in Secrets Manager. Nothing is
stored, so single links can't be revoked; changing the key revokes all of them.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer

from videojobs.jobs.ledger import VIDEO_SECONDS_MAX

LinkFault = Literal["expired", "invalid"]
"""Why a token is refused: it has expired, or the current key has not signed it."""


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
        """Returns the link to one of the job's outputs."""
        return f"{self.url}/{name}"

    def locate_moment(self, seconds: float) -> str:
        """Returns the link that opens the report at a time of the player.

        The time is in the query, because the redirect has a fragment of its own, which replaces that of the link
        (RFC 9110, 10.2.2).
        """
        return f"{self.url}?t={math.floor(min(seconds, VIDEO_SECONDS_MAX))}"


class ShareLinks:
    """Makes and reads links.

    Args:
        key: The key that signs tokens.
        url: Base URL of the API that answers links.
    """

    def __init__(self, key: str, url: str) -> None:
        self.url = url.rstrip("/")
        self._serializer = URLSafeSerializer(
            key, salt="videoinfer share link", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def make(self, job: SharedJob, now: datetime, days: float) -> ShareLink:
        """Returns a link that opens `job` for `days`."""
        expires_at = (now + timedelta(days=days)).astimezone(UTC).replace(microsecond=0)
        token = self._serializer.dumps([job.upload_id, job.attempt, int(expires_at.timestamp())])
        return ShareLink(self.locate(str(token)), expires_at)

    def locate(self, token: str) -> str:
        """Returns the URL of a token; `/video` or an output's name may follow."""
        return f"{self.url}/s/{token}"

    def read(self, token: str, now: datetime) -> SharedJob | LinkFault:
        """Returns the job that `token` opens at `now`, or why it is refused."""
        try:
            content = self._serializer.loads(token)
        except BadData:
            return "invalid"
        # Base64 can encode the same bytes in several ways; accept only one.
        if self._serializer.dumps(content) != token:
            return "invalid"
        upload_id, attempt, expires_at = content
        return "expired" if now.timestamp() >= expires_at else SharedJob(upload_id, attempt)
