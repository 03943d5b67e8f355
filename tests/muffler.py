"""A network that swallows a server's answers, from the moment that it is asked for something."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 1 << 16


class Muffler:
    """Stands before a server of this machine; what is asked reaches it, answers may not come back.

    Args:
        port: the server's.
        word: what a request contains from which on no answer is let through.
        through: so many bytes of answers are let through all the same.
        seconds: between each of those and the next.
    """

    def __init__(self, port: int, word: bytes, *, through: int = 0, seconds: float = 0.0) -> None:
        self._behind, self._word = port, word
        self._through, self._seconds = through, seconds
        self._heard = threading.Event()
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self._threads: list[threading.Thread] = []
        self.port = int(self._sockets[0].getsockname()[1])

    def start(self) -> None:
        """Let clients come."""
        self._go(self._take_in)

    def mend(self) -> None:
        """Let all answers through again, until the word is said once more."""
        self._heard.clear()

    def stop(self) -> None:
        """Part everybody."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _take_in(self) -> None:
        with suppress(OSError):
            while True:
                client = self._sockets[0].accept()[0]
                server = socket.create_connection(("127.0.0.1", self._behind))
                self._sockets += [client, server]
                self._go(self._pass_on, client, server)
                self._go(self._pass_back, server, client)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK_BYTES):
                if self._word in data:
                    self._heard.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK_BYTES):
                if not self._heard.is_set():
                    client.sendall(data)
                    continue
                for place in range(min(self._through, len(data))):
                    client.sendall(data[place : place + 1])
                    time.sleep(self._seconds)
                self._through -= min(self._through, len(data))

    def _go(self, target: object, *given: socket.socket) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=given)
        self._threads.append(thread)
        thread.start()


@contextmanager
def muffled(port: int, word: bytes) -> Iterator[int]:
    """Stand before a server; yield the port."""
    muffler = Muffler(port, word)
    muffler.start()
    try:
        yield muffler.port
    finally:
        muffler.stop()
