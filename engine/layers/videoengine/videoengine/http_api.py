"""API Gateway's HTTP events, and the answers to them: always JSON, an error always `{"error": "…"}`."""

import base64
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from videoengine.errors import BadRequest, PolledTooOften, RequestRefused
from videoengine.logs import logger

MAX_BODY_CHARACTERS = 65_536
"""A hundred models and the longest signed URLs fit several times."""

type Answer = dict[str, Any]


@dataclass(frozen=True)
class HttpRequest:
    """A request to the API.

    Attributes:
        route: method and path, such as `POST /videoinfer` or `GET /{workspace}`, without a trailing slash.
        path: the path's parameters, by the names that the route gives them.
        query: the query's parameters; `api_key` is among them.
        text: the body as it came.
    """

    route: str
    path: dict[str, str]
    query: dict[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The body's JSON object.

        Raises:
            BadRequest: it is none, or longer than any request is.
        """
        if len(self.text) > MAX_BODY_CHARACTERS:
            raise BadRequest(f"The body is longer than {MAX_BODY_CHARACTERS} characters")
        try:
            parsed = json.loads(self.text)
            # Halves of a surrogate pair are JSON, but no text that could be written anywhere.
            json.dumps(parsed, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise BadRequest("The body must be JSON") from error
        if not isinstance(parsed, dict):
            raise BadRequest("The body must be a JSON object")
        return parsed


def read_request(event: dict[str, Any]) -> HttpRequest:
    """Reads an event of an HTTP API, payload format 2.0."""
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode(errors="replace")
    method, _, path = event["routeKey"].partition(" ")
    return HttpRequest(
        route=f"{method} {path.rstrip('/') or '/'}",
        path=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        text=text,
    )


def answer(status_code: int, body: dict[str, Any]) -> Answer:
    return {
        "statusCode": status_code,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body),
    }


def answer_errors(handler: Callable[[dict[str, Any], Any], Answer]) -> Callable[[dict[str, Any], Any], Answer]:
    """Answers what `handler` raises: a refusal with its status and words, anything else with 500 and where to look."""

    @functools.wraps(handler)
    def answering(event: dict[str, Any], context: Any) -> Answer:
        try:
            return handler(event, context)
        except RequestRefused as refusal:
            logger.info("Refused", status_code=refusal.status_code, reason=str(refusal))
            refused = answer(refusal.status_code, {"error": str(refusal)})
            if isinstance(refusal, PolledTooOften):
                refused["headers"]["Retry-After"] = str(refusal.retry_after_seconds)
            return refused
        except Exception:
            logger.exception("Not answered")
            return answer(500, {"error": f"The engine failed; its log has request {context.aws_request_id}"})

    return answering
