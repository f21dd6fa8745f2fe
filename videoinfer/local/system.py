"""The whole system on the embedded AWS: engine, pipeline, and a queue that receives the notices."""

import secrets
from contextlib import ExitStack
from dataclasses import dataclass

from videoinfer.display import Display
from videoinfer.local.builds import ENGINE, PIPELINE, build
from videoinfer.local.deployments import Engine, deploy_engine, deploy_pipeline, pipeline_parameters, put_model
from videoinfer.local.embedded_aws import EmbeddedAws, start_embedded_aws, stop_embedded_aws
from videoinfer.model_packages import LocalModel
from videoinfer.notices_queue import subscribe_queue
from videoinfer.pipeline_stack import PipelineStack


@dataclass(frozen=True)
class System:
    """The parts of the running system."""

    aws: EmbeddedAws
    engine: Engine
    pipeline: PipelineStack
    notices_queue_url: str


def start_system(model: LocalModel, *, infer_fps: float, host: str, display: Display, cleanup: ExitStack) -> System:
    """Starts the embedded AWS, and builds and deploys both applications. `cleanup` stops all of it."""
    with display.task("Starting an embedded AWS", "Embedded AWS started"):
        aws = start_embedded_aws(host=host)
        cleanup.callback(stop_embedded_aws, aws)
    with display.task("Building engine and pipeline (a minute, the first time)", "Engine and pipeline built"):
        build([ENGINE, PIPELINE], aws)
    with display.task("Deploying the engine", "Engine deployed"):
        engine = deploy_engine(aws, name="engine", api_key=secrets.token_urlsafe(16))
    with display.task("Uploading the model", f"Model {model.model_id}/{model.model_version} uploaded"):
        put_model(aws.clients, engine, model)
    with display.task("Deploying the pipeline", "Pipeline deployed"):
        parameters = pipeline_parameters(engine, [model], infer_fps)
        pipeline = deploy_pipeline(aws, name="pipeline", parameters=parameters)
        notices_queue_url = subscribe_queue(aws.clients, pipeline.notices_topic_arn)
    return System(aws, engine, pipeline, notices_queue_url)
