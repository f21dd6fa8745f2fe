"""What AWS's client library says when it cannot go on, for people: what is wrong, and what to do about it."""

from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)

_LOG_IN = "Log in again: `aws sso login`, or `aws configure` for a key that lasts."
_CHECK_THE_WAY = "check the network, the region and AWS_ENDPOINT_URL, and run the command again."

_REMEDIES: tuple[tuple[type[BotoCoreError], str], ...] = (
    (NoRegionError, "No region is set: set AWS_REGION, or run `aws configure set region us-east-1` with yours."),
    (
        NoCredentialsError,
        "No credentials for AWS were found: run `aws configure` or `aws sso login`, or set AWS_PROFILE.",
    ),
    (PartialCredentialsError, "Half of the credentials for AWS is missing: run `aws configure`."),
    (ProfileNotFound, "There is no such profile: `aws configure list-profiles` lists those that there are."),
    (SSOError, f"The session with AWS has ended. {_LOG_IN}"),
    (TokenRetrievalError, f"The session with AWS has ended. {_LOG_IN}"),
)

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"}


def describe_error(error: BotoCoreError | ClientError) -> str:
    """The one place where botocore's errors become sentences; each names the remedy, if there is one."""
    if isinstance(error, ClientError):
        return _describe_answer(error)
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return f"AWS did not answer in time at {_find_host(error)}: {_CHECK_THE_WAY}"
    if isinstance(error, (EndpointConnectionError, ConnectionClosedError)):
        return f"AWS can't be reached at {_find_host(error)}: {_CHECK_THE_WAY}"
    if isinstance(error, ProxyConnectionError):
        return "The proxy can't be reached: check HTTPS_PROXY, and run the command again."
    return next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), str(error))


def _describe_answer(error: ClientError) -> str:
    code = error.response["Error"].get("Code", "")
    if code in _EXPIRED:
        return f"The credentials for AWS have expired. {_LOG_IN}"
    if code in _UNKNOWN:
        return (
            "AWS does not know these credentials: `aws sts get-caller-identity` tries them, AWS_PROFILE chooses others."
        )
    if code in _REFUSED:
        reason = (error.response["Error"].get("Message") or code).rstrip(". ")
        return f"AWS refused {error.operation_name}: {reason}. Whoever looks after the account can allow it."
    return str(error)


def _find_host(error: BotoCoreError) -> str:
    url = urlsplit(str(error.kwargs["endpoint_url"]))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"  # without a login
