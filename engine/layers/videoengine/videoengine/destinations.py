"""Resolves URLs, and refuses those that the engine must not fetch from (server-side request forgery).

Anyone with an API key can pass a URL, and its server can answer with any redirect. Neither may reach what only this
function can reach: the function itself, its network, the cloud's metadata. So each host name is resolved once, all of
its addresses are checked, and the connection goes to a checked address. The DNS is never asked a second time, because
it could give another answer.
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Self

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from videoengine.errors import JobFailed

type Address = IPv4Address | IPv6Address
type Ranges = tuple[IPv4Network | IPv6Network, ...]

DEFAULT_PORTS = {"http": 80, "https": 443}
FIRST_UNPRIVILEGED_PORT = 1024
HOST_NAME = "[A-Za-z0-9_][A-Za-z0-9._-]*"
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(rf"({HOST_NAME}|\[[^\]]*\])(:[0-9]*)?")
_HOST_RULE = "must have a host of letters, digits, dots and dashes; others are written as xn--"
_NAT64 = IPv6Network("64:ff9b::/96")


class InvalidUrl(ValueError):
    """The URL is not one that the engine fetches from. The message completes "input_url …"."""


@dataclass(frozen=True)
class WebAddress:
    """A well-formed URL whose host is not resolved yet.

    Attributes:
        scheme: `http` or `https`.
        host: as in the URL; the server's certificate must be valid for it.
        authority: the `Host` header: the host, and the port unless it is the scheme's default.
        target: path and query.
    """

    scheme: str
    host: str
    authority: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Checks a URL without resolving its host.

        Raises:
            InvalidUrl: the URL is not one that the engine fetches from. The message quotes nothing of the URL, which
                may be a secret.
        """
        authority = _AUTHORITY.match(url)
        if authority and not authority[1].isascii():
            # Check before parsing: urllib3 rewrites such hosts if the library idna is installed.
            raise InvalidUrl(_HOST_RULE)
        try:
            parts = parse_url(url)
        except LocationParseError:
            raise InvalidUrl("is not a valid URL") from None
        if parts.scheme not in DEFAULT_PORTS or not parts.host:
            raise InvalidUrl("must begin with http:// or https://")
        if parts.auth is not None:
            raise InvalidUrl("must not hold a user name or password")
        if not (authority and _HOST_AND_PORT.fullmatch(authority[1])):
            raise InvalidUrl(_HOST_RULE)
        port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
        # Lower ports belong to mail, remote shells and similar services, which an HTTP request could attack.
        if port not in DEFAULT_PORTS.values() and port < FIRST_UNPRIVILEGED_PORT:
            raise InvalidUrl(f"must not have port {port}: only 80, 443 and ports from 1024 are allowed")
        named = parts.host if port == DEFAULT_PORTS[parts.scheme] else f"{parts.host}:{port}"
        return cls(parts.scheme, parts.host.strip("[]"), named, port, parts.request_uri)


@dataclass(frozen=True)
class Destination:
    """A URL whose host is resolved and checked.

    Attributes:
        addresses: the checked addresses of the host; never empty, IPv4 first.
    """

    web_address: WebAddress
    addresses: tuple[Address, ...]


def find_destination(url: str, allowed: Ranges) -> Destination:
    """Resolves and checks a URL.

    Args:
        allowed: address ranges that are allowed although they are not public.

    Raises:
        JobFailed: the engine must not fetch from this URL, or its host does not exist. The message names only the
            host, because the query may be a secret.
        OSError: the DNS failed; trying again may help.
    """
    try:
        web_address = WebAddress.parse(url)
    except InvalidUrl as problem:
        raise JobFailed(f"The video could not be fetched: its URL {problem}") from None
    addresses = _resolve(web_address.host, web_address.port)
    if not all(is_public(address) or is_in(address, allowed) for address in addresses):
        # The message does not name the address: it would reveal what a private network's DNS answers.
        raise JobFailed(
            f"The video could not be fetched: {web_address.host} is not on the public internet; "
            "to allow a private network, add it to the engine's AllowedRanges parameter"
        )
    return Destination(web_address, addresses)


def parse_ranges(text: str) -> Ranges:
    """Parses comma-separated address ranges in CIDR notation, such as `10.0.0.0/8, fd00::/8`.

    Raises:
        ValueError: a range is invalid.
    """
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def is_public(address: Address) -> bool:
    """Whether the address is public, by IANA's registries of special-purpose addresses."""
    address = _unwrap(address)
    is_assigned = isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST
    return address.is_global and is_assigned and not address.is_multicast


def is_in(address: Address, ranges: Ranges) -> bool:
    """Whether one of the ranges contains the address."""
    address = _unwrap(address)
    return any(address in network for network in ranges)


def _unwrap(address: Address) -> Address:
    """The IPv4 address inside a mapped, 6to4 or NAT64 IPv6 address; any other address unchanged."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _resolve(host: str, port: int) -> tuple[Address, ...]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            raise
        raise JobFailed(f"The video could not be fetched from {host}: the host does not exist") from None
    addresses = {ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in answers}
    # IPv4 first: a Lambda function has no IPv6 by default.
    return tuple(sorted(addresses, key=lambda address: (address.version, address)))
