"""Reads API Gateway's HTTP events and writes responses: always JSON, and `{"error": "…"}` for errors.

API Gateway has only one route, `$default`, and sends every request here. Its own routes can't end in a slash, as the
paths of the Video Inference API do.
"""

import base64
import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from videoengine.api_keys import NOBODY, Caller
from videoengine.errors import MethodNotAllowed, NotFound, RequestRefused
from videoengine.logs import logger
from videoengine.request_bodies import parse_body, quote

type Answer = dict[str, Any]


@dataclass(frozen=True)
class HttpRequest:
    """A request to the API.

    Attributes:
        route: the route that the request matches, such as `POST /videoinfer` or `GET /{workspace}`.
        path: the path's variables, by the names that the route gives them.
        query: the query's parameters, `api_key` included.
        headers: with names in lower case.
        content: the raw body.
        caller: who sent it; `NOBODY` until the API key is checked.
    """

    route: str
    path: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    content: bytes
    caller: Caller = NOBODY

    @property
    def body(self) -> dict[str, Any]:
        """The body's JSON object. It is parsed on access, so only after the API key is checked.

        Raises:
            BadRequest: the body is not a JSON object.
        """
        return parse_body(self.content)


def read_request(event: dict[str, Any], routes: Iterable[str]) -> HttpRequest:
    """Reads an event of an HTTP API, payload format 2.0.

    Args:
        routes: method and path of each operation, such as `GET /{workspace}`. `{name}` stands for one part of a path.
            Paths match with and without a trailing slash. The route with the fewest variables wins.

    Raises:
        NotFound: no route has this path.
        MethodNotAllowed: the routes with this path have other methods.
    """
    text: str = event.get("body") or ""
    # Keep invalid UTF-8 so that parse_body rejects it.
    content = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode(errors="surrogatepass")
    route, variables = _find_route(event["requestContext"]["http"]["method"], event["rawPath"], routes)
    return HttpRequest(
        route=route,
        path=variables,
        query=event.get("queryStringParameters") or {},
        headers=event.get("headers") or {},
        content=content,
    )


def _find_route(method: str, path: str, routes: Iterable[str]) -> tuple[str, dict[str, str]]:
    parts = path.strip("/").split("/")
    matching: dict[str, dict[str, str]] = {}
    for route in routes:
        _, _, pattern = route.partition(" ")
        if (variables := _match_path(pattern.strip("/").split("/"), parts)) is not None:
            matching[route] = variables
    if not matching:
        raise NotFound(f"Path {quote(path)} not found")
    fewest = min(map(len, matching.values()))
    allowed = {route.partition(" ")[0]: route for route, variables in matching.items() if len(variables) == fewest}
    if method not in allowed:
        raise MethodNotAllowed(f"{quote(path)} takes {' and '.join(allowed)}, not {quote(method)}", allowed)
    return allowed[method], matching[allowed[method]]


def _match_path(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    """The path's variables; None if the path does not match."""
    if len(pattern) != len(parts):
        return None
    variables = {}
    for expected, part in zip(pattern, parts, strict=True):
        # API Gateway has decoded the path already.
        if expected.startswith("{") and part:
            variables[expected[1:-1]] = part
        elif expected != part:
            return None
    return variables


def answer(status_code: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """A response in payload format 2.0."""
    return {
        "statusCode": status_code,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "body": json.dumps(body),
    }


def answer_errors(handler: Callable[[dict[str, Any], Any], Answer]) -> Callable[[dict[str, Any], Any], Answer]:
    """Turns exceptions of `handler` into error responses.

    `RequestRefused` becomes its status and message. Any other exception becomes 500, with the id of the request in the
    function's log.
    """

    @functools.wraps(handler)
    def answering(event: dict[str, Any], context: Any) -> Answer:
        try:
            return handler(event, context)
        except RequestRefused as refusal:
            logger.info("Refused", status_code=refusal.status_code, reason=str(refusal))
            return answer(refusal.status_code, {"error": str(refusal)}, refusal.headers)
        except Exception:
            logger.exception("Not answered")
            return answer(500, {"error": f"The engine failed; its log has request {context.aws_request_id}"})

    return answering
