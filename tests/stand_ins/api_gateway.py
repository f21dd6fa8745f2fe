"""API Gateway in this process: a WSGI application that hands requests to `serve_api` by the template's routes."""

import base64
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.stand_ins.engine import EngineInProcess
from tests.templates import find_resources

type StartResponse = Callable[[str, list[tuple[str, str]]], object]

NOT_FOUND: dict[str, Any] = {
    "statusCode": 404,
    "headers": {"Content-Type": "application/json"},
    "body": '{"message":"Not Found"}',
}


class ApiGateway:
    """Serves an engine's API.

    Attributes:
        engine: may be set when there is one.
    """

    def __init__(self, engine: EngineInProcess | None = None) -> None:
        self.engine = engine
        routes = (
            route["Properties"]["RouteKey"] for route in find_resources("engine", "AWS::ApiGatewayV2::Route").values()
        )
        # The path that names most is the one that counts.
        self._routes = sorted(routes, key=lambda route: route.count("{"))

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["REQUEST_URI"].partition("?")[0]
        assert self.engine
        answer = NOT_FOUND
        for route in self._routes:
            names = _match(route, method, path)
            if names is not None:
                answer = self.engine.invoke("serve_api", _make_event(route, names, environ))
                break
        status = HTTPStatus(answer["statusCode"])
        start_response(f"{status.value} {status.phrase}", list(answer["headers"].items()))
        return [answer["body"].encode()]


def _match(route: str, method: str, path: str) -> dict[str, str] | None:
    route_method, _, route_path = route.partition(" ")
    wanted, given = route_path.split("/"), path.split("/")
    if method != route_method or len(wanted) != len(given):
        return None
    names = {}
    for part, value in zip(wanted, given, strict=True):
        if part.startswith("{") and value:
            names[part[1:-1]] = unquote(value)
        elif part != value:
            return None
    return names


def _make_event(route: str, names: dict[str, str], environ: Mapping[str, Any]) -> dict[str, Any]:
    """In payload format 2.0."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    return {
        "version": "2.0",
        "routeKey": route,
        "pathParameters": names,
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
