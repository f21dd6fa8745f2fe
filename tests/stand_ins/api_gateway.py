"""API Gateway's HTTP APIs in this process: a WSGI application that hands requests to a function by a template's routes.

By AWS's documentation, under https://docs.aws.amazon.com/apigateway/latest/developerguide/:

- http-api-develop-routes.html: which route a request takes, and that path variables come decoded;
- http-api-develop-integrations-lambda.html: the event and the answer in payload format 2.0;
- http-api-quotas.html: how large a request may be.

The documentation does not say that a route must not end in a slash, nor that no part of a path matches nothing. API
Gateway refuses such a route when it is created (https://github.com/storacha/w3infra/pull/166), and rawPath comes
decoded except for percent signs (https://github.com/honojs/hono/issues/2156).
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
    """API Gateway does not create a route with this key, and the stack's deployment fails."""


@dataclass(frozen=True)
class Match:
    """The route that a request takes.

    Attributes:
        variables: the path's, decoded.
    """

    route: str
    variables: Mapping[str, str]


class ApiGateway:
    """Serves the one HTTP API of an application's template.

    Attributes:
        invoke: calls the function behind it; may be set when there is one.
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
        """What a client gets: `statusCode`, `headers`, `body`."""
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
    """Refuses a route's key as API Gateway does.

    Raises:
        RouteRefused: It is neither `$default` nor a method with a path of parts.
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
    """The route of a request: a full match, or else one with a greedy variable, or else `$default`."""
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
    """The event that a function gets, in payload format 2.0.

    Args:
        path: decoded.
        match: by default `$default`.
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
    # What a request doesn't have is not in the event either.
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
    """A request's path as rawPath has it."""
    return unquote(path.replace("%25", "%2525"))


def _match(route: str, method: str, parts: list[str]) -> dict[str, str] | None:
    """The variables of a path that the route takes."""
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
        # No variable, greedy or not, stands for nothing.
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
    """What has one name is one value, with commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _read_answer(answer: Any) -> dict[str, Any]:
    """A function's answer, where it has the format; another one is the client's 500."""
    if isinstance(answer, dict) and isinstance(answer.get("statusCode"), int):
        read: dict[str, Any] = {"headers": {}, "body": "", **answer}
        texts = [read["body"], *itertools.chain.from_iterable(read["headers"].items())]
        if all(isinstance(text, str) for text in texts):
            return read
    return _say(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")


def _say(status: HTTPStatus, message: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    return {"statusCode": int(status), "headers": headers, "body": f'{{"message":"{message}"}}'}
