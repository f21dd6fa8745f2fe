"""What an HTTP status of the Video Inference API means.

Sources: the API's contract; for what it leaves open, RFC 9110 (https://www.rfc-editor.org/rfc/rfc9110#section-15).
"""

from typing import Literal

type RefusalSubject = Literal["address", "key", "request", "other"]
"""What a refusal is about: the API's address, the key, the request (an unknown job or model), or something else."""

_PASSING = {408, 425, 429}
_ABOUT_KEY = {401, 403}
_ABOUT_REQUEST = {400, 404, 410, 422}
_LINK_EXPIRED = {*_ABOUT_KEY, 400, 404, 410}


def is_passing(status: int) -> bool:
    """Returns whether the same request may succeed later."""
    return status >= 500 or status in _PASSING


def may_have_acted(status: int, *, says_when: bool) -> bool:
    """Returns whether the API may have executed the request, although it answered with a passing `status`.

    Args:
        says_when: The response has `Retry-After`. Without it, a 503 may be a gateway's own timeout.
    """
    return not (status in _PASSING or (status == 503 and says_when))


def classify_refusal(status: int) -> RefusalSubject:
    """Returns what a refusal by one of the API's own endpoints is about; `status` is below 500 and not passing."""
    if status < 400:
        return "address"
    if status in _ABOUT_KEY:
        return "key"
    return "request" if status in _ABOUT_REQUEST else "other"


def is_expired_link(status: int) -> bool:
    """Returns whether storage answers like this to a signed link that no longer works."""
    return status in _LINK_EXPIRED
