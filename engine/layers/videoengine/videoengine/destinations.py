"""Where a URL leads, and whether a stranger may send the engine there.

A URL comes from whoever has a key, and so does each redirect of the server that it names. Neither may reach what only
this function can: itself, its network, its cloud's metadata. So a name is resolved once, every address that it has is
checked, and the connection goes to the very address that was: a second answer of the DNS is never asked for.
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


class NoWebAddress(ValueError):
    """Its text goes on after what the address is of: "input_url" must begin with http://."""


@dataclass(frozen=True)
class WebAddress:
    """A URL that is in order, wherever it leads.

    Attributes:
        scheme: `http` or `https`.
        host: as the URL names it; what the server's certificate has to be for.
        authority: host and, where it is not the scheme's own, port: the `Host` header.
        target: path and query.
    """

    scheme: str
    host: str
    authority: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Checks what can be without looking the host up.

        Raises:
            NoWebAddress: it is none that the engine fetches from. The text holds nothing of it: it may be a secret.
        """
        authority = _AUTHORITY.match(url)
        if authority and not authority[1].isascii():
            # Before it is parsed: a library that may be there or not would spell it anew.
            raise NoWebAddress(_HOST_RULE)
        try:
            parts = parse_url(url)
        except LocationParseError:
            raise NoWebAddress("can't be read as an address") from None
        if parts.scheme not in DEFAULT_PORTS or not parts.host:
            raise NoWebAddress("must begin with http:// or https://")
        if parts.auth is not None:
            raise NoWebAddress("must not hold a user name or password")
        if not (authority and _HOST_AND_PORT.fullmatch(authority[1])):
            raise NoWebAddress(_HOST_RULE)
        port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
        # Below lie the ports of mail, remote shells and the like, which could be spoken to in disguise.
        if port not in DEFAULT_PORTS.values() and port < FIRST_UNPRIVILEGED_PORT:
            raise NoWebAddress(f"must not have port {port}, which is not one for web servers")
        named = parts.host if port == DEFAULT_PORTS[parts.scheme] else f"{parts.host}:{port}"
        return cls(parts.scheme, parts.host.strip("[]"), named, port, parts.request_uri)


@dataclass(frozen=True)
class Destination:
    """A web address that has been looked up and checked.

    Attributes:
        addresses: of its host, each of them checked; never empty, IPv4 first.
    """

    web_address: WebAddress
    addresses: tuple[Address, ...]


def find_destination(url: str, allowed: Ranges) -> Destination:
    """Resolves and checks a URL.

    Args:
        allowed: addresses that may be reached though they are not public.

    Raises:
        JobFailed: it is none that the engine fetches from. The text names the host alone: a query may be a secret.
        OSError: the name could not be resolved now.
    """
    try:
        web_address = WebAddress.parse(url)
    except NoWebAddress as problem:
        raise JobFailed(f"The video could not be fetched: its address {problem}") from None
    addresses = _resolve(web_address.host, web_address.port)
    if not all(is_public(address) or is_in(address, allowed) for address in addresses):
        # Not which address: what a private network's DNS answers is nobody's business.
        raise JobFailed(
            f"The video could not be fetched: {web_address.host} is no address on the public internet; "
            "the engine's AllowedRanges parameter can let its own networks in"
        )
    return Destination(web_address, addresses)


def parse_ranges(text: str) -> Ranges:
    """Comma-separated ranges in CIDR notation.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def is_public(address: Address) -> bool:
    """Whether the address is anybody's on the internet, by IANA's registries of special-purpose addresses."""
    address = _unwrap(address)
    is_assigned = isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST
    return address.is_global and is_assigned and not address.is_multicast


def is_in(address: Address, ranges: Ranges) -> bool:
    address = _unwrap(address)
    return any(address in network for network in ranges)


def _unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4 or NAT64."""
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
        raise JobFailed(f"The video could not be fetched from {host}: there is no such host") from None
    addresses = {ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in answers}
    # A Lambda function has no IPv6 of its own.
    return tuple(sorted(addresses, key=lambda address: (address.version, address)))
