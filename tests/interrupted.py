"""A network that is slow at one place of a request, so that others are served meanwhile."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK_BYTES = 1 << 16


@contextmanager
def interrupted(port: int, word: bytes, act: Callable[[], object]) -> Iterator[int]:
    """Stand before a server, and yield the port.

    Args:
        port: the server's.
        word: before the first one in a request, that which comes before it is sent on.
        act: what is done then, once, before the rest is sent on.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, port, word, act))
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join()


def _serve(listening: socket.socket, port: int, word: bytes, act: Callable[[], object]) -> None:
    """Pass on one client's requests and the answers until it goes."""
    client = listening.accept()[0]
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        answers = threading.Thread(target=_pass_on, args=(server, client))
        answers.start()
        with suppress(OSError):
            while data := client.recv(CHUNK_BYTES):
                before, found, after = data.partition(word)
                server.sendall(before)
                if found:
                    act()
                    word = b"\x00never"
                server.sendall(found + after)
            server.shutdown(socket.SHUT_WR)
        answers.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
