"""What an HTTP status of the Video Inference API means.

Sources: the API's contract; for what it leaves open, RFC 9110 (https://www.rfc-editor.org/rfc/rfc9110#section-15).
"""

from typing import Literal

type RefusalSubject = Literal["address", "key", "request", "other"]
"""What a refusal is about: the API's address, its key, what was asked for (a job or a model that the API does not
know), or none of these."""

_PASSING = {408, 425, 429}
_ABOUT_KEY = {401, 403}
_ABOUT_REQUEST = {400, 404, 410, 422}
_LINK_EXPIRED = {*_ABOUT_KEY, 400, 404, 410}


def is_passing(status: int) -> bool:
    """Whether the same request may go well later."""
    return status >= 500 or status in _PASSING


def may_have_acted(status: int, *, says_when: bool) -> bool:
    """Whether the API may have done what it was asked for, though it answered with a passing `status`.

    Args:
        says_when: The answer has `Retry-After`. Without it a 503 may be a gateway's own time-out.
    """
    return not (status in _PASSING or (status == 503 and says_when))


def classify_refusal(status: int) -> RefusalSubject:
    """What a refusal is about; `status` is below 500 and not passing."""
    if status < 400:
        return "address"
    if status in _ABOUT_KEY:
        return "key"
    return "request" if status in _ABOUT_REQUEST else "other"


def is_expired_link(status: int) -> bool:
    """Whether storage says so of a signed link that no longer works."""
    return status in _LINK_EXPIRED
