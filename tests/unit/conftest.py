"""Unit tests use no network: opening a socket is an error, and AWS is moto."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
import pytest_socket
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.core import models as moto_models
from moto.core.config import default_user_config
from moto.sns.models import Subscription
from moto.sqs.models import Message, SQSBackend

from tests.service_models import share_service_models

_receive_message = SQSBackend.receive_message


def receive_at_once(
    backend: SQSBackend, queue_name: str, count: int, _wait_seconds: int, *options: Any
) -> list[Message]:
    """Receives messages as moto does, but does not wait for a first one."""
    return _receive_message(backend, queue_name, count, 0, *options)


@pytest.fixture(scope="session", autouse=True)
def _fast_clients() -> Iterator[None]:
    """Creates moto's clients without the work that is the same for all tests."""
    with share_service_models(), pytest.MonkeyPatch.context() as patch:
        # Intercept only GET requests of `requests`, with which tests follow links: moto has 180 patterns per method.
        patch.setattr(moto_models, "RESPONSES_METHODS", ["GET"])
        patch.setitem(default_user_config["core"], "reset_boto3_session", False)
        # The key that signs notices; moto creates one per test.
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        patch.setattr(Subscription, "private_key", lambda _subscription: key)
        # Nothing sends to a queue while a test waits for a message.
        patch.setattr(SQSBackend, "receive_message", receive_at_once)
        # All tests share boto3's default session, which keeps the first credentials that it finds; moto sets others.
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        session = boto3.Session()
        session.get_credentials()
        patch.setattr(boto3, "DEFAULT_SESSION", session)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_leftover_threads() -> Iterator[None]:
    """Makes a thread pool that is shut down wait for its threads. Otherwise they could disturb the next test: botocore
    waits a random time before it tries again, and Hypothesis refuses to draw while others use `random`.
    """
    shut_down = ThreadPoolExecutor.shutdown

    def shut_down_and_wait(pool: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
        shut_down(pool, wait=True, cancel_futures=cancel_futures)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "shutdown", shut_down_and_wait)
        yield


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    pytest_socket.disable_socket()
    yield
    pytest_socket.enable_socket()
