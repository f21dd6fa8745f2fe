"""The engine's API against its own description, which is valid OpenAPI and holds for every kind of request."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.config import SchemathesisConfig

from tests.stand_ins.api_gateway import ApiGateway
from tests.stand_ins.engine import API_KEY, EngineInProcess, run_engine
from tests.stand_ins.model_files import make_package
from videoengine import api
from videoengine.model_packages import parse_package
from videoengine.openapi import describe_api

CONFIG = {
    "seed": 1,
    "generation": {
        "max-examples": 100,
        "deterministic": True,
        "database": "none",
        "with-security-parameters": False,  # the key is given below, and left out by the check for that
    },
}
GATEWAY = ApiGateway("engine")
MAX_MODELS = 1
"""With several models, each must be different, which JSON Schema can't express."""

type Case = schemathesis.Case[Any]

schema = schemathesis.openapi.from_dict(describe_api(MAX_MODELS), config=SchemathesisConfig.from_dict(CONFIG))
schema.app = GATEWAY


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineInProcess]:
    """An engine that has every requested model, and that limits polls."""
    with run_engine(Path(tmp_path_factory.mktemp("models"))) as unlimited, pytest.MonkeyPatch.context() as patch:
        limits = {"MAX_MODELS": str(MAX_MODELS), "POLL_SECONDS_MIN": "60"}
        package = parse_package(make_package())
        engine = replace(unlimited, environment={**unlimited.environment, **limits})
        patch.setattr(api, "_find_package", lambda *_: package)
        patch.setattr(GATEWAY, "invoke", partial(engine.invoke, "serve_api"))
        yield engine


def test_the_description_is_openapi_3_1(engine: EngineInProcess) -> None:
    _, document = engine.request("GET", "/openapi.json", {})
    assert document == describe_api(MAX_MODELS)
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_description_lists_the_extensions_of_the_videos_that_the_engine_reads(engine: EngineInProcess) -> None:
    _, document = engine.request("GET", "/openapi.json", {})
    assert {".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".3gp", ".ts", ".mts"} <= {*document["x-video-extensions"]}


@schema.parametrize()
def test_every_answer_follows_the_description(case: Case) -> None:
    case.call_and_validate(params={"api_key": API_KEY})


class Workflow(schema.as_state_machine()):  # type: ignore[misc]
    """Requests in the orders that their links allow: a job is created, then polled."""

    def get_call_kwargs(self, case: Case) -> dict[str, Any]:
        return {"params": {"api_key": API_KEY}}


TestWorkflow = Workflow.TestCase
TestWorkflow.settings = settings(max_examples=50, stateful_step_count=4, derandomize=True, database=None)
