"""Where requests may go: to the API that the owner named, and by its links to public addresses, encrypted.

A link comes from the API, and so does each redirect of what is behind it. Neither may reach what only this function
can: itself, its network, its cloud's metadata. So a name is resolved once, every address that it has is checked, and
the connection goes to the very address that was checked. What has the scheme, host and port of `ApiUrl` is the owner's
own word: that is how the embedded AWS, which has no certificate, is reached.

The rules are those of the engine's `destinations.py`; the two applications share no code.
"""

import ipaddress
import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

type Address = IPv4Address | IPv6Address

HTTPS_PORT = 443
FIRST_UNPRIVILEGED_PORT = 1024
"""Below lie the ports of mail, remote shells and the like, which could be spoken to in disguise."""

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|\[?[0-9A-Fa-f:.]+\]?")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


class LinkForbidden(requests.RequestException):
    """A URL leads where no link may. The text holds nothing of it: it may be a secret."""


def open_session(api_url: str) -> requests.Session:
    """A session for requests to the API at `api_url` and to what it links to."""
    session = _Session()
    session.mount("https://", PublicAdapter())
    session.mount("http://", _Forbidden())
    api = urlsplit(api_url)
    session.mount(f"{api.scheme}://{api.netloc}/", HTTPAdapter())
    return session


class _Session(requests.Session):
    """Leaves redirects to the caller.

    Even where it is told not to follow one, requests reads all of its body, unpacked, to have the next request at hand.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  requests' name
        return None


class _Forbidden(BaseAdapter):
    """Sends nothing."""

    def send(self, *_: Any, **__: Any) -> requests.Response:
        raise LinkForbidden("it must begin with https://")

    def close(self) -> None:
        """Nothing is open."""


class PublicAdapter(HTTPAdapter):
    """Sends requests to public addresses alone. Raises LinkForbidden."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.headers["Host"] = urlsplit(str(request.url)).netloc  # not the address that is connected to
        return super().send(request, *args, **options)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Any = None,  # noqa: ARG002  a proxy would resolve the name once more
        cert: Any = None,
    ) -> HTTPConnectionPool:
        if urlsplit(str(request.url)).username is not None:
            raise LinkForbidden("it must not hold a user name or password")
        place, options = self.build_connection_pool_key_attributes(request, verify, cert)  # type: ignore[arg-type]
        host = place["host"]
        if not _HOST.fullmatch(host):
            raise LinkForbidden("it must have a host of letters, digits, dots and dashes")
        port = HTTPS_PORT if place["port"] is None else place["port"]
        if port != HTTPS_PORT and port < FIRST_UNPRIVILEGED_PORT:
            raise LinkForbidden(f"port {port} is not one for web servers")
        address = find_address(host, port)
        named = {**options, "server_hostname": host, "assert_hostname": host}  # what the certificate has to be for
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(
            str(address), port, place["scheme"], pool_kwargs=named
        )
        return pool


def find_address(host: str, port: int) -> Address:
    """An address of a host whose addresses are all public.

    Raises:
        LinkForbidden: One of them is not.
        requests.ConnectionError: The name can't be resolved.
    """
    try:
        answers = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise requests.ConnectionError("there is no such host") from None
    addresses = [ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in answers]
    if not all(map(is_public, addresses)):
        # Not which address: what a private network's DNS answers is nobody's business.
        raise LinkForbidden("its host is no address on the public internet")
    # A Lambda function has no IPv6 of its own.
    return min(addresses, key=lambda address: address.version)


def is_public(address: Address) -> bool:
    """Whether the address is anybody's on the internet, by IANA's registries of special-purpose addresses."""
    if isinstance(address, IPv6Address):
        inner = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
        address = inner or address.ipv4_mapped or address.sixtofour or address
    is_assigned = isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST
    return address.is_global and is_assigned and not address.is_multicast
