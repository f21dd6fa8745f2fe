"""AWS's refusals, and the errors that boto3 raises for them."""

from typing import Any

from botocore.exceptions import ClientError


class Refused(Exception):
    """AWS refuses a call.

    Args:
        code: AWS's error code.
        status: The HTTP status.
        details: Further fields of the response.
    """

    def __init__(self, code: str, status: int = 400, **details: Any) -> None:
        super().__init__(code)
        self._code = code
        self._answer = {
            "Error": {"Code": code, "Message": "Not now."},
            "ResponseMetadata": {"HTTPStatusCode": status},
            **details,
        }

    def to_error(self, client: Any, operation: str) -> ClientError:
        """Returns what boto3 raises."""
        error: ClientError = client.exceptions.from_code(self._code)(self._answer, operation)
        return error
