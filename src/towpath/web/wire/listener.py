"""The open connections of a server: how many, for how long, and how they end."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

from towpath.web.wire.connection import Connection

if TYPE_CHECKING:
    import socket

    from towpath.web.app import App

# So many are taken from the system's queue before the loop gets a turn.
ACCEPTED_AT_ONCE = 64
SWEEP_SECONDS = 0.25
WAIT_SECONDS = 0.01

logger = logging.getLogger(__name__)


class Listener:
    """Takes connections in and looks after them.

    When there are as many as there may be, the longest idle one makes room; while none is, and
    after an error such as too many open files, those beyond wait in the system's own queue.

    Args:
        app: answers.
        most: connections at once.
    """

    def __init__(self, app: App, *, most: int) -> None:
        """Start without connections."""
        self._app = app
        self._most = most
        self._open: set[Connection] = set()
        self._arriving: set[asyncio.Task[object]] = set()
        self._socket: socket.socket | None = None
        self._paused = False
        self._sweeping: asyncio.TimerHandle | None = None

    def listen(self, listening: socket.socket) -> None:
        """Take connections in from now on.

        Args:
            listening: a socket that listens; it is closed at the end.
        """
        listening.settimeout(0.0)
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening, self._accept)
        self._sweep()

    async def drained(self, seconds: float) -> None:
        """Take no more in, answer what is under way, for so long at most, and close."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._arriving:
            await asyncio.wait(self._arriving)
        for one in tuple(self._open):
            one.end()
        until = monotonic() + seconds
        while self._open and monotonic() < until:
            await asyncio.sleep(WAIT_SECONDS)
        for one in tuple(self._open):
            one.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _accept(self) -> None:
        """Take in what waits in the system's queue.

        Several at once: one by one, each would wait until the loop has worked for another.
        """
        spare: list[Connection] | None = None
        for _ in range(ACCEPTED_AT_ONCE):
            full = len(self._open) >= self._most
            if full and spare is None:
                spare = sorted((one for one in self._open if one.spare), key=_newest_first)
            if self._socket is None or (full and not spare):
                self._pause()
                return
            try:
                accepted, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.error("no connection can be taken in: %s", error)  # noqa: TRY400 - it says all
                self._pause()
                return
            if full and spare:
                longest = spare.pop()
                self._open.discard(longest)
                longest.abort()
            self._adopt(accepted)

    def _adopt(self, accepted: socket.socket) -> None:
        """Handle a connection on the event loop."""
        loop, connection = asyncio.get_running_loop(), Connection(self._app, self._forget)
        self._open.add(connection)
        arriving = loop.connect_accepted_socket(lambda: connection, accepted)
        task: asyncio.Task[object] = loop.create_task(arriving)
        self._arriving.add(task)

        def arrived(_: object) -> None:
            self._arriving.discard(task)
            if task.cancelled() or task.exception():
                self._forget(connection)

        task.add_done_callback(arrived)

    def _forget(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        self._resume()

    def _pause(self) -> None:
        """Let connections wait in the system's queue."""
        if self._socket is not None:
            self._paused = True
            asyncio.get_running_loop().remove_reader(self._socket)

    def _resume(self) -> None:
        """Take connections in again."""
        if self._paused and self._socket is not None:
            self._paused = False
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _sweep(self) -> None:
        """Give up clients that have had their time; look whether there is room again."""
        self._sweeping = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        now = monotonic()
        for one in tuple(self._open):
            if one.until <= now:
                one.give_up()
        self._resume()


def _newest_first(connection: Connection) -> float:
    """Return what connections are sorted by, so that the longest idle one comes last."""
    return -connection.since
