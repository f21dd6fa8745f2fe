"""The messages that people get for errors of AWS's client library."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectionClosedError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidRegionError,
    LoginRefreshRequired,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    UnauthorizedSSOTokenError,
)
from typer.testing import CliRunner

from videoinfer.aws_errors import describe_error
from videoinfer.main import app
from videoinfer.pipeline_stack import open_clients

LOGIN = "user:secret"
URL = "https://sqs.eu-central-1.amazonaws.com/123/queue?secret=1"


def refuse(code: str, message: str = "The words of AWS.") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoRegionError(), "set AWS_REGION"),
        (NoCredentialsError(), "aws configure"),
        (ProfileNotFound(profile="work"), "The AWS profile work does not exist: `aws configure list-profiles`"),
        (InvalidRegionError(region_name="us east"), "us east is not a region: set AWS_REGION"),
        (ConfigParseError(path="/home/.aws/config"), "in /home/.aws/config can't be read"),
        (SSLError(endpoint_url=URL, error=Exception("self-signed")), "check AWS_CA_BUNDLE"),
        (
            CredentialRetrievalError(provider="custom-process", error_msg="a\nb"),
            "process: a b. Test your settings for AWS",
        ),
        (LoginRefreshRequired(), "Please reauthenticate using 'aws login'"),
        (UnauthorizedSSOTokenError(), "aws sso login"),
        (ReadTimeoutError(endpoint_url=URL), "did not answer in time at https://sqs.eu-central-1.amazonaws.com: check"),
        (
            EndpointConnectionError(endpoint_url=URL),
            "can't be reached at https://sqs.eu-central-1.amazonaws.com: check",
        ),
        (ConnectionClosedError(endpoint_url=URL), "can't be reached at https://sqs.eu-central-1.amazonaws.com: check"),
        (
            EndpointConnectionError(endpoint_url=f"http://{LOGIN}@127.0.0.1:4566"),
            "can't be reached at http://127.0.0.1:4566: check",
        ),
        (ProxyConnectionError(proxy_url=f"http://{LOGIN}@proxy"), "check HTTPS_PROXY"),
        (refuse("ExpiredToken"), "aws sso login"),
        (refuse("InvalidClientTokenId"), "aws sts get-caller-identity"),
        (
            refuse("AccessDenied", "You may not"),
            "AWS refused DescribeStacks: You may not. Ask the account's",
        ),
        (refuse("ThrottlingException"), "The words of AWS."),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else "",
)
def test_an_error_says_what_to_do(error: BotoCoreError | ClientError, words: str) -> None:
    said = describe_error(error)
    assert words in said
    assert "secret" not in said


def test_a_command_without_a_region_says_how_to_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "nothing")

    result = CliRunner().invoke(app, ["jobs"])

    assert result.exit_code == 1
    assert result.output.startswith("Error: No region is set: set AWS_REGION, or run `aws configure set region")


def test_the_region_may_be_set_as_for_the_aws_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_clients().sqs.meta.region_name == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert open_clients().sqs.meta.region_name == "eu-central-1"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION"])
def test_an_invalid_endpoint_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "nonsense")

    result = CliRunner().invoke(app, ["jobs"])

    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {name} is not a URL: nonsense. Correct it")
