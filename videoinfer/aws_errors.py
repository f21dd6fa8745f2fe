"""Translates botocore's errors for people: what is wrong, and what to do about it."""

from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)

_LOG_IN = "Log in again with `aws sso login`, or set a long-term key with `aws configure`."
_CHECK_THE_WAY = "check the network, the region and AWS_ENDPOINT_URL, and run the command again."

_TEST_SETTINGS = "Test your settings for AWS with `aws sts get-caller-identity`."

_REMEDIES: tuple[tuple[type[BotoCoreError], str], ...] = (
    (NoRegionError, "No region is set: set AWS_REGION, or run `aws configure set region us-east-1` with your region."),
    (
        NoCredentialsError,
        "No AWS credentials were found: run `aws configure` or `aws sso login`, or set AWS_PROFILE.",
    ),
    (ProxyConnectionError, "The proxy can't be reached: check HTTPS_PROXY, and run the command again."),
    (PartialCredentialsError, "The AWS credentials are incomplete: run `aws configure`."),
    (
        ProfileNotFound,
        "The AWS profile {profile} does not exist: `aws configure list-profiles` lists the existing ones.",
    ),
    (InvalidRegionError, "{region_name} is not a region: set AWS_REGION to one such as us-east-1."),
    (ConfigParseError, "The AWS settings in {path} can't be read: correct the file."),
    (SSLError, "The TLS certificate of AWS is not trusted: check AWS_CA_BUNDLE, the proxy and this machine's clock."),
    (SSOError, f"The session with AWS has ended. {_LOG_IN}"),
    (TokenRetrievalError, f"The session with AWS has ended. {_LOG_IN}"),
)

_EXPIRED = {"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"}


def describe_error(error: BotoCoreError | ClientError) -> str:
    """The sentence for an error of botocore. It names the remedy, if there is one."""
    if isinstance(error, ClientError):
        return _describe_answer(error)
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return f"AWS did not answer in time at {_find_host(error)}: {_CHECK_THE_WAY}"
    if isinstance(error, (EndpointConnectionError, ConnectionClosedError)):
        return f"AWS can't be reached at {_find_host(error)}: {_CHECK_THE_WAY}"
    if remedy := next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), None):
        return remedy.format_map(error.kwargs)
    return f"{' '.join(str(error).split())}. {_TEST_SETTINGS}"


def is_refused(error: ClientError) -> bool:
    """Whether the person lacks the permission."""
    return error.response["Error"].get("Code", "") in _REFUSED


def _describe_answer(error: ClientError) -> str:
    code = error.response["Error"].get("Code", "")
    if code in _EXPIRED:
        return f"The AWS credentials have expired. {_LOG_IN}"
    if code in _UNKNOWN:
        return "AWS does not know these credentials: test them with `aws sts get-caller-identity`, or set AWS_PROFILE."
    if is_refused(error):
        reason = (error.response["Error"].get("Message") or code).rstrip(". ")
        return f"AWS refused {error.operation_name}: {reason}. Ask the account's administrator for the permission."
    return str(error)


def _find_host(error: BotoCoreError) -> str:
    url = urlsplit(str(error.kwargs["endpoint_url"]))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"  # without a login
