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

from towpath.web.problem import Busy, problem
from towpath.web.route import Call
from towpath.web.wire.answer import CONTINUE, head_of
from towpath.web.wire.reader import CLOSE, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.web.app import App
    from towpath.web.message import Response
    from towpath.web.wire.exchange import Exchange

# So long a client may go on to write after it was told not to.
LINGER_SECONDS = 2.0
# So long it may take to read an answer that does not fit the system's buffers.
READ_SECONDS = 30.0
# So much is read at once: what follows may have to wait, and unread takes less memory than read.
SLICE = 1 << 14


class Connection(asyncio.Protocol):
    """Reads requests and writes answers.

    Args:
        app: answers.
        closed: called when the connection is closed.

    Attributes:
        app: what answers.
        until: when the client has had its time, as ``monotonic`` has it.
        since: when it was opened, or became idle, likewise.
    """

    def __init__(self, app: App, closed: Callable[[Connection], None]) -> None:
        """Wait for a client."""
        self.app = app
        self.until = inf
        self.since = monotonic()
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._reader = Reader(self)
        # What arrived and is not read yet, what was read and waits for its turn, and what is
        # answered at present.
        self._unread = b""
        self._read: deque[Exchange] = deque()
        self._answering: Exchange | None = None
        # Whether a request is answered in the call that brings it: one at most; and whether this
        # connection has a turn to come.
        self._direct = False
        self._called = False
        # Whether the client reads its answers, whether it is let write, whether it has ended that,
        # whether it asks if its body is wanted, whether the connection ends with the next answer,
        # and whether it has ended.
        self._writable = True
        self._held = False
        self._silent = False
        self._asks = False
        self._ending = False
        self._left = False

    @property
    def gone(self) -> bool:
        """Whether the connection is closed."""
        return self._transport is None

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        reader = self._reader
        waits = self._unread or self._read or self._answering
        return not (self.gone or waits or reader.in_head or reader.exchange)

    @property
    def spare(self) -> bool:
        """Whether it is idle, and its client has all that it was sent."""
        transport = self._transport
        return self.idle and transport is not None and not transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._allow(self.app.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client, and all that it said."""
        del exc
        self._transport = self._answering = None
        self._unread = b""
        self._read.clear()
        self._reader.close()
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        """Read what arrived, unless the client was told that nothing more is read."""
        if self._left:
            return
        self._unread = self._unread + data if self._unread else data
        self._direct = True
        try:
            self._go_on()
        finally:
            self._direct = False

    def eof_received(self) -> bool:
        """Go on while a client, which writes no more, waits for an answer."""
        self._silent = self._ending = True
        return bool(self._answering or self._read or self._unread)

    def pause_writing(self) -> None:
        """Begin no further answer while the client does not read the last one."""
        self._allow(READ_SECONDS)
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        if self._left:
            self._allow(LINGER_SECONDS)
            return
        self._go_on()
        if self._transport is not None and self.idle:
            self._rest(self._transport)

    def on_head(self) -> None:
        """Give the client time for the head of its request."""
        self._allow(self.app.limits.head_seconds)

    def on_body_due(self, exchange: Exchange, *, asks: bool) -> None:
        """Give the client time for the body of its request."""
        self._allow(self.app.limits.body_seconds)
        self._asks = asks and isinstance(exchange.call, Call)
        if self._asks and not (self._answering or self._read) and self._transport:
            self._encourage(self._transport)

    def on_request(self, exchange: Exchange) -> None:
        """Answer at once, or wait for a turn."""
        self._allow(inf)
        self._read.append(exchange)
        if self._direct:
            self._direct = False
            self._next()

    def send(self, exchange: Exchange, response: Response) -> None:
        """Write the answer to a request, then turn to the next."""
        transport = self._transport
        if transport is None or exchange is not self._answering:
            return
        self._answering = None
        ends = exchange.says == CLOSE or (self._ending and not self._read and not self._unread)
        head = head_of(response, connection=CLOSE if ends else exchange.says)
        transport.writelines((head,) if exchange.bare else (head, response.body))
        if ends:
            self._leave(transport)
        elif self._read or self._unread:
            # Not at once: others have their turn, and calls would be within calls.
            self._call_soon()
        else:
            self._rest(transport)

    def give_up(self) -> None:
        """End a connection whose client has had its time."""
        if not self._writable:
            self.abort()
            return
        if self._answering or self._read or self._unread:
            return
        exchange = self._reader.exchange
        if exchange is None:
            self.abort()
            return
        refusal = exchange.call
        if isinstance(refusal, Call):
            seconds = self.app.limits.body_seconds
            message = f"The body did not arrive within {seconds:g} s."
            refusal = problem(Busy(message, hint="Send the request again."))
        self._direct = True
        self._reader.refuse(refusal)
        self._direct = False

    def end(self) -> None:
        """Close once what is under way is answered."""
        self._ending = True
        if self.idle and not self._left and self._transport is not None:
            self._close(self._transport)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self) -> None:
        """Answer what was read; read what arrived, until a request is there that must wait."""
        if not self._direct:
            self._next()
        while self._unread and not self._read and not self._left:
            some, self._unread = self._unread[:SLICE], self._unread[SLICE:]
            self._reader.feed(some)
        transport = self._transport
        if transport is None or self._left:
            return
        if self._read or self._unread:
            if not self._held:
                self._held = True
                transport.pause_reading()
            if self._answering is None and self._writable:
                self._call_soon()
        elif self._answering is None and self._held:
            self._rest(transport)

    def _call_soon(self) -> None:
        """Go on when others have had their turn."""
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Go on."""
        self._called = False
        self._go_on()

    def _next(self) -> None:
        """Answer the next of the requests that were read, if it is its turn."""
        if self._answering is not None or not self._writable or not self._read or self._left:
            return
        one = self._answering = self._read.popleft()
        if isinstance(one.call, Call):
            self.app.answer(one.call, one.body, one)
        else:
            one.reply(one.call)

    def _rest(self, transport: asyncio.Transport) -> None:
        """Wait for what the client says next."""
        limits, reader = self.app.limits, self._reader
        if self._held:
            self._held = False
            transport.resume_reading()
            # The time in which it was not let write is not its own.
            if reader.in_head or reader.exchange:
                self._allow(limits.head_seconds if reader.in_head else limits.body_seconds)
        if self._asks:
            self._encourage(transport)
        if self.idle or self._silent:
            self.since = monotonic()
            self._allow(limits.idle_seconds)
            if self._ending:
                self._close(transport)

    def _encourage(self, transport: asyncio.Transport) -> None:
        """Tell a client that its body is wanted."""
        self._asks = False
        if self._reader.exchange is not None:
            transport.write(CONTINUE)
            self._allow(self.app.limits.body_seconds)

    def _close(self, transport: asyncio.Transport) -> None:
        """Close a connection without a request; what was just sent may still be on its way."""
        if transport.get_write_buffer_size() or monotonic() - self.since < LINGER_SECONDS:
            self._leave(transport)
        else:
            transport.close()

    def _leave(self, transport: asyncio.Transport) -> None:
        """Close, but let a client end what it still writes: it would not see the answer else."""
        self._left = True
        self._unread = b""
        self._read.clear()
        self._reader.close()
        if self._silent:
            transport.close()
        else:
            transport.write_eof()
        self._allow(READ_SECONDS if transport.get_write_buffer_size() else LINGER_SECONDS)

    def _allow(self, seconds: float) -> None:
        """Give the client so much time, unless it has not read what it was sent."""
        if self._writable:
            self.until = monotonic() + seconds
