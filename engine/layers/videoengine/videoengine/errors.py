"""The engine's own exceptions. Any other exception is a bug, or means that a service should be called again.

RequestRefused            `serve_api` answers it with an HTTP status
├── BadRequest            400: names the field
├── UnknownKey            401
├── NotFound              404: says "not found"
├── MethodNotAllowed      405: names the allowed methods
├── Conflict              409: the Idempotency-Key was sent before, with another body
└── PolledTooOften        429: says when to try again
JobFailed                 goes into the job's record: trying again would not help
└── ModelPackageInvalid   this engine can't run the model package
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class RequestRefused(Exception):
    """A request that gets an error response. The message is for the caller.

    Attributes:
        headers: additional HTTP headers of the response.
    """

    status_code: int
    headers: Mapping[str, str] = {}


class BadRequest(RequestRefused):
    status_code = 400


class UnknownKey(RequestRefused):
    status_code = 401


class NotFound(RequestRefused):
    status_code = 404


class MethodNotAllowed(RequestRefused):
    """The path supports only the `allowed` methods."""

    status_code = 405

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.headers = {"Allow": ", ".join(allowed)}


class Conflict(RequestRefused):
    status_code = 409


class PolledTooOften(RequestRefused):
    """The caller should poll again after `retry_after_seconds`."""

    status_code = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_seconds)}


class JobFailed(Exception):
    """A job that can't succeed. The message goes into the job's record, for a person."""


class ModelPackageInvalid(JobFailed):
    """A model package that is broken, or needs a feature that this engine does not have."""


@contextmanager
def explain_model(package_name: str) -> Iterator[None]:
    """Adds the name, `<model_id>/<model_version>`, to any `ModelPackageInvalid` that is raised in the block."""
    try:
        yield
    except ModelPackageInvalid as error:
        raise ModelPackageInvalid(f"Model {package_name} can't be run: {error}") from error
