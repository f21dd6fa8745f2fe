"""The API's links and their redirects are fetched only from public addresses, with TLS."""

from functools import partial
from typing import Any

import pytest
from urllib3 import HTTPResponse

from tests.hostile.addresses import ADDRESSES, REDIRECTS, HostileAddress
from tests.stand_ins.internet import PUBLIC_ADDRESS, Internet, answer_with, redirect_to
from videojobs.api.client import VideoInferenceApi
from videojobs.api.session import open_session
from videojobs.api.turns import Turn
from videojobs.errors import ApiRefused, ApiUnavailable, LinkRefused

LINK = "https://storage.example.com/results.json?X-Goog-Signature=s1gn3d"


def connect(api_url: str = "https://api.example.com/base") -> VideoInferenceApi:
    return VideoInferenceApi(api_url, "rf_s3cr3t", partial(open_session, api_url))


LINKS = [address for address in ADDRESSES if address.name != "port 0"]
"""requests drops port 0 from the URL, and so calls the public host."""

HOPS = [address for address in REDIRECTS if address.name not in ("port 0", "no host")]
"""A redirect without a host keeps the redirecting host."""


def name(address: HostileAddress) -> str:
    return address.name


def encrypt(url: str) -> str:
    """Makes the URL https, so that it is not refused for its scheme."""
    return url.replace("http://", "https://")


@pytest.mark.parametrize("address", LINKS, ids=name)
def test_no_link_leads_to_a_private_address(internet: Internet, address: HostileAddress) -> None:
    for url in {address.url, encrypt(address.url)}:
        with pytest.raises(ApiUnavailable) as raised:
            connect().open_results(url)
        assert url not in str(raised.value)
    assert internet.connections == []


@pytest.mark.parametrize("address", HOPS, ids=name)
def test_no_redirect_leads_to_a_private_address(internet: Internet, address: HostileAddress) -> None:
    internet.answers = [redirect_to(encrypt(address.url))]
    with pytest.raises(ApiUnavailable):
        connect().open_results(LINK)
    assert len(internet.connections) == 1


@pytest.mark.parametrize("address", LINKS, ids=name)
def test_no_video_is_sent_to_a_private_address(internet: Internet, address: HostileAddress) -> None:
    with pytest.raises(ApiUnavailable):
        connect().send_video(encrypt(address.url), answer_with(b"video"), 5)
    assert internet.connections == []


def test_the_connection_goes_to_the_address_that_was_checked(internet: Internet) -> None:
    """The name is never looked up a second time."""
    internet.names["storage.example.com"] = [[PUBLIC_ADDRESS], ["127.0.0.1"]]
    internet.answers = [answer_with(b"{}")]
    assert connect().open_results(LINK).read() == b"{}"
    [connection] = internet.connections
    assert (connection.address, connection.port) == (PUBLIC_ADDRESS, 443)
    assert connection.host_header == connection.certificate_for == "storage.example.com"
    assert connection.target == "/results.json?X-Goog-Signature=s1gn3d"
    assert internet.lookups == ["storage.example.com"]


def test_a_link_is_followed_through_a_limited_number_of_public_redirects(internet: Internet) -> None:
    internet.answers = [redirect_to("/elsewhere"), redirect_to("https://cdn.example.com:8443/a"), answer_with(b"{}")]
    assert connect().open_results(LINK).read() == b"{}"
    assert [(it.host_header, it.target) for it in internet.connections][1:] == [
        ("storage.example.com", "/elsewhere"),
        ("cdn.example.com:8443", "/a"),
    ]
    internet.answers = [redirect_to(f"/{number}") for number in range(9)]
    with pytest.raises(LinkRefused, match="redirects more than 5 times"):
        connect().open_results(LINK)


def test_links_without_tls_are_refused(internet: Internet) -> None:
    with pytest.raises(LinkRefused, match="it must begin with https://"):
        connect().open_results("http://storage.example.com/results.json")
    internet.answers = [redirect_to("http://storage.example.com/")]
    with pytest.raises(LinkRefused, match="it must begin with https://"):
        connect().open_results(LINK)


def test_the_owner_s_own_api_may_be_private_and_link_to_itself(internet: Internet) -> None:
    """So may the embedded AWS, all of whose services share one address without TLS."""
    api = connect("http://127.0.0.1:4566/_aws/execute-api/1")
    internet.answers = [answer_with(b'{"status": 1}'), answer_with(b"{}")]
    assert api.check_job(Turn(), "job").state == "running"
    assert api.open_results("http://127.0.0.1:4566/bucket/results.json").read() == b"{}"
    for elsewhere in ("http://127.0.0.1:4567/", "http://127.0.0.1.example.com:4566/", "https://127.0.0.1:4566/"):
        with pytest.raises(LinkRefused):
            api.open_results(elsewhere)
    assert len(internet.connections) == 2


def answer_packed(content: bytes) -> HTTPResponse:
    return answer_with(content, headers={"Content-Encoding": "gzip"}, decode_content=False)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: answer_packed(b"\x1f\x8b" + b"\0" * 1000), "is compressed, although the request does not accept that"),
        (lambda: answer_with(b'{"status": 1}' + b" " * 2_000_000), "has more than 1,048,576 bytes"),
        (lambda: answer_with(b"[" * 100_000), "is not a JSON object"),
        (lambda: answer_with(b" " * 2_000_000, status=400), "has more than 1,048,576 bytes"),
        (lambda: answer_with(b" " * 2_000_000, status=503), "answered 503"),
    ],
)
def test_an_answer_that_is_too_large_or_compressed_is_refused(internet: Internet, answer: Any, words: str) -> None:
    internet.answers = [answer()]
    with pytest.raises(ApiUnavailable, match=words):
        connect("http://127.0.0.1:4566").check_job(Turn(), "job")
    internet.answers = [answer()]
    with pytest.raises(ApiUnavailable):
        connect("http://127.0.0.1:4566").create_job(Turn(), "https://example.com/", [], 1, idempotency_key="key")


def test_a_redirect_s_body_is_not_read(internet: Internet) -> None:
    class Bomb:
        closed = False

        def read(self, *_: int) -> bytes:
            raise AssertionError

        def close(self) -> None: ...

    headers = {"Location": "/elsewhere", "Content-Encoding": "gzip"}
    bomb = HTTPResponse(Bomb(), status=302, headers=headers, preload_content=False)  # type: ignore[arg-type]
    internet.answers = [bomb, answer_with(b"{}")]
    assert connect().open_results(LINK).read() == b"{}"
    internet.answers = [HTTPResponse(Bomb(), status=302, headers=headers, preload_content=False)]  # type: ignore[arg-type]
    with pytest.raises(ApiRefused, match="redirect"):
        connect("http://127.0.0.1:4566").check_job(Turn(), "job")
