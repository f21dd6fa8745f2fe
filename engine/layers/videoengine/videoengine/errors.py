"""What the engine raises on purpose. Anything else is a bug, or a service that should be asked again.

RequestRefused            answered by `serve_api`, with a status
├── BadRequest            400: names the field
├── UnknownKey            401
├── NotFound              404: says "not found"
├── MethodNotAllowed      405: names the methods that are
└── PolledTooOften        429: says when to come back
JobFailed                 written into the job's record: trying again would not help
└── ModelPackageInvalid   a model package that this engine can't run
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class RequestRefused(Exception):
    """A request that is answered with an error; its text is for the caller.

    Attributes:
        headers: HTTP headers that the answer has besides.
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
    """The path takes the `allowed` methods only."""

    status_code = 405

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.headers = {"Allow": ", ".join(allowed)}


class PolledTooOften(RequestRefused):
    """Come back in `retry_after_seconds`."""

    status_code = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after_seconds)}


class JobFailed(Exception):
    """A job that can't succeed; its text goes into the job's record, for a person."""


class ModelPackageInvalid(JobFailed):
    """A model package that is broken, or asks for what this engine does not do."""


@contextmanager
def explain_model(package_name: str) -> Iterator[None]:
    """Says of a ModelPackageInvalid in the block which of a job's models it is about."""
    try:
        yield
    except ModelPackageInvalid as error:
        raise ModelPackageInvalid(f"Model {package_name} can't be run: {error}") from error
