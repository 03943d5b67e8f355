"""A client's connection: its requests one after the other, and their answers in that order.

All of it happens on the event loop, in the call that brings what arrived: no other thread, and no
task for each request. For what a client does at its leisure it has a limit of time, ``until``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, cast

from towpath.web.answer import CONTINUE, head_of
from towpath.web.problem import Busy, problem
from towpath.web.reader import CLOSE, Reader
from towpath.web.route import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.web.app import App
    from towpath.web.exchange import Exchange
    from towpath.web.message import Response

# So long a client may go on to write after it was told not to.
LINGER_SECONDS = 2.0
# So long it may take to read an answer that does not fit the system's buffers.
READ_SECONDS = 30.0


class Connection(asyncio.Protocol):
    """Reads requests and writes answers.

    Args:
        app: answers.
        closed: called when the connection is closed.

    Attributes:
        app: what answers.
        until: when the client has had its time, as ``monotonic`` has it.
    """

    def __init__(self, app: App, closed: Callable[[Connection], None]) -> None:
        """Wait for a client."""
        self.app = app
        self.until = inf
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._reader = Reader(self)
        # What was read and waits for its turn, and what is answered at present.
        self._read: deque[Exchange] = deque()
        self._answering: Exchange | None = None
        # Whether the client reads its answers, whether it is let write, whether it has ended that,
        # and whether the connection ends with the next answer.
        self._writable = True
        self._held = False
        self._silent = False
        self._ending = False

    @property
    def gone(self) -> bool:
        """Whether the connection is closed."""
        return self._transport is None

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        reader = self._reader
        return not (self.gone or reader.in_head or reader.exchange or self._read or self._answering)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._allow(self.app.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        del exc
        self._transport = self._answering = None
        self._read.clear()
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        """Read what arrived."""
        self._reader.feed(data)
        if self._read and self._transport is not None:
            # A client that sends more before it has its answer waits for that.
            self._held = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Go on while a client, which writes no more, waits for an answer."""
        self._reader.deaf = self._silent = self._ending = True
        return bool(self._answering or self._read)

    def pause_writing(self) -> None:
        """Begin no further answer while the client does not read the last one."""
        self._allow(READ_SECONDS)
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self._rest()

    def on_head(self) -> None:
        """Give the client time for the head of its request."""
        self._allow(self.app.limits.head_seconds)

    def on_body_due(self, exchange: Exchange, *, asks: bool) -> None:
        """Give the client time for the body of its request."""
        self._allow(self.app.limits.body_seconds)
        if asks and isinstance(exchange.call, Call) and self._transport and not self._answering:
            self._transport.write(CONTINUE)

    def on_request(self, exchange: Exchange) -> None:
        """Answer, or wait until what came before is answered."""
        self._allow(inf)
        self._read.append(exchange)
        self._next()

    def send(self, exchange: Exchange, response: Response) -> None:
        """Write the answer to a request, then turn to the next."""
        transport = self._transport
        if transport is None or exchange is not self._answering:
            return
        self._answering = None
        ends = exchange.says == CLOSE or (self._ending and not self._read)
        head = head_of(response, connection=CLOSE if ends else exchange.says)
        transport.writelines((head,) if exchange.bare else (head, response.body))
        if ends:
            self._leave(transport)
        elif self._read:
            # Not at once: answers to many requests would be calls within calls.
            asyncio.get_running_loop().call_soon(self._rest)
        else:
            self._rest()

    def give_up(self) -> None:
        """End a connection whose client has had its time."""
        reader = self._reader
        if self._answering is not None:
            return
        if reader.exchange is None:
            self.abort()
            return
        seconds = self.app.limits.body_seconds
        message = f"The body did not arrive within {seconds:g} s."
        reader.refuse(problem(Busy(message, hint="Send the request again.")))

    def end(self) -> None:
        """Close once what is under way is answered."""
        self._ending = True
        if self.idle and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        """Answer the next of the requests that were read, if it is its turn."""
        if self._answering is not None or not self._writable or not self._read:
            return
        one = self._answering = self._read.popleft()
        if isinstance(one.call, Call):
            body = one.parts[0] if len(one.parts) == 1 else b"".join(one.parts)
            self.app.answer(one.call, body, one)
        else:
            one.reply(one.call)

    def _rest(self) -> None:
        """Turn to the next request, or wait for one."""
        self._next()
        if self._transport is None or self._read or self._answering is not None:
            return
        if self._held:
            self._held = False
            self._transport.resume_reading()
        if self.idle:
            self._allow(self.app.limits.idle_seconds)
            if self._ending:
                self._transport.close()

    def _leave(self, transport: asyncio.Transport) -> None:
        """Close, but let a client end what it still writes: it would not see the answer else."""
        self._read.clear()
        if self._silent:
            transport.close()
        else:
            transport.write_eof()
            self._allow(LINGER_SECONDS)

    def _allow(self, seconds: float) -> None:
        """Give the client so much time, unless it has not read what it was sent."""
        if self._writable:
            self.until = monotonic() + seconds
