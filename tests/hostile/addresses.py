"""Addresses that a stranger may try to send the engine to, and the error for each."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.stand_ins.internet import PUBLIC_ADDRESS

NAMES: Mapping[str, list[list[str]]] = {
    "127.0.0.1.nip.example": [["127.0.0.1"]],
    "one-of-two.example": [[PUBLIC_ADDRESS, "10.0.0.1"]],
    "intranet.example": [["192.168.0.10"]],
    "mapped.example": [["::ffff:169.254.169.254"]],
    "nowhere.example": [[]],
}
"""The successive lookup results of these names, as in `Internet.names`."""


@dataclass(frozen=True)
class HostileAddress:
    """An address that the engine must never connect to.

    Attributes:
        name: What is wrong with it.
        url: The address.
        error: The request's error if `refused_at_once`, else the job's error.
    """

    name: str
    url: str
    error: str
    refused_at_once: bool = False


def _special(name: str, url: str, host: str) -> HostileAddress:
    return HostileAddress(
        name,
        url,
        f"The video could not be fetched: {host} is not on the public internet; "
        "to allow a private network, add it to the engine's AllowedRanges parameter",
    )


def _malformed(name: str, url: str, error: str) -> HostileAddress:
    return HostileAddress(name, url, error, refused_at_once=True)


_NO_SCHEME = "must begin with http:// or https://"
_NO_HOST = "must have a host of letters, digits, dots and dashes; others are written as xn--"
_NO_ADDRESS = "is not a valid URL"

ADDRESSES = [
    _special("loopback", "http://127.0.0.1/a.mp4", "127.0.0.1"),
    _special("loopback, another", "http://127.8.8.8:8080/a.mp4", "127.8.8.8"),
    _special("loopback by name", "http://localhost/a.mp4", "localhost"),
    _special("loopback by name in capitals", "http://LOCALHOST:8080/a.mp4", "localhost"),
    _special("loopback in IPv6", "http://[::1]/", "::1"),
    _special("this host", "http://0.0.0.0/", "0.0.0.0"),  # noqa: S104
    _special("this host, in short", "http://0/", "0"),
    _special("private, 10/8", "http://10.1.2.3/", "10.1.2.3"),
    _special("private, 172.16/12", "http://172.31.255.255/", "172.31.255.255"),
    _special("private, 192.168/16", "https://192.168.1.1/", "192.168.1.1"),
    _special("private in IPv6", "http://[fc00::1]/", "fc00::1"),
    _special("a provider's network, 100.64/10", "http://100.64.0.1/", "100.64.0.1"),
    _special("link-local", "http://169.254.1.1/", "169.254.1.1"),
    _special("link-local in IPv6", "http://[fe80::1]/", "fe80::1"),
    _special(
        "the cloud's metadata", "http://169.254.169.254/latest/meta-data/iam/security-credentials/", "169.254.169.254"
    ),
    _special("a container's credentials", "http://169.254.170.2/v2/credentials/", "169.254.170.2"),
    _special("the cloud's metadata in IPv6", "http://[fd00:ec2::254]/latest/meta-data/", "fd00:ec2::254"),
    _special("multicast", "http://239.255.255.250:1900/", "239.255.255.250"),
    _special("broadcast", "http://255.255.255.255/", "255.255.255.255"),
    _special("loopback mapped into IPv6", "http://[::ffff:127.0.0.1]:8000/", "::ffff:127.0.0.1"),
    _special("loopback mapped, in hexadecimal", "http://[::ffff:7f00:1]/", "::ffff:7f00:1"),
    _special("metadata mapped into IPv6", "http://[::ffff:169.254.169.254]/", "::ffff:169.254.169.254"),
    _special("loopback by way of NAT64", "http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1"),
    _special("loopback by way of 6to4", "http://[2002:7f00:1::]/", "2002:7f00:1::"),
    _special("loopback as one number", "http://2130706433/", "2130706433"),
    _special("loopback in hexadecimal", "http://0x7f000001/", "0x7f000001"),
    _special("loopback in hexadecimal, parts", "http://0x7f.1/", "0x7f.1"),
    _special("loopback in octal", "http://017700000001/", "017700000001"),
    _special("loopback in octal, parts", "http://0177.0.0.1/", "0177.0.0.1"),
    _special("loopback in two parts", "http://127.1/", "127.1"),
    _special("metadata as one number", "http://2852039166/latest/meta-data/", "2852039166"),
    _special("a public name of loopback", "http://127.0.0.1.nip.example/", "127.0.0.1.nip.example"),
    _special("a public name of a private address", "https://intranet.example:8443/", "intranet.example"),
    _special("a public name of a mapped one", "https://mapped.example/", "mapped.example"),
    _special("a name of a public and a private one", "http://one-of-two.example/", "one-of-two.example"),
    HostileAddress(
        "a name that nobody has",
        "http://nowhere.example/",
        "The video could not be fetched from nowhere.example: the host does not exist",
    ),
    _malformed("a host as user name", "http://videos.example.com@127.0.0.1/", "must not hold a user name or password"),
    _malformed(
        "a user and password", "http://user:password@videos.example.com/", "must not hold a user name or password"
    ),
    _malformed(
        "port 22",
        "http://videos.example.com:22/",
        "must not have port 22: only 80, 443 and ports from 1024 are allowed",
    ),
    _malformed(
        "port 25",
        "http://videos.example.com:25/",
        "must not have port 25: only 80, 443 and ports from 1024 are allowed",
    ),
    _malformed(
        "port 0", "http://videos.example.com:0/", "must not have port 0: only 80, 443 and ports from 1024 are allowed"
    ),
    _malformed("a port above all", "http://videos.example.com:99999/", _NO_ADDRESS),
    _malformed("a port that is a word", "http://videos.example.com:port/", _NO_ADDRESS),
    _malformed("half a bracket", "http://[::1/", _NO_ADDRESS),
    _malformed("a line break in the host", "http://videos.example.com\r\nHost: a/", _NO_ADDRESS),
    _malformed("digits of another script", "http://\uff11\uff12\uff17.0.0.1/", _NO_HOST),
    _malformed("a dot of another script", "http://127\u30020\u30020\u30021/", _NO_HOST),
    _malformed("a list of hosts", "http://videos.example.com,127.0.0.1/", _NO_HOST),
    _malformed("no host", "http:///a.mp4", _NO_SCHEME),
    _malformed("a file", "file:///etc/passwd", _NO_SCHEME),
    _malformed("FTP", "ftp://videos.example.com/a.mp4", _NO_SCHEME),
    _malformed("Gopher", "gopher://127.0.0.1:6379/_INFO", _NO_SCHEME),
    _malformed("S3", "s3://bucket/a.mp4", _NO_SCHEME),
    _malformed("data", "data:video/mp4;base64,AAAA", _NO_SCHEME),
    _malformed("FFmpeg's own", "concat:/etc/passwd|/etc/hosts", _NO_SCHEME),
    _malformed("no scheme", "//videos.example.com/a.mp4", _NO_SCHEME),
]

REDIRECTS = [address for address in ADDRESSES if not address.url.startswith("//")]
"""Where a server may redirect the engine. A URL without a scheme would get the redirect's scheme, so it is left out."""
