"""The tests' own HTTP servers: on loopback, on a free port, ended with the block that started them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer


@contextmanager
def serve(server: ThreadingHTTPServer) -> Iterator[str]:
    """Runs a server in a thread, and yields its base URL."""
    # `shutdown` waits for the end of the interval.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
