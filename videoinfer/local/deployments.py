"""Engine and pipeline, deployed from their templates to the embedded AWS."""

import hashlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from videoinfer.aws_clients import AwsClients
from videoinfer.local.builds import ENGINE, PIPELINE, publish
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.local.stacks import create_stack
from videoinfer.model_packages import LocalModel

# A cold worker of the engine unpacks a quarter of a gigabyte: no more of them than a laptop has cores to spare.
_LOCAL_MAX_CONCURRENCY = 2


@dataclass(frozen=True)
class Engine:
    """A deployed engine; `api_url` is its address on this machine."""

    api_url: str
    api_key: str
    models_bucket: str
    state_machine_arn: str


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A deployed pipeline."""

    uploads_bucket: str
    results_bucket: str
    notices_topic_arn: str
    jobs_table: str
    state_machine_arn: str
    uploads_queue_url: str
    dead_letter_queue_url: str
    share_url: str


def deploy_engine(
    aws: EmbeddedAws, *, name: str, api_key: str, parameters: Mapping[str, str] = MappingProxyType({})
) -> Engine:
    """Creates the engine's stack, with further `parameters`; it must have been built."""
    outputs = create_stack(
        aws.clients,
        name,
        template_url=publish(ENGINE, aws.clients),
        parameters={
            "ApiKeys": hashlib.sha256(api_key.encode()).hexdigest(),
            "MaxConcurrency": str(_LOCAL_MAX_CONCURRENCY),
            "PollSecondsMin": "0",  # its minutes are shorter
            "AllowedRanges": f"{_find_host_address(aws)}/32",  # its S3 gives out the videos
            **parameters,
        },
    )
    return Engine(
        # The stack's own ApiUrl is the one that it would have on AWS.
        api_url=f"{aws.endpoint_url}/_aws/execute-api/{outputs['ApiId']}/$default",
        api_key=api_key,
        models_bucket=outputs["ModelsBucketName"],
        state_machine_arn=outputs["StateMachineArn"],
    )


def deploy_pipeline(aws: EmbeddedAws, *, name: str, parameters: Mapping[str, str]) -> Pipeline:
    """Creates a pipeline's stack; it must have been built."""
    outputs = create_stack(aws.clients, name, template_url=publish(PIPELINE, aws.clients), parameters=parameters)
    share_url = f"{aws.endpoint_url}/_aws/execute-api/{outputs['ShareApiId']}/$default"
    _replace_share_url(aws.clients, name, share_url)
    return Pipeline(
        uploads_bucket=outputs["UploadsBucketName"],
        results_bucket=outputs["ResultsBucketName"],
        notices_topic_arn=outputs["NoticesTopicArn"],
        jobs_table=outputs["JobsTableName"],
        state_machine_arn=outputs["StateMachineArn"],
        uploads_queue_url=outputs["UploadsQueueUrl"],
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        share_url=share_url,
    )


def _replace_share_url(clients: AwsClients, stack: str, share_url: str) -> None:
    """Tells the functions where share links lead on this machine: the template knows the address on AWS."""
    for resource in clients.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            function = resource["PhysicalResourceId"]
            configuration = clients.lambda_.get_function_configuration(FunctionName=function)
            variables = configuration.get("Environment", {}).get("Variables", {})
            if "SHARE_URL" in variables:
                clients.lambda_.update_function_configuration(
                    FunctionName=function, Environment={"Variables": {**variables, "SHARE_URL": share_url}}
                )


def pipeline_parameters(engine: Engine, models: Sequence[LocalModel], infer_fps: float) -> dict[str, str]:
    """The parameters of a pipeline that sends its videos to `engine`."""
    return {
        "ApiUrl": engine.api_url,
        "ApiKey": engine.api_key,
        "DefaultModels": json.dumps([model.as_api_model() for model in models]),
        "DefaultInferFps": f"{infer_fps:g}",
    }


def _find_host_address(aws: EmbeddedAws) -> str:
    return socket.gethostbyname(urlsplit(aws.endpoint_url).hostname or "")


def put_model(clients: AwsClients, engine: Engine, model: LocalModel) -> None:
    """Copies a model package to where the engine looks for it."""
    for file in sorted(model.folder.iterdir()):
        key = f"{model.model_id}/{model.model_version}/{file.name}"
        clients.s3.upload_file(str(file), engine.models_bucket, key)
