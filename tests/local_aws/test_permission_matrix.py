"""Every permission is needed: without it, a function fails and says so."""

from tests.local_aws.permission_matrix import STACK, find_surprises, walk_matrix
from tests.local_aws.permission_scenarios import walk_pipeline, walk_serve_api
from tests.local_aws.pipelines import API_KEY, deploy
from tests.local_aws.role_trials import NOTHING, WORKS, Row
from tests.permissions import list_functions
from tests.stand_ins.video_inference_api import stand_in_api
from videoinfer.local.deployments import Engine
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.model_packages import LocalModel


def assert_each_is_needed(rows: list[Row], functions: set[str]) -> None:
    assert {function: result for function, action, result in rows if action == NOTHING} == dict.fromkeys(
        functions, WORKS
    )
    assert find_surprises(rows) == []


def test_a_step_of_the_engine_fails_without_any_of_its_permissions(
    aws: EmbeddedAws, engine: Engine, model: LocalModel
) -> None:
    steps = set(list_functions("engine").values()) - {"ServeApiFunction"}
    assert_each_is_needed(list(walk_matrix(aws, engine, model)), steps)


def test_the_engine_s_api_fails_without_any_of_its_permissions(
    aws: EmbeddedAws, engine: Engine, model: LocalModel
) -> None:
    assert_each_is_needed(list(walk_serve_api(aws, STACK, engine, model)), {"serve_api"})


def test_a_function_of_the_pipeline_fails_without_any_of_its_permissions(aws: EmbeddedAws) -> None:
    with stand_in_api() as api:
        pipeline = deploy(aws, "matrix", {"ApiUrl": api.url, "ApiKey": API_KEY, "ApiRequestsPerMinute": "6000"})
        assert_each_is_needed(list(walk_pipeline(aws, pipeline, api)), set(list_functions("pipeline")))
