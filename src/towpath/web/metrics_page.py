"""Metrics over HTTP, for a process that serves nothing else."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from towpath.core.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "127.0.0.1"
PATH = "/metrics"
TYPE = "text/plain; version=0.0.4; charset=utf-8"


@contextmanager
def metrics_page(port: int, text: Callable[[], bytes]) -> Iterator[str]:
    """Answer ``GET /metrics`` on this machine, by a thread of its own.

    Args:
        port: where to listen; 0 for any that is free.
        text: returns what to answer; called in another thread.

    Yields:
        the page's URL.

    Raises:
        Conflict: the port is taken.

    Example:
        >>> from urllib.request import urlopen
        >>> with metrics_page(0, lambda: b"up 1") as url, urlopen(url) as answer:
        ...     answer.read()
        b'up 1'
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == PATH
            body = text() if found else b""
            self.send_response(200 if found else 404)
            self.send_header("content-type", TYPE)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so named by the class
            """Log no request."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        message = f"Port {port} at {HOST} cannot be listened at: {error}."
        raise Conflict(message, hint="Choose another port, or 0 for any.", port=port) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}{PATH}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
