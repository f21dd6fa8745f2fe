"""API Gateway's HTTP events, and the answers to them: always JSON, an error always `{"error": "…"}`."""

import base64
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from videoengine.errors import PolledTooOften, RequestRefused
from videoengine.logs import logger
from videoengine.request_bodies import parse_body

type Answer = dict[str, Any]


@dataclass(frozen=True)
class HttpRequest:
    """A request to the API.

    Attributes:
        route: method and path, such as `POST /videoinfer` or `GET /{workspace}`, without a trailing slash.
        path: the path's parameters, by the names that the route gives them.
        query: the query's parameters; `api_key` is among them.
        content: the body as it came.
    """

    route: str
    path: dict[str, str]
    query: dict[str, str]
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The body's JSON object: looked at when it is asked for, which is after the key.

        Raises:
            BadRequest: it is none.
        """
        return parse_body(self.content)


def read_request(event: dict[str, Any]) -> HttpRequest:
    """Reads an event of an HTTP API, payload format 2.0."""
    text: str = event.get("body") or ""
    # What is no text in UTF-8 stays none, and is refused as such.
    content = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode(errors="surrogatepass")
    method, _, path = event["routeKey"].partition(" ")
    return HttpRequest(
        route=f"{method} {path.rstrip('/') or '/'}",
        path=event.get("pathParameters") or {},
        query=event.get("queryStringParameters") or {},
        content=content,
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
