"""A deployed pipeline, found by its stack's name with the credentials and the region that AWS's own tools would use."""

from dataclasses import dataclass

import boto3
from botocore.exceptions import ClientError

from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError


@dataclass(frozen=True)
class PipelineStack:
    """A deployed stack. Fields are its outputs; `api_url` and `default_models` are two of its parameters."""

    clients: AwsClients
    name: str
    status: str
    uploads_bucket: str
    results_bucket: str
    notices_topic_arn: str
    alarms_topic_arn: str
    jobs_table: str
    state_machine_arn: str
    uploads_queue_url: str
    dead_letter_queue_url: str
    api_url: str
    default_models: str

    @property
    def api_key_secret(self) -> str:
        return f"{self.name}/api-key"


def find_stack(name: str, clients: AwsClients | None = None) -> PipelineStack:
    """The pipeline deployed as `name`.

    Args:
        clients: Where to look; without them, where AWS's own settings say (profile, region, `AWS_ENDPOINT_URL`).

    Raises:
        CommandError: There is no such stack, or it is no pipeline's; says what to do.
    """
    clients = clients or AwsClients(boto3.Session())
    try:
        [stack] = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            region = clients.cloudformation.meta.region_name
            raise CommandError(
                f"There is no stack {name} in {region}: name yours with --stack or VIDEOINFER_STACK, "
                "its region with AWS_REGION."
            ) from error
        raise
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.get("Parameters", [])}
    try:
        return PipelineStack(
            clients=clients,
            name=name,
            status=stack["StackStatus"],
            uploads_bucket=outputs["UploadsBucketName"],
            results_bucket=outputs["ResultsBucketName"],
            notices_topic_arn=outputs["NoticesTopicArn"],
            alarms_topic_arn=outputs["AlarmsTopicArn"],
            jobs_table=outputs["JobsTableName"],
            state_machine_arn=outputs["StateMachineArn"],
            uploads_queue_url=outputs["UploadsQueueUrl"],
            dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
            api_url=parameters["ApiUrl"],
            default_models=parameters["DefaultModels"],
        )
    except KeyError as missing:
        raise CommandError(
            f"The stack {name} is no complete pipeline of videoinfer: it is {stack['StackStatus']} and lacks {missing}."
        ) from missing
