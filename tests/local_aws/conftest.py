"""One embedded AWS for all tests of this folder, with stacks from the real templates."""

import itertools
from collections.abc import Iterator

import pytest

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, DeployPipeline, deploy
from tests.service_models import share_service_models
from videoinfer.local.builds import ENGINE, PIPELINE, build
from videoinfer.local.deployments import Engine, deploy_engine, pipeline_parameters, put_model
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws
from videoinfer.model_packages import LocalModel, read_model_package
from videoinfer.repository import SAMPLE_MODEL


@pytest.fixture(scope="session", autouse=True)
def _service_models() -> Iterator[None]:
    with share_service_models():
        yield


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    """A running embedded AWS, with both applications built."""
    with embedded_aws() as aws:
        build([ENGINE, PIPELINE], aws)
        yield aws


@pytest.fixture(scope="session")
def model() -> LocalModel:
    return read_model_package(SAMPLE_MODEL)


@pytest.fixture(scope="session")
def engine(aws: EmbeddedAws, model: LocalModel) -> Engine:
    """The engine with the shipped model."""
    allowed = {"AllowedBuckets": "arn:aws:s3:::my-cameras/*,arn:aws:s3:::my-archive/cameras/*"}
    engine = deploy_engine(aws, name="engine", api_key=API_KEY, parameters=allowed)
    put_model(aws.clients, engine, model)
    return engine


@pytest.fixture(scope="session")
def deploy_pipeline(aws: EmbeddedAws) -> DeployPipeline:
    """Deploys a new pipeline on each call: `deploy_pipeline(ApiUrl=…, ApiKey=…, …)` takes the template's parameters."""
    numbers = itertools.count()

    def deploy_next(**parameters: str) -> DeployedPipeline:
        return deploy(aws, f"pipeline-{next(numbers)}", parameters)

    return deploy_next


@pytest.fixture(scope="session")
def pipeline(deploy_pipeline: DeployPipeline, engine: Engine, model: LocalModel) -> DeployedPipeline:
    """A pipeline that sends its videos to the engine."""
    return deploy_pipeline(**pipeline_parameters(engine, [model], infer_fps=5))
