"""The header `Idempotency-Key`: a caller that repeats a request, because it got no answer, gets the same job.

Sources: https://docs.stripe.com/api/idempotent_requests, and the IETF's draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from videoengine.errors import BadRequest

HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")

_SIGNATURE = re.compile(r"x-(amz|goog)-", re.IGNORECASE)
"""The beginning of the query parameters of a signature, which is another one each time that the same URL is signed."""


def read_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The request's key; None if it has none.

    Args:
        headers: with names in lower case, as API Gateway passes them.

    Raises:
        BadRequest: the key is empty or too long, or has other characters than visible ASCII.
    """
    key = headers.get(HEADER.lower())
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise BadRequest(f"The header {HEADER} must be 1 to 255 visible ASCII characters")
    return key


def digest_request(body: Mapping[str, Any]) -> str:
    """The SHA-256 digest of a request's body, in hex. It does not depend on the signature of `input_url`."""
    url = body.get("input_url")
    compared = {**body, "input_url": _without_signature(url)} if isinstance(url, str) else body
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()


def _without_signature(url: str) -> str:
    address, mark, query = url.partition("?")
    return address + mark + "&".join(part for part in query.split("&") if not _SIGNATURE.match(part))
