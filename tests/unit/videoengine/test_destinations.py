"""Where the engine may be sent. `tests/hostile` has the answer to each hostile address."""

import ipaddress
import socket

import pytest

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from tests.stand_ins.internet import PUBLIC_ADDRESS, Connection, Internet, answer_with, redirect_to
from videoengine.destinations import find_destination, is_public, parse_ranges
from videoengine.errors import JobFailed
from videoengine.video_fetch import MAX_REDIRECTS, fetch_video

pytestmark = pytest.mark.usefixtures("internet")

LOCAL = parse_ranges("127.0.0.1/32")
NOT_PUBLIC = "is not on the public internet"


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001::7f00:1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC_ADDRESS,
        "52.216.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.128.0.1",
        "2600:1fa0::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_globally_reachable_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_the_connection_goes_to_the_address_that_was_checked(engine: EngineInProcess, internet: Internet) -> None:
    internet.names["rebinding.example"] = [[PUBLIC_ADDRESS], ["127.0.0.1"]]
    internet.answers += [answer_with(b"video")]
    fetch_video(engine.s3, "https://rebinding.example/a.mp4?b=c", VIDEOS_BUCKET, "video", 1000, allowed=())
    name = "rebinding.example"
    assert internet.lookups == [name]
    assert internet.connections == [Connection("https", PUBLIC_ADDRESS, 443, name, name, "/a.mp4?b=c")]


def test_a_redirect_is_resolved_and_checked_again(engine: EngineInProcess, internet: Internet) -> None:
    internet.names["rebinding.example"] = [[PUBLIC_ADDRESS], ["127.0.0.1"]]
    internet.answers += [redirect_to("/b.mp4")]
    with pytest.raises(JobFailed, match=NOT_PUBLIC):
        fetch_video(engine.s3, "https://rebinding.example/a.mp4", VIDEOS_BUCKET, "video", 1000, allowed=())
    assert len(internet.connections) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int, engine: EngineInProcess, internet: Internet) -> None:
    internet.answers += [redirect_to("http://[2600:1fa0::1]:8080/c.mp4?d=e", status), answer_with(b"video")]
    fetch_video(engine.s3, "https://videos.example.com/a", VIDEOS_BUCKET, "video", 1000, allowed=())
    last = internet.connections[-1]
    assert last == Connection("http", "2600:1fa0::1", 8080, "[2600:1fa0::1]:8080", None, "/c.mp4?d=e")
    assert engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key="video")["Body"].read() == b"video"


def test_endless_redirects_are_refused(engine: EngineInProcess, internet: Internet) -> None:
    internet.answers += [redirect_to("https://videos.example.com/a") for _ in range(99)]
    with pytest.raises(JobFailed, match="redirects too often"):
        fetch_video(engine.s3, "https://videos.example.com/a", VIDEOS_BUCKET, "video", 1000, allowed=())
    assert len(internet.connections) == 1 + MAX_REDIRECTS


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4566/a", "http://localhost:4566/a", "http://[::ffff:127.0.0.1]:4566/a"]
)
def test_addresses_in_an_allowed_range_are_allowed(url: str) -> None:
    assert find_destination(url, LOCAL).web_address.port == 4566


@pytest.mark.parametrize("url", ["http://127.0.0.2:4566/a", "http://10.0.0.1:4566/a", "http://[::1]:4566/a"])
def test_addresses_outside_the_allowed_range_are_refused(url: str) -> None:
    with pytest.raises(JobFailed, match=NOT_PUBLIC):
        find_destination(url, LOCAL)


def test_a_busy_resolver_is_retried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(socket.gaierror):
        find_destination("https://videos.example.com/", ())


def test_allowed_ranges_are_parsed() -> None:
    assert parse_ranges("10.0.0.0/8, ::1/128,") == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    assert parse_ranges("") == ()
