"""Makes TLS connections of botocore cheap: a client reads the certificate authorities once.

For each new connection, urllib3 has OpenSSL read all of them into the same context again, which takes 20 ms of CPU:
https://github.com/urllib3/urllib3/issues/3623. botocore has no setting for that.
"""

import ssl
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore import httpsession

if TYPE_CHECKING:
    from collections.abc import Buffer

    from _typeshed import StrOrBytesPath


class TrustStore(ssl.SSLContext):
    """A context that reads each file of certificate authorities once."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._lock, self._read = Lock(), set[Any]()

    def load_verify_locations(
        self,
        cafile: "StrOrBytesPath | None" = None,
        capath: "StrOrBytesPath | None" = None,
        cadata: "str | Buffer | None" = None,
    ) -> None:
        if cadata is not None:
            super().load_verify_locations(cafile, capath, cadata)
            return
        with self._lock:
            if (cafile, capath) not in self._read:
                super().load_verify_locations(cafile, capath)
                self._read.add((cafile, capath))


def read_authorities_once() -> None:
    """Has the clients that are created from now on read their certificate authorities once."""
    # If another botocore does not look here, connections only cost what they did (tests/contract/test_tls.py).
    httpsession.SSLContext = TrustStore  # type: ignore[attr-defined]
