"""Every permission of the engine's steps is needed: without it the step fails, and says so."""

from tests.local_aws.permission_matrix import NOTHING, WORKS, find_surprises, walk_matrix
from videoinfer.deployments import Engine
from videoinfer.embedded_aws import EmbeddedAws
from videoinfer.model_packages import ModelPackage


def test_a_step_fails_without_any_of_its_permissions(aws: EmbeddedAws, engine: Engine, model: ModelPackage) -> None:
    rows = list(walk_matrix(aws, engine, model))
    assert [result for _, action, result in rows if action == NOTHING] == [WORKS] * 4
    assert find_surprises(rows) == []
