"""Where requests may go: to the configured API, and by the links that it gives to public addresses, over HTTPS.

Links and their redirects come from outside. They must not reach what only this function can reach: itself, its
network, the cloud's metadata service. So a host name is resolved once, all its addresses are checked, and the
connection goes to a checked address. URLs with the scheme, host and port of `ApiUrl` are trusted, because the owner of
the stack has set it; this is how requests reach the embedded AWS, which has no certificate.

The engine's `destinations.py` has the same rules; the two applications share no code.
"""

import ipaddress
import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3.connectionpool import HTTPConnectionPool

from videojobs.api.time_limits import TimedAdapter

type Address = IPv4Address | IPv6Address

HTTPS_PORT = 443
FIRST_UNPRIVILEGED_PORT = 1024
"""Lower ports belong to mail, remote shells and so on; a crafted URL could send commands to them."""

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|\[?[0-9A-Fa-f:.]+\]?")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


class LinkForbidden(requests.RequestException):
    """A link leads to a forbidden place. The message does not quote the URL, which may be a secret."""


def open_session(api_url: str) -> requests.Session:
    """Returns a session for requests to the API at `api_url` and to the links that it gives."""
    session = _Session()
    session.mount("https://", PublicAdapter())
    session.mount("http://", _Forbidden())
    api = urlsplit(api_url)
    session.mount(f"{api.scheme}://{api.netloc}/", TimedAdapter())
    return session


class _Session(requests.Session):
    """Leaves redirects to the caller.

    Even with `allow_redirects=False`, requests would read and decompress the whole body of a redirect, to prepare the
    next request.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  requests' name
        return None


class _Forbidden(BaseAdapter):
    """Refuses every request."""

    def send(self, *_: Any, **__: Any) -> requests.Response:
        raise LinkForbidden("it must begin with https://")

    def close(self) -> None:
        """Does nothing: there is no connection."""


class PublicAdapter(TimedAdapter):
    """Sends requests to public addresses only. Raises LinkForbidden."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.headers["Host"] = urlsplit(str(request.url)).netloc  # otherwise it would be the IP address
        return super().send(request, *args, **options)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Any = None,  # noqa: ARG002  a proxy would resolve the name again
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
        named = {**options, "server_hostname": host, "assert_hostname": host}  # the certificate must be for the name
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(
            str(address), port, place["scheme"], pool_kwargs=named
        )
        return pool


def find_address(host: str, port: int) -> Address:
    """Returns an address of `host`, if all its addresses are public.

    Raises:
        LinkForbidden: An address is not public.
        requests.ConnectionError: The name can't be resolved.
    """
    try:
        answers = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise requests.ConnectionError("there is no such host") from None
    addresses = [ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in answers]
    if not all(map(is_public, addresses)):
        # The message does not name the address: it would disclose what a private network's DNS answers.
        raise LinkForbidden("its host is not on the public internet")
    # Prefer IPv4: a Lambda function has no IPv6 by default.
    return min(addresses, key=lambda address: address.version)


def is_public(address: Address) -> bool:
    """Returns whether the address is public, by IANA's registries of special-purpose addresses."""
    if isinstance(address, IPv6Address):
        inner = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
        address = inner or address.ipv4_mapped or address.sixtofour or address
    is_assigned = isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST
    return address.is_global and is_assigned and not address.is_multicast
