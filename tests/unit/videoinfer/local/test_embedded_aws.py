from pathlib import Path
from typing import cast

import pytest

from videoinfer.errors import CommandError
from videoinfer.local.embedded_aws import EmbeddedAws, find_free_port, local_session, tool_environment

OWN_AWS = {
    "AWS_PROFILE": "work",
    "AWS_ACCESS_KEY_ID": "AKIAOWN",
    "AWS_SECRET_ACCESS_KEY": "own",
    "AWS_SESSION_TOKEN": "own",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL_S3": "https://elsewhere",
}


def test_a_tool_gets_none_of_the_user_s_own_aws_settings() -> None:
    aws = cast(EmbeddedAws, type("Running", (), {"endpoint_url": "http://127.0.0.1:4566"}))

    environment = tool_environment(aws, {**OWN_AWS, "PATH": "/bin"})

    assert environment["PATH"] == "/bin"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3"} & environment.keys()


def test_the_session_ignores_the_user_s_own_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-central-1\n[profile work]\nregion = eu-central-1\n")
    for name, value in {**OWN_AWS, "AWS_CONFIG_FILE": str(config), "HTTP_PROXY": "http://proxy"}.items():
        monkeypatch.setenv(name, value)

    session = local_session()

    credentials = session.get_credentials()
    assert credentials is not None
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("test", "test", None)
    sqs = session.client("sqs", endpoint_url="http://127.0.0.1:4566")
    assert sqs.meta.region_name == "us-east-1"
    assert sqs.meta.endpoint_url == "http://127.0.0.1:4566"
    assert sqs.meta.config.proxies == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("host", ["localhost", "host.docker.internal", "::1", "127.1", ""])
def test_a_host_that_is_no_ipv4_address_is_refused(host: str) -> None:
    with pytest.raises(CommandError, match=r"give an IPv4 address, such as 127\.0\.0\.1"):
        find_free_port(host)
