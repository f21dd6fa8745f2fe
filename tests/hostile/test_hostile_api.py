"""The pipeline's client against a strange API on real sockets: whole answers have a time limit, broken ones count."""

import io
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from tests.hostile.servers import HOST, HostileServer, Serve, run_server, send, send_forever
from videojobs.api import client
from videojobs.api.client import VideoInferenceApi
from videojobs.api.session import open_session
from videojobs.api.turns import Turn
from videojobs.create_job import CREATION_SECONDS
from videojobs.errors import ApiUnavailable, BrokenAnswer

LIMIT_SECONDS = 0.4
PATIENCE_SECONDS = 20


class Connect(Protocol):
    def __call__(self, serve: Serve, certificate_for: str | None = None) -> VideoInferenceApi: ...


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Returns a client of a server that answers each request by a function."""
    running = []

    def run(serve: Serve, certificate_for: str | None = None) -> VideoInferenceApi:
        scheme = "https" if certificate_for else "http"
        running.append(run_server(HostileServer("", serve, None, scheme, certificate_for), tmp_path))
        url = running[-1].__enter__().replace(HOST, "127.0.0.1").partition("/a.mp4")[0]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        return VideoInferenceApi(url, "rf_s3cr3t", partial(open_session, url))

    yield run
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for answers that exceed them: on a busy machine, any other answer might."""
    for limit in ("ANSWER_TIMEOUT_SECONDS", "ANSWER_BODY_SECONDS", "STORAGE_ANSWER_TIMEOUT_SECONDS"):
        monkeypatch.setattr(client, limit, LIMIT_SECONDS)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def send_and_wait(head: bytes) -> Serve:
    """Sends `head`, and then nothing until the client disconnects."""

    def serve(connected: socket.socket, _: Mapping[str, str]) -> None:
        connected.sendall(head)
        while connected.recv(1024):
            pass

    return serve


SLOW_HEADS = {
    "nothing": send_and_wait(b""),
    "one 100 Continue after another": send_forever(b"", CONTINUE),
    "a 100 Continue now and then": send_forever(b"", CONTINUE, 0.05),
    "a header line now and then": send_forever(OK, b"X: y\r\n", 0.05),
    "a byte of a header line now and then": send_forever(OK + b"X: ", b"y", 0.05),
    "a byte of the status line now and then": send_forever(b"", b"H", 0.05),
}
SLOW_BODIES = {
    "a byte of the body now and then": send_forever(OK + b"Content-Length: 1000000\r\n\r\n", b" ", 0.05),
    "a byte of an endless body now and then": send_forever(OK + b"\r\n", b" ", 0.05),
    "nothing after the head": send_and_wait(OK + b"Content-Length: 2\r\n\r\n"),
    "a digit of a chunk's size now and then": send_forever(CHUNKED, b"0", 0.05),
    "a byte of a chunk's extension now and then": send_forever(CHUNKED + b"1;", b"x", 0.05),
    "one trailer after another": send_forever(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"),
}


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("serve", SLOW_HEADS.values(), ids=SLOW_HEADS.keys())
def test_a_head_that_takes_too_long_is_an_outage(connect: Connect, serve: Serve) -> None:
    api = connect(serve)
    for call in (
        lambda: api.create_job(Turn(), "https://example.com/a.mp4", [], 5, idempotency_key="key"),
        lambda: api.check_job(Turn(), "job"),
        lambda: api.open_results(f"{api._base_url}/results.json"),
        lambda: api.send_video(f"{api._base_url}/a.mp4", io.BytesIO(b"video"), 5),
    ):
        begun = time.monotonic()
        with pytest.raises(ApiUnavailable, match="did not answer in time") as raised:
            call()
        assert not isinstance(raised.value, BrokenAnswer)
        assert raised.value.may_have_acted
        assert time.monotonic() - begun < PATIENCE_SECONDS


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("serve", SLOW_BODIES.values(), ids=SLOW_BODIES.keys())
def test_a_body_that_takes_too_long_is_a_broken_answer(connect: Connect, serve: Serve) -> None:
    begun = time.monotonic()
    with pytest.raises(BrokenAnswer, match="broke off while it was read"):
        connect(serve).create_job(Turn(), "https://example.com/a.mp4", [], 5, idempotency_key="key")
    assert time.monotonic() - begun < PATIENCE_SECONDS


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize(
    "serve", [SLOW_HEADS["one 100 Continue after another"], SLOW_BODIES["one trailer after another"]]
)
def test_the_limits_hold_for_tls(connect: Connect, serve: Serve) -> None:
    begun = time.monotonic()
    with pytest.raises(ApiUnavailable, match=r"did not answer in time|broke off"):
        connect(serve, "127.0.0.1").check_job(Turn(), "job")
    assert time.monotonic() - begun < PATIENCE_SECONDS


def test_results_may_take_longer_than_an_answer(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_BODY_SECONDS", LIMIT_SECONDS)

    def serve(connected: socket.socket, _headers: Mapping[str, str]) -> None:
        connected.sendall(OK + b"Content-Length: 10\r\n\r\n")
        for _ in range(10):
            time.sleep(LIMIT_SECONDS / 5)
            connected.sendall(b"x")

    api = connect(serve)
    assert api.open_results(f"{api._base_url}/results.json").read() == b"x" * 10


def test_a_job_s_creation_takes_no_longer_than_planned() -> None:
    answer_seconds = client.ANSWER_TIMEOUT_SECONDS + client.ANSWER_BODY_SECONDS
    assert client.CONNECT_TIMEOUT_SECONDS + answer_seconds < CREATION_SECONDS


def reply(content: bytes) -> Serve:
    return lambda connected, _: connected.sendall(content)


def reset(connected: socket.socket, _: Mapping[str, str]) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


JOB = b'{"job_id": "j1"}'
BROKEN = {
    "a length that is too large": send(JOB, length=500),
    "a huge length": send(JOB, length=10**30),
    "two lengths": reply(OK + b"Content-Length: 16\r\nContent-Length: 17\r\n\r\n" + JOB),
    "a chunk without a size": reply(CHUNKED + b"ZZZ\r\n{}\r\n0\r\n\r\n"),
    "a chunk of a negative size": reply(CHUNKED + b"-5\r\n" + JOB),
    "a chunk that is cut off": reply(CHUNKED + b"10\r\n{"),
    "no last chunk": reply(CHUNKED + b"10\r\n" + JOB + b"\r\n"),
    "no body": reply(OK + b"\r\n"),
    "a head that is cut off": reply(OK + b"Content-Le"),
    "no HTTP": reply(b"garbage garbage\n\n"),
    "a status that is no number": reply(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a status of four digits": reply(b"HTTP/1.1 2000 OK\r\n\r\n" + JOB),
    "an alert of TLS": reply(b"\x15\x03\x03\x00\x02\x02\x46"),
    "too many headers": reply(OK + b"X: y\r\n" * 5_000 + b"\r\n" + JOB),
    "a giant header": reply(OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n" + JOB),
    "a refusal that is cut off": send(b'{"error": "no', status="400 Bad Request", length=500),
}
OUTAGES = {
    "a connection closed before the head": reply(b""),
    "a connection reset before the head": reset,
    "an invalid status": send(JOB, status="999 X"),
    "an outage that is cut off": send(b"<html>", status="502 Bad Gateway", length=500),
}


@pytest.mark.parametrize("serve", BROKEN.values(), ids=BROKEN.keys())
def test_an_answer_that_is_broken_counts_as_such(connect: Connect, serve: Serve) -> None:
    """So the upload is rejected after a few such answers, each of which may have been billed."""
    with pytest.raises(BrokenAnswer) as raised:
        connect(serve).create_job(Turn(), "https://example.com/a.mp4", [], 5, idempotency_key="key")
    assert raised.value.may_have_acted
    assert "rf_s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("serve", OUTAGES.values(), ids=OUTAGES.keys())
def test_an_outage_is_not_a_broken_answer(connect: Connect, serve: Serve) -> None:
    with pytest.raises(ApiUnavailable) as raised:
        connect(serve).create_job(Turn(), "https://example.com/a.mp4", [], 5, idempotency_key="key")
    assert not isinstance(raised.value, BrokenAnswer)
