"""Finds a deployed pipeline by its stack's name, with the credentials and the region that the AWS CLI would use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import is_valid_endpoint_url

from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError
from videoinfer.ledger_view import LedgerView
from videojobs.jobs.intake import ALL_VIDEOS, EVERY_OBJECT
from videojobs.jobs.stack_options import StackOptions
from videojobs.outputs.names import OutputName, parse_outputs

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackResourceDetailTypeDef

_IMPATIENT = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
"""At most half a minute, with the pauses between attempts. By default, botocore waits five, which looks hung."""


@dataclass(frozen=True, kw_only=True)
class PipelineStack:
    """A deployed stack. Most fields are stack outputs. These are parameters: `api_url`, `api_key_secret_arn`,
    `api_requests_per_minute`, `kms_key_arn`, `notices`, `digest_minutes`, `outputs`, `share_link_days`,
    `uploads_prefix`, `upload_extensions`, those in `upload_options`, and whether the bucket exists without the stack.

    Attributes:
        api_key_secret_arn: The owner's secret; empty if the stack has its own.
        has_existing_bucket: Whether the uploads bucket is the owner's (`ExistingUploadsBucket`), not the stack's.
        uploads_prefix: What the keys of all uploads begin with.
        upload_extensions: Which objects are uploads, as the function `create_job` gets it.
    """

    clients: AwsClients
    name: str
    status: str
    uploads_bucket: str
    has_existing_bucket: bool = False
    uploads_prefix: str = ""
    upload_extensions: str = EVERY_OBJECT
    results_bucket: str
    notices_topic_arn: str
    alarms_topic_arn: str
    jobs_table: str
    state_machine_arn: str
    uploads_queue_url: str
    dead_letter_queue_url: str
    api_url: str
    api_key_secret_arn: str
    kms_key_arn: str
    api_requests_per_minute: int
    notices: str
    digest_minutes: int
    results_database: str
    results_work_group: str
    outputs: Sequence[OutputName]
    share_link_days: int
    upload_options: StackOptions

    @property
    def is_emulated(self) -> bool:
        """Whether the endpoint is an AWS emulator, which lacks some features. AWS itself uses TLS."""
        return self.clients.s3.meta.endpoint_url.startswith("http://")

    @property
    def api_key_secret(self) -> str:
        """The name or ARN of the secret that holds the API's key."""
        return self.api_key_secret_arn or f"{self.name}/api-key"

    @property
    def ledger(self) -> LedgerView:
        """The jobs of the pipeline."""
        return LedgerView(self.clients.open_table(self.jobs_table))


def open_clients() -> AwsClients:
    """Clients with the profile, region and `AWS_ENDPOINT_URL` that the AWS CLI would use.

    Raises:
        CommandError: An endpoint is not a URL.
    """
    for name, url in os.environ.items():  # botocore raises only a ValueError
        if name.startswith("AWS_ENDPOINT_URL") and url and not is_valid_endpoint_url(url):
            raise CommandError(f"{name} is not a URL: {url}. Correct it, or unset it to use AWS.")
    # boto3 reads only AWS_DEFAULT_REGION; the AWS CLI and the other SDKs prefer AWS_REGION.
    return AwsClients(boto3.Session(region_name=os.environ.get("AWS_REGION")), config=_IMPATIENT)


def find_stack(name: str, clients: AwsClients | None = None) -> PipelineStack:
    """The pipeline deployed as `name`.

    Args:
        clients: The clients to use; None for those of AWS's own settings.

    Raises:
        CommandError: The stack does not exist, or is not a pipeline; the message says what to do.
    """
    clients = clients or open_clients()
    try:
        [stack] = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            region = clients.cloudformation.meta.region_name
            raise CommandError(
                f"There is no stack {name} in {region}: give its name with --stack or VIDEOINFER_STACK, "
                "and its region with AWS_REGION."
            ) from error
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.get("Parameters", [])}
    existing_bucket = parameters.get("ExistingUploadsBucket", "")
    try:
        return PipelineStack(
            clients=clients,
            name=name,
            status=stack["StackStatus"],
            uploads_bucket=outputs["UploadsBucketName"],
            has_existing_bucket=bool(existing_bucket),
            uploads_prefix=parameters.get("UploadsPrefix", ""),
            upload_extensions=parameters.get("UploadExtensions") or (ALL_VIDEOS if existing_bucket else EVERY_OBJECT),
            results_bucket=outputs["ResultsBucketName"],
            notices_topic_arn=outputs["NoticesTopicArn"],
            alarms_topic_arn=outputs["AlarmsTopicArn"],
            jobs_table=outputs["JobsTableName"],
            state_machine_arn=outputs["StateMachineArn"],
            uploads_queue_url=outputs["UploadsQueueUrl"],
            dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
            api_url=parameters["ApiUrl"],
            api_key_secret_arn=parameters.get("ApiKeySecretArn", ""),
            kms_key_arn=parameters.get("KmsKeyArn", ""),
            api_requests_per_minute=int(parameters.get("ApiRequestsPerMinute", 0)),
            notices=parameters.get("Notices", "each"),
            digest_minutes=int(parameters.get("DigestMinutes", 60)),
            results_database=outputs["ResultsDatabaseName"],
            results_work_group=outputs["ResultsWorkGroupName"],
            outputs=parse_outputs(parameters["Outputs"]),
            share_link_days=int(parameters["ShareLinkDays"]),
            upload_options=_read_upload_options(parameters),
        )
    except KeyError as missing:
        raise CommandError(
            f"The stack {name} is not a complete videoinfer pipeline: it is {stack['StackStatus']} and lacks {missing}."
        ) from missing


def describe_resource(stack: PipelineStack, logical_id: str) -> StackResourceDetailTypeDef:
    """What CloudFormation knows of one of the stack's resources."""
    resource = stack.clients.cloudformation.describe_stack_resource(StackName=stack.name, LogicalResourceId=logical_id)
    return resource["StackResourceDetail"]


def find_resource(stack: PipelineStack, logical_id: str) -> str:
    """The physical ID of one of the stack's resources."""
    return describe_resource(stack, logical_id)["PhysicalResourceId"]


def _read_upload_options(parameters: Mapping[str, str]) -> StackOptions:
    return StackOptions(
        default_models=parameters["DefaultModels"],
        default_infer_fps=float(parameters["DefaultInferFps"]),
        prefix_routes=parameters["PrefixRoutes"],
        input_mode=parameters["InputMode"],
        annotate=parameters["Annotate"],
        track=parameters.get("Track", "true"),
        max_infer_fps=float(parameters["MaxInferFps"]),
        allowed_models=parameters["AllowedModels"],
        allowed_metadata=parameters["AllowedMetadata"],
        existing_bucket="true" if parameters.get("ExistingUploadsBucket") else "false",
    )
