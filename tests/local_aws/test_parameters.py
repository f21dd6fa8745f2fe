"""CloudFormation refuses parameters that functions can't use, and creates nothing."""

from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError

from videoinfer.local.builds import PIPELINE, publish
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.local.stacks import create_stack

SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys/roboflow-AbC123"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"PollSeconds": "1.5"}, "PollSeconds.* a whole number from 1 to 3600"),
        ({"PollSeconds": "1e3"}, "PollSeconds.* a whole number from 1 to 3600"),
        ({"DeadlineHours": "nan"}, "DeadlineHours.* a number from 0.01 to 40"),
        ({"RetentionDays": "30.0"}, "RetentionDays"),
        ({"DefaultModels": 701 * " "}, "DefaultModels.* at most 700 characters"),
        ({"ApiKey": ""}, "The API's key is missing"),
        ({"ApiKeySecretArn": SECRET_ARN}, "ApiKey and ApiKeySecretArn can't both be set"),
        ({"ApiKey": "", "ApiKeySecretArn": SECRET_ARN[:-7]}, "ApiKeySecretArn.* the full ARN of a secret"),
        ({"PrefixRoutes": '{"café/": {}}'}, "PrefixRoutes.* in ASCII"),
    ],
)
def test_parameters_that_the_functions_cannot_use_are_refused(
    aws: EmbeddedAws, parameters: Mapping[str, str], reason: str
) -> None:
    template_url = publish(PIPELINE, aws.clients)

    with pytest.raises(ClientError, match=reason):
        create_stack(aws.clients, "refused", template_url=template_url, parameters={"ApiKey": "key", **parameters})

    with pytest.raises(ClientError, match=r"refused.* does not exist"):
        aws.clients.cloudformation.describe_stacks(StackName="refused")
