"""Deploys the engine and the pipeline from their templates to the embedded AWS."""

import hashlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from videoinfer.aws_clients import AwsClients
from videoinfer.local.builds import ENGINE, PIPELINE, Application, publish
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.local.stacks import create_stack, list_resources
from videoinfer.model_packages import LocalModel
from videoinfer.pipeline_stack import PipelineStack, find_stack

# A cold start of the engine unpacks 250 MB, so only as many workers may start as a laptop has spare cores.
_LOCAL_MAX_CONCURRENCY = 2


@dataclass(frozen=True)
class Engine:
    """A deployed engine.

    Attributes:
        api_url: The API's base URL on this machine.
    """

    api_url: str
    api_key: str
    models_bucket: str
    state_machine_arn: str


def deploy_engine(
    aws: EmbeddedAws, *, name: str, api_key: str, parameters: Mapping[str, str] = MappingProxyType({})
) -> Engine:
    """Creates the engine's stack as `name`. Call `build` first.

    Args:
        parameters: Further parameters of the stack, for example `{"MaxModels": "2"}`.
    """
    host_address = socket.gethostbyname(urlsplit(aws.endpoint_url).hostname or "")
    outputs = create_stack(
        aws.clients,
        name,
        template_url=publish(ENGINE, aws.clients),
        parameters={
            "ApiKeys": hashlib.sha256(api_key.encode()).hexdigest(),
            "MaxConcurrency": str(_LOCAL_MAX_CONCURRENCY),
            "PollSecondsMin": "0",  # a minute of waiting is shorter on the embedded AWS
            "AllowedRanges": f"{host_address}/32",  # the engine fetches videos from the embedded AWS's S3
            **parameters,
        },
    )
    return Engine(
        api_url=_compose_api_url(aws, outputs["ApiId"]),
        api_key=api_key,
        models_bucket=outputs["ModelsBucketName"],
        state_machine_arn=outputs["StateMachineArn"],
    )


def deploy_pipeline(
    aws: EmbeddedAws, *, name: str, parameters: Mapping[str, str], application: Application = PIPELINE
) -> PipelineStack:
    """Creates a pipeline's stack as `name`. Call `build` first."""
    clients = aws.clients
    outputs = create_stack(clients, name, template_url=publish(application, clients), parameters=parameters)
    for function in list_resources(clients, name, "AWS::Lambda::Function"):
        configuration = clients.lambda_.get_function_configuration(FunctionName=function)
        variables = configuration.get("Environment", {}).get("Variables", {})
        if "SHARE_URL" in variables:
            variables["SHARE_URL"] = _compose_api_url(aws, outputs["ShareApiId"])
            clients.lambda_.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
    return find_stack(name, clients)


def _compose_api_url(aws: EmbeddedAws, api_id: str) -> str:
    """An API's base URL on this machine. The stack's own outputs and variables have its URL on AWS."""
    return f"{aws.endpoint_url}/_aws/execute-api/{api_id}/$default"


def pipeline_parameters(engine: Engine, models: Sequence[LocalModel], infer_fps: float) -> dict[str, str]:
    """The parameters of a pipeline that sends its videos to `engine`."""
    return {
        "ApiUrl": engine.api_url,
        "ApiKey": engine.api_key,
        "DefaultModels": json.dumps([model.as_api_model() for model in models]),
        "DefaultInferFps": f"{infer_fps:g}",
    }


def put_model(clients: AwsClients, engine: Engine, model: LocalModel) -> None:
    """Uploads a model package to the engine's models bucket."""
    for file in sorted(model.folder.iterdir()):
        key = f"{model.model_id}/{model.model_version}/{file.name}"
        clients.s3.upload_file(str(file), engine.models_bucket, key)
