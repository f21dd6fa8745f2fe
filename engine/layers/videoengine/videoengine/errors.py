"""What the engine raises on purpose. Anything else is a bug, or a service that should be asked again.

RequestRefused            answered by `serve_api`, with a status
├── BadRequest            400: names the field
├── UnknownKey            401
├── NotFound              404: says "not found"
└── PolledTooOften        429: says when to come back
JobFailed                 written into the job's record: trying again would not help
└── ModelPackageInvalid   a model package that this engine can't run
"""


class RequestRefused(Exception):
    """A request that is answered with an error; its text is for the caller."""

    status_code: int


class BadRequest(RequestRefused):
    status_code = 400


class UnknownKey(RequestRefused):
    status_code = 401


class NotFound(RequestRefused):
    status_code = 404


class PolledTooOften(RequestRefused):
    """Come back in `retry_after_seconds`."""

    status_code = 429

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class JobFailed(Exception):
    """A job that can't succeed; its text goes into the job's record, for a person."""


class ModelPackageInvalid(JobFailed):
    """A model package that is broken, or asks for what this engine does not do."""
