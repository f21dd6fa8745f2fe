"""A stand-in for API Gateway's HTTP APIs: a WSGI application that routes requests to a function as a template says.

It runs in this process and follows AWS's documentation under
https://docs.aws.amazon.com/apigateway/latest/developerguide/:

- http-api-develop-routes.html: how a route is selected, and that path variables are decoded;
- http-api-develop-integrations-lambda.html: the event and the response in payload format 2.0;
- http-api-quotas.html: the largest request.

Two facts are not documented. API Gateway refuses to create a route that ends in a slash or has an empty path segment
(https://github.com/storacha/w3infra/pull/166). rawPath is decoded except for percent signs
(https://github.com/honojs/hono/issues/2156).
"""

import base64
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from tests.templates import find_resources

type StartResponse = Callable[[str, list[tuple[str, str]]], object]
type Pairs = Sequence[tuple[str, str]]

DEFAULT = "$default"
MAX_BODY_BYTES = 10 * 1024 * 1024
_METHODS = ("ANY", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "DELETE")
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


class RouteRefused(Exception):
    """API Gateway would refuse to create a route with this key, so the stack's deployment would fail."""


@dataclass(frozen=True)
class Match:
    """The route that a request takes.

    Attributes:
        route: Its route key.
        variables: The decoded path variables by name.
    """

    route: str
    variables: Mapping[str, str]


class ApiGateway:
    """Serves the only HTTP API in an application's template.

    Args:
        application: "pipeline" or "engine".
        invoke: Calls the function behind the API with an event. It may be set later, but before the first request.

    Raises:
        RouteRefused: The template has a route that API Gateway would not create.
    """

    def __init__(self, application: str, invoke: Callable[[dict[str, Any]], Any] | None = None) -> None:
        self.invoke = invoke
        [stage] = find_resources(application, "AWS::ApiGatewayV2::Stage").values()
        self.stage: str = stage["Properties"]["StageName"]
        self.routes = [
            route["Properties"]["RouteKey"]
            for route in find_resources(application, "AWS::ApiGatewayV2::Route").values()
        ]
        for route in self.routes:
            check_route(route)

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, uri = environ["REQUEST_METHOD"], environ["REQUEST_URI"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = self.answer(method, uri, _read_headers(environ), body)
        status = HTTPStatus(answer["statusCode"])
        start_response(f"{status.value} {status.phrase}", list(answer["headers"].items()))
        return [b"" if method == "HEAD" else answer["body"].encode()]

    def answer(self, method: str, uri: str, headers: Pairs = (), body: bytes = b"") -> dict[str, Any]:
        """Returns the client's answer as a dictionary with `statusCode`, `headers` and `body`."""
        path, _, query = uri.partition("?")
        if len(body) > MAX_BODY_BYTES:
            return _say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large")
        match = select_route(self.routes, method, path)
        if match is None:
            return _say(HTTPStatus.NOT_FOUND, "Not Found")
        assert self.invoke
        pairs = parse_qsl(query, keep_blank_values=True)
        event = make_event(method, decode_path(path), pairs, headers, body, match=match, stage=self.stage)
        return _read_answer(self.invoke(event))


def check_route(route: str) -> None:
    """Refuses the route keys that API Gateway refuses.

    Raises:
        RouteRefused: The key is neither `$default` nor a method followed by a path without empty segments.
    """
    if route == DEFAULT:
        return
    method, _, path = route.partition(" ")
    parts = path.split("/")[1:]
    if method not in _METHODS or not path.startswith("/"):
        raise RouteRefused(f"{route}: not a method and a path")
    if path != "/" and not all(parts):
        raise RouteRefused(f"{route}: a part of the path is empty")
    if any(part.endswith("+}") for part in parts[:-1]):
        raise RouteRefused(f"{route}: a greedy variable must come last")


def select_route(routes: Iterable[str], method: str, path: str) -> Match | None:
    """Selects a request's route: a full match first, then a greedy variable, then `$default`; None if
    nothing matches.
    """
    matches = [
        Match(route, variables)
        for route in routes
        if (variables := _match(route, method, path.split("/")[1:])) is not None
    ]
    return min(matches, key=lambda match: _rank(match.route), default=None)


def make_event(
    method: str,
    path: str,
    query: Pairs = (),
    headers: Pairs = (),
    body: bytes = b"",
    *,
    match: Match | None = None,
    stage: str = DEFAULT,
) -> dict[str, Any]:
    """Makes the event that a function receives, in payload format 2.0.

    Args:
        path: The decoded path.
        query: Decoded names and values.
        headers: Names and values; a repeated name is joined with commas.
        match: The selected route, `$default` unless given.
        stage: The stage's name, which precedes the path unless it is `$default`.
    """
    match = match or Match(DEFAULT, {})
    joined = _join((name.lower(), value) for name, value in headers)
    cookies = joined.pop("cookie", "")
    is_text = joined.get("content-type", "").startswith(_TEXT_TYPES)
    path = path if stage == DEFAULT else f"/{stage}{path}"
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route,
        "rawPath": path,
        "rawQueryString": urlencode(query, errors="surrogatepass"),
        "headers": {"host": "id.execute-api.us-east-1.amazonaws.com", **joined},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": joined.get("user-agent", ""),
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": match.route,
            "stage": stage,
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": bool(body) and not is_text,
    }
    # Absent parts of a request are also absent from its event.
    if cookies:
        event["cookies"] = cookies.split("; ")
    if query:
        event["queryStringParameters"] = _join(query)
    if match.variables:
        event["pathParameters"] = dict(match.variables)
    if body:
        event["body"] = body.decode(errors="replace") if is_text else base64.b64encode(body).decode()
    return event


def decode_path(path: str) -> str:
    """Decodes a request's path as API Gateway does for rawPath: percent signs stay encoded."""
    return unquote(path.replace("%25", "%2525"))


def _match(route: str, method: str, parts: list[str]) -> dict[str, str] | None:
    """Returns the path's variables if the route takes the request, else None."""
    if route == DEFAULT:
        return {}
    expected_method, _, expected_path = route.partition(" ")
    expected = expected_path.split("/")[1:]
    if expected[-1].endswith("+}"):
        parts = [*parts[: len(expected) - 1], "/".join(parts[len(expected) - 1 :])]
    if expected_method not in ("ANY", method) or len(expected) != len(parts):
        return None
    variables = {}
    for name, part in zip(expected, parts, strict=True):
        # A variable, greedy or not, never matches an empty segment.
        if name.startswith("{") and part:
            variables[name.strip("{+}")] = unquote(part)
        elif name != part:
            return None
    return variables


def _rank(route: str) -> tuple[bool, bool, int, bool]:
    return route == DEFAULT, route.endswith("+}"), route.count("{"), route.startswith("ANY ")


def _read_headers(environ: Mapping[str, Any]) -> Pairs:
    named = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    named |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return [(name.replace("_", "-"), value) for name, value in named.items()]


def _join(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Joins the values of each repeated name with commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _read_answer(answer: Any) -> dict[str, Any]:
    """Returns the function's response; a response in another format becomes a 500 for the client."""
    if isinstance(answer, dict) and isinstance(answer.get("statusCode"), int):
        read: dict[str, Any] = {"headers": {}, "body": "", **answer}
        texts = [read["body"], *itertools.chain.from_iterable(read["headers"].items())]
        if all(isinstance(text, str) for text in texts):
            return read
    return _say(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")


def _say(status: HTTPStatus, message: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    return {"statusCode": int(status), "headers": headers, "body": f'{{"message":"{message}"}}'}
