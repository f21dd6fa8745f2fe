"""Web servers on real sockets that misbehave as a stranger's may, and the error for each."""

import gzip
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.stand_ins.range_server import RangeServer
from tests.stand_ins.videos import VideoSpec, make_growing_video, make_video

HOST = "videos.example.com"
"""The servers' name in the tests' DNS."""
KIB, MIB = 2**10, 2**20
PART_BYTES = 1000
"""Size of a part; 16 MiB in production."""
PAUSE_SECONDS = 0.05
"""Seconds between the bytes of a slow server."""

_VIDEO = make_video(VideoSpec(frames=12))

type Serve = Callable[[socket.socket, Mapping[str, str]], None]


@dataclass(frozen=True)
class HostileServer:
    """A server, and the end of a job whose video is there.

    Attributes:
        name: What is wrong with it.
        serve: Answers a request that has been read, given its headers, until the client disconnects.
        error: The job's error; None for a job that is done.
        scheme: The scheme of its URL.
        certificate_for: The name in its certificate; None without TLS.
        is_trusted: Whether the certificate's issuer is trusted.
        read_seconds: How long the engine waits for the next byte; one minute in production.
        fetch_seconds: How long the engine waits for the last byte; ten minutes in production.
    """

    name: str
    serve: Serve
    error: str | None
    scheme: str = "http"
    certificate_for: str | None = None
    is_trusted: bool = True
    read_seconds: float = 30
    fetch_seconds: float = 30


@contextmanager
def run_server(server: HostileServer, folder: Path) -> Iterator[str]:
    """Runs a server until the block ends, and yields its URL.

    Args:
        folder: Where to write its certificate, as `ca.pem`.
    """
    tls = _make_tls(server, folder) if server.certificate_for else None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=_accept, args=(listening, server, tls), daemon=True).start()
        try:
            yield f"{server.scheme}://{HOST}:{listening.getsockname()[1]}/a.mp4?signature=secret"
        finally:
            # Closing the socket alone would not wake `accept`.
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, server: HostileServer, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connected, _ = listening.accept()
            Thread(target=_answer, args=(connected, server, tls), daemon=True).start()


def _answer(connected: socket.socket, server: HostileServer, tls: ssl.SSLContext | None) -> None:
    # OSError: the client has disconnected, as most of these servers make it do.
    with suppress(OSError), connected:
        if tls:
            with tls.wrap_socket(connected, server_side=True) as secured:
                server.serve(secured, _read_request(secured))
        else:
            server.serve(connected, _read_request(connected))


_HANDSHAKE = b"\x16"


def _read_request(connected: socket.socket) -> Mapping[str, str]:
    """Reads a request with its body, or the beginning of a TLS handshake, and returns its headers.

    Closing a socket with unread bytes would reset the connection, and the client could lose the answer.
    """
    request = b""
    while piece := connected.recv(64 * KIB):
        request += piece
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\ncontent-length: *([0-9]+)", head)
        if request.startswith(_HANDSHAKE) or (end and len(body) >= (int(length[1]) if length else 0)):
            break
    return dict(re.findall(r"\n([^:]+): *([^\r]*)", request.partition(b"\r\n\r\n")[0].decode("latin-1")))


def _make_tls(server: HostileServer, folder: Path) -> ssl.SSLContext:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")])
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(server.certificate_for or ""))
    except ValueError:
        subject = x509.DNSName(server.certificate_for or "")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    chain = folder / "chain.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    chain.write_bytes(private + certificate)
    (folder / "ca.pem").write_bytes(certificate if server.is_trusted else b"")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def send(content: bytes, *, status: str = "200 OK", length: int | None = None, **headers: str) -> Serve:
    """Sends a complete answer.

    Args:
        length: The Content-Length to declare; by default the true one.
        headers: Further headers, with underscores for hyphens.
    """
    lines = {"Content-Length": str(len(content) if length is None else length), "Connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    return lambda connected, _: connected.sendall(head.encode() + content)


def redirect(location: str) -> Serve:
    """Sends a redirect."""
    return send(b"", status="302 Found", Location=location)


def send_forever(head: bytes, chunk: bytes, pause_seconds: float = 0) -> Serve:
    """Sends `head` once and then `chunk` until the client disconnects, with pauses in seconds."""

    def serve(connected: socket.socket, _: Mapping[str, str]) -> None:
        connected.sendall(head)
        while True:
            connected.sendall(chunk)
            time.sleep(pause_seconds)

    return serve


def _say_nothing(connected: socket.socket, _: Mapping[str, str]) -> None:
    connected.recv(1)


def _hang_up(connected: socket.socket, _: Mapping[str, str]) -> None:
    del connected


def send_ranges(first: Serve | None = None, further: Serve | None = None, whole: Serve | None = None) -> Serve:
    """Sends ranges of a video, except for what is given.

    Args:
        first: Sends the first range.
        further: Sends every other range.
        whole: Answers a request without a range.
    """
    right = RangeServer(_VIDEO)

    def serve(connected: socket.socket, headers: Mapping[str, str]) -> None:
        wanted = headers.get("Range", "")
        chosen = whole if not wanted else first if wanted.startswith("bytes=0-") else further
        if chosen:
            chosen(connected, headers)
        else:
            answer = right.answer(headers)
            lines: dict[str, Any] = {name.replace("-", "_"): value for name, value in answer.headers.items()}
            send(answer.body, status=f"{answer.status} As It Should", **lines)(connected, headers)

    return serve


def _send_range(content: bytes, content_range: str, etag: str = RangeServer.etag) -> Serve:
    return send(content, status="206 Partial Content", ETag=etag, Content_Range=f"bytes {content_range}")


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_PART = f"HTTP/1.1 206 Partial Content\r\nETag: {RangeServer.etag}\r\nContent-Range: bytes "
_FIRST_PART = f"{_PART}0-{PART_BYTES - 1}/{len(_VIDEO)}\r\n\r\n".encode()
_LAST_PART = f"{_PART}{PART_BYTES}-{len(_VIDEO) - 1}/{len(_VIDEO)}\r\n\r\n".encode()
_BOMB = gzip.compress(bytes(10 * MIB))
_HTML = b"<!DOCTYPE html><title>Log in</title><form method=post>"
_PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"

_GROWING = make_growing_video()

_COULD_NOT = "The video could not be fetched"
_TOO_LARGE = "The video is larger than this engine's limit of 0.0001 GiB"
_SLOW_SECONDS = 0.3
_TOO_SLOW = f"{_COULD_NOT} within {_SLOW_SECONDS / 60:g} minutes"
_FORMATS = "MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS"
_NO_VIDEO = f"The file is not an {_FORMATS} video, or is cut off (Invalid data found when processing input)"
_NOT_THIS_ONE = f"The file is not an {_FORMATS} video, or is cut off (Invalid argument)"
_NOT_PUBLIC = (
    "is not on the public internet; to allow a private network, add it to the engine's AllowedRanges parameter"
)
_BROKE_OFF = f"{_COULD_NOT} from {HOST}: the connection broke off (ProtocolError)"
_NO_CERTIFICATE = f"{_COULD_NOT} from {HOST}: its certificate is not accepted"

SERVERS = [
    HostileServer("a video, for comparison", send(_VIDEO), None),
    # Redirects.
    HostileServer(
        "a redirect to metadata", redirect("http://169.254.169.254/"), f"{_COULD_NOT}: 169.254.169.254 {_NOT_PUBLIC}"
    ),
    HostileServer(
        "a redirect to its neighbor", redirect("http://127.0.0.2:8000/"), f"{_COULD_NOT}: 127.0.0.2 {_NOT_PUBLIC}"
    ),
    HostileServer(
        "a redirect to a file",
        redirect("file:///etc/passwd"),
        f"{_COULD_NOT}: its URL must begin with http:// or https://",
    ),
    HostileServer(
        "a redirect to a mail server",
        redirect("http://videos.example.com:25/"),
        f"{_COULD_NOT}: its URL must not have port 25: only 80, 443 and ports from 1024 are allowed",
    ),
    HostileServer(
        "a redirect with a password",
        redirect("http://me:secret@videos.example.com/"),
        f"{_COULD_NOT}: its URL must not hold a user name or password",
    ),
    HostileServer("a redirect to no address", redirect("http://[::1"), f"{_COULD_NOT}: it redirects to an invalid URL"),
    HostileServer("redirects without end", redirect("/again"), f"{_COULD_NOT}: {HOST} redirects too often"),
    HostileServer("a redirect to nowhere", send(b"", status="302 Found"), f"{_COULD_NOT}: {HOST} answered 302 Found"),
    # Endless answers.
    HostileServer("a body without end", send_forever(_OK + b"\r\n", bytes(64 * KIB)), _TOO_LARGE),
    HostileServer(
        "a body without end, in chunks", send_forever(_CHUNKED, b"10000\r\n" + bytes(64 * KIB) + b"\r\n"), _TOO_LARGE
    ),
    HostileServer("a header without end", send_forever(_OK + b"X: ", b"x" * KIB), _BROKE_OFF),
    HostileServer("headers without end", send_forever(_OK, b"X: x\r\n"), _BROKE_OFF),
    HostileServer("a chunk's size without end", send_forever(_CHUNKED, b"1" * KIB), _BROKE_OFF),
    # Slow answers.
    HostileServer("nothing", _say_nothing, f"{_COULD_NOT} from {HOST}: no data for 0.2 s", read_seconds=0.2),
    HostileServer(
        "a body, a byte at a time",
        send_forever(_OK + b"\r\n", b"x", PAUSE_SECONDS),
        _TOO_SLOW,
        fetch_seconds=_SLOW_SECONDS,
    ),
    HostileServer(
        "a body of known length, a byte at a time",
        send_forever(_OK + b"Content-Length: 50000\r\n\r\n", b"x", PAUSE_SECONDS),
        _TOO_SLOW,
        fetch_seconds=_SLOW_SECONDS,
    ),
    HostileServer(
        "a header, a byte at a time",
        send_forever(_OK + b"X: ", b"x", PAUSE_SECONDS),
        _TOO_SLOW,
        fetch_seconds=_SLOW_SECONDS,
    ),
    HostileServer(
        "a handshake, a byte at a time",
        send_forever(b"\x16\x03\x03\x3f\xff", b"\x02", PAUSE_SECONDS),
        _TOO_SLOW,
        fetch_seconds=_SLOW_SECONDS,
        scheme="https",
    ),
    # Ranges. A server that breaks its promise is asked for the whole file.
    HostileServer("ranges, for comparison", send_ranges(whole=_hang_up), None),
    HostileServer("a range of 10 GB", send_ranges(_send_range(bytes(PART_BYTES), "0-999/10000000000")), _TOO_LARGE),
    HostileServer(
        "ranges of a longer file", send_ranges(_send_range(_VIDEO[:PART_BYTES], f"0-999/{len(_VIDEO) + 1}")), None
    ),
    HostileServer(
        "a range that was not asked for", send_ranges(_send_range(_VIDEO[:PART_BYTES], "1000-1999/2000")), None
    ),
    HostileServer(
        "ranges of another file",
        send_ranges(further=_send_range(_VIDEO[PART_BYTES:], f"1000-{len(_VIDEO) - 1}/{len(_VIDEO)}", '"b"')),
        None,
    ),
    HostileServer("the whole file for each range but the first", send_ranges(further=send(_VIDEO)), None),
    HostileServer("a redirect to metadata for a range", send_ranges(further=redirect("http://169.254.169.254/")), None),
    HostileServer("a first range alone", send_ranges(further=_hang_up), None),
    HostileServer(
        "a first range, and then nothing",
        send_ranges(further=_hang_up, whole=_hang_up),
        _BROKE_OFF,
    ),
    HostileServer("a range without end", send_ranges(further=send_forever(_LAST_PART, bytes(64 * KIB))), None),
    HostileServer(
        "a first range without end, and a file without end",
        send_ranges(
            first=send_forever(_FIRST_PART, bytes(64 * KIB)),
            whole=send_forever(_OK + b"\r\n", bytes(64 * KIB)),
        ),
        _TOO_LARGE,
    ),
    HostileServer(
        "ranges, a byte at a time",
        send_ranges(further=send_forever(_LAST_PART, b"x", PAUSE_SECONDS)),
        _TOO_SLOW,
        fetch_seconds=_SLOW_SECONDS,
    ),
    HostileServer(
        "compressed ranges",
        send_ranges(
            first=send(
                bytes(1000), status="206 Partial", ETag='"a"', Content_Range="0-999/2000", Content_Encoding="br"
            ),
            whole=send(_BOMB, Content_Encoding="gzip"),
        ),
        f"{_COULD_NOT}: {HOST} sent it compressed (gzip)",
    ),
    # False lengths, and answers that are not HTTP.
    HostileServer("a length of 10 GB, and no body", send(b"", length=10**10), _TOO_LARGE),
    HostileServer("more than its length says", send(_VIDEO + _HTML, length=len(_VIDEO)), None),
    HostileServer("less than its length says", send(_VIDEO, length=len(_VIDEO) + 1), _BROKE_OFF),
    HostileServer("a length below zero", send(_VIDEO, length=-1), None),
    HostileServer(
        "two lengths", send(_VIDEO, content_length="1"), _BROKE_OFF.replace("ProtocolError", "InvalidHeader")
    ),
    HostileServer("no HTTP", lambda it, _: it.sendall(b"SSH-2.0-OpenSSH_9.9\r\n"), _BROKE_OFF),
    HostileServer("no answer", _hang_up, _BROKE_OFF),
    HostileServer(
        "a login page that says 403",
        send(_HTML, status="403 Forbidden"),
        f"{_COULD_NOT}: {HOST} answered 403 Forbidden",
    ),
    # Files that are not videos.
    HostileServer("a login page that says 200", send(_HTML, Content_Type="text/html"), _NO_VIDEO),
    HostileServer("a login page that says video/mp4", send(_HTML, Content_Type="video/mp4"), _NO_VIDEO),
    HostileServer("a playlist of the engine's own files", send(_PLAYLIST, Content_Type="video/mp4"), _NO_VIDEO),
    HostileServer("a script of FFmpeg's", send(b"ffconcat version 1.0\nfile /etc/passwd\n"), _NOT_THIS_ONE),
    HostileServer("an empty file", send(b""), "The video is an empty file"),
    HostileServer(
        "a video whose frames grow beyond the limit",
        send(_GROWING),
        "10 of 15 results failed: the frames can't be decoded, or the models failed on them",
    ),
    HostileServer(
        "a compressed bomb, 10 MiB in 10 kB",
        send(_BOMB, Content_Encoding="gzip"),
        f"{_COULD_NOT}: {HOST} sent it compressed (gzip)",
    ),
    HostileServer(
        "a compressed bomb, twice",
        send(gzip.compress(_BOMB), Content_Encoding="gzip, gzip"),
        f"{_COULD_NOT}: {HOST} sent it compressed (gzip)",
    ),
    HostileServer("a compressed bomb that doesn't say so", send(_BOMB), _NO_VIDEO),
    HostileServer("a bomb as encoded part", send(_BOMB, Transfer_Encoding="gzip, chunked"), _NO_VIDEO),
    # TLS: the connection goes to an address, but the certificate must be for the name.
    HostileServer(
        "a certificate for the name, for comparison", send(_VIDEO), None, scheme="https", certificate_for=HOST
    ),
    HostileServer(
        "a certificate for another name",
        send(_VIDEO),
        _NO_CERTIFICATE,
        scheme="https",
        certificate_for="other.example.com",
    ),
    HostileServer(
        "a certificate for the address", send(_VIDEO), _NO_CERTIFICATE, scheme="https", certificate_for="127.0.0.1"
    ),
    HostileServer(
        "a certificate of nobody's",
        send(_VIDEO),
        _NO_CERTIFICATE,
        scheme="https",
        certificate_for=HOST,
        is_trusted=False,
    ),
]
