"""Both applications' HTTP APIs behind API Gateway: every path in the contract reaches its function.

The stand-in for API Gateway is compared with AWS's documentation and AWS's sample event.
"""

import itertools
import json
import os
import subprocess
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from tests.contract.test_engine_api import NAMES, read_example
from tests.stand_ins.api_gateway import (
    MAX_BODY_BYTES,
    ApiGateway,
    RouteRefused,
    check_route,
    decode_path,
    make_event,
    select_route,
)
from tests.templates import find_resources
from videoengine.openapi import describe_api
from videoinfer.repository import SAM, require_tool

TOKEN = "NOT_A_TOKEN.OF_ANY_STACK"


def list_paths() -> dict[str, set[tuple[str, str]]]:
    """The methods and paths that must be answered, by application."""
    described = {
        (method.upper(), path.format(workspace="my-team", project="my-model", version="4"))
        for path, operations in describe_api(max_models=1)["paths"].items()
        for method in operations
    }
    requests = [read_example(name)["request"] for name in NAMES]
    links = itertools.product(("GET", "HEAD"), (f"/s/{TOKEN}", f"/s/{TOKEN}/video", f"/s/{TOKEN}/report-data/0.json"))
    return {
        "engine": described | {(request["method"], request["path"]) for request in requests},
        "pipeline": set(links),
    }


@pytest.mark.parametrize("application", ["pipeline", "engine"])
def test_every_promised_path_reaches_the_function_with_and_without_a_slash(application: str) -> None:
    reached = []
    gateway = ApiGateway(application, lambda event: reached.append(event) or {"statusCode": 200})  # type: ignore[func-returns-value]
    for method, path in list_paths()[application]:
        for uri in {path, path.rstrip("/") or "/", f"{path.rstrip('/')}/"}:
            assert gateway.answer(method, uri)["statusCode"] == 200, (method, uri)
            assert reached[-1]["rawPath"] == uri


@pytest.mark.parametrize("application", ["pipeline", "engine"])
def test_an_api_has_one_route_which_takes_everything(application: str) -> None:
    apis = find_resources(application, "AWS::ApiGatewayV2::Api")
    routes = [route["Properties"] for route in find_resources(application, "AWS::ApiGatewayV2::Route").values()]
    assert {route["ApiId"]["Ref"]: route["RouteKey"] for route in routes} == dict.fromkeys(apis, "$default")
    assert len(routes) == len(apis)


@pytest.mark.parametrize("application", ["pipeline", "engine"])
def test_the_api_may_call_its_function_by_whichever_route(application: str) -> None:
    # The console's own permission for `$default` ends in /*/$default: stage and route follow the API's id.
    [api] = find_resources(application, "AWS::ApiGatewayV2::Api")
    [permission] = [
        found["Properties"]
        for found in find_resources(application, "AWS::Lambda::Permission").values()
        if found["Properties"]["Principal"] == "apigateway.amazonaws.com"
    ]
    assert permission["SourceArn"]["Fn::Sub"].endswith(f":${{{api}}}/*")


@pytest.mark.parametrize(
    "route", ["GET /videoinfer/", "GET /a//b", "GET a", "FETCH /a", "GET /{proxy+}/a", "/a", "POST /{workspace}/", ""]
)
def test_the_stand_in_refuses_routes_that_api_gateway_refuses(route: str) -> None:
    with pytest.raises(RouteRefused):
        check_route(route)


@pytest.mark.parametrize("route", ["$default", "GET /", "ANY /{proxy+}", "POST /a/{b}/c", "GET /a/{b+}"])
def test_the_stand_in_accepts_routes_that_api_gateway_accepts(route: str) -> None:
    check_route(route)


@pytest.mark.parametrize(
    ("method", "path", "route", "variables"),
    [
        # The first four are from
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html.
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        ("GET", "/pets/", "ANY /{proxy+}", {"proxy": "pets/"}),
        ("GET", "/pets/dog/", "GET /pets/{proxy+}", {"proxy": "dog/"}),
        ("GET", "/pets/dog/a%20b", "GET /pets/dog/{id}", {"id": "a b"}),
        ("POST", "/", "$default", {}),
    ],
)
def test_the_most_specific_route_is_selected(method: str, path: str, route: str, variables: dict[str, str]) -> None:
    routes = ["$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1"]
    match = select_route(routes, method, path)
    assert match
    assert (match.route, match.variables) == (route, variables)


@pytest.mark.parametrize("path", ["/pets/", "/pets", "/", "/pets/dog/"])
def test_a_path_variable_matches_no_empty_segment(path: str) -> None:
    assert select_route(["GET /pets/{proxy+}", "GET /pets/dog/{id}"], "GET", path.replace("dog/", "")) is None
    assert select_route(["GET /pets/dog/{id}"], "GET", path) is None


def collect_keys(value: Any, place: str = "") -> set[str]:
    """The paths of an object's keys, such as `requestContext.http.method`, except below objects with arbitrary keys."""
    if not isinstance(value, dict) or place.startswith((".headers", ".queryStringParameters", ".pathParameters")):
        return {place}
    return set[str]().union(*(collect_keys(entry, f"{place}.{name}") for name, entry in value.items()))


@pytest.fixture(scope="module")
def sample() -> Any:
    """An event generated by AWS's own tool."""
    command = [str(require_tool(SAM)), "local", "generate-event", "apigateway", "http-api-proxy"]
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return json.loads(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)


def test_an_event_has_the_keys_of_aws_s_sample(sample: Any) -> None:
    headers = [("Cookie", "cookie1; cookie2"), ("X-One", "value1"), ("X-Two", "value1"), ("X-Two", "value2")]
    query = [("parameter1", "value1"), ("parameter1", "value2"), ("parameter2", "value")]
    event = make_event("POST", "/path/to/resource", query, headers, b'{"test":"body"}')
    ours, theirs = collect_keys(event), collect_keys(sample)
    # These APIs have no client certificates, authorizers or stage variables, and `$default` has no path variables.
    absent = (".requestContext.authentication", ".requestContext.authorizer", ".stageVariables", ".pathParameters")
    assert ours == {place for place in theirs if not place.startswith(absent)}
    for name in ("version", "routeKey", "rawPath", "rawQueryString", "cookies", "queryStringParameters", "body"):
        assert event[name] == sample[name]
    assert event["isBase64Encoded"] == sample["isBase64Encoded"]
    assert event["headers"]["x-two"] == sample["headers"]["Header2"]


def test_powertools_reads_an_event() -> None:
    headers = [("Content-Type", "application/json"), ("Authorization", "none")]
    event = APIGatewayProxyEventV2(make_event("POST", "/my/path", [("a", "b c")], headers, b"{}", stage="test"))
    assert (event.path, event.raw_path, event.http_method) == ("/my/path", "/test/my/path", "POST")
    assert (event.decoded_body, event.headers["authorization"]) == ("{}", "none")
    assert event.get_query_string_value("a") == "b c"


def test_a_path_is_decoded_except_for_percent_signs() -> None:
    assert decode_path("/%2541/%C3%BC%20%2f") == "/%2541/ü /"


def test_a_request_that_is_too_large_does_not_reach_the_function() -> None:
    assert ApiGateway("engine").answer("POST", "/videoinfer", body=b" " * (MAX_BODY_BYTES + 1))["statusCode"] == 413


@pytest.mark.parametrize("answer", [{}, {"statusCode": "200"}, {"statusCode": 200, "headers": {"Allow": 1}}, None])
def test_an_invalid_response_is_a_500_for_the_client(answer: Any) -> None:
    assert ApiGateway("engine", lambda _: answer).answer("GET", "/")["statusCode"] == 500
