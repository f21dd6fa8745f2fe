"""AWS clients over TLS: certificate authorities are read once, and still decide whom a client trusts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import SSLError

from tests.hostile.servers import HostileServer, run_server, send
from videoengine import clients

SERVER = HostileServer("storage", send(b"video", ETag='"1"'), None, "https", certificate_for="127.0.0.1")
"""It closes each connection after its answer."""

type StartServer = Callable[[str], str]


@pytest.fixture
def start_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartServer]:
    """Starts a server whose certificate is in a folder of the given name, and returns its URL."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with ExitStack() as stack:

        def start(name: str) -> str:
            (tmp_path / name).mkdir()
            url = urlsplit(stack.enter_context(run_server(SERVER, tmp_path / name)))
            return f"https://127.0.0.1:{url.port}"

        yield start


def connect(monkeypatch: pytest.MonkeyPatch, url: str, authorities: Path) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authorities))
    return clients.s3.__wrapped__()


def read_video(s3: Any) -> bytes:
    content: bytes = s3.get_object(Bucket="videos", Key="video")["Body"].read()
    return content


def test_a_second_connection_does_not_read_the_authorities_again(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = start_server("ours")
    s3 = connect(monkeypatch, url, authorities := tmp_path / "ours" / "ca.pem")
    assert read_video(s3) == b"video"
    authorities.unlink()
    assert read_video(s3) == b"video"


def test_a_server_of_another_authority_is_not_trusted(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = start_server("ours"), start_server("theirs")
    authorities = tmp_path / "ours" / "ca.pem"
    assert read_video(connect(monkeypatch, ours, authorities)) == b"video"
    with pytest.raises(SSLError, match="certificate verify failed"):
        read_video(connect(monkeypatch, theirs, authorities))
