"""A client that says what it likes to an application at a socket of its own."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import uvloop

from towpath.web.wire.listener import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from towpath.web.app import App

T = TypeVar("T")
SECONDS = 10.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, what: bytes) -> None:
        self.writer.write(what)

    def end(self) -> None:
        """Say no more, and still listen."""
        self.writer.write_eof()

    async def answer(self, *, bare: bool = False) -> Answer:
        """Return the next answer."""
        async with asyncio.timeout(SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")[:-2]
            headers = dict(line.split(": ", 1) for line in lines)
            length = 0 if bare else int(headers.get("content-length", 0))
            return Answer(int(first.split()[1]), headers, await self.reader.readexactly(length))

    async def closed(self) -> bool:
        """Wait until the server closes; tell whether it did so without a further word."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


class Served(NamedTuple):
    """An application at a socket."""

    listener: Listener
    connect: Callable[[], Awaitable[Client]]


@asynccontextmanager
async def served(app: App, *, most: int = 100) -> AsyncIterator[Served]:
    """Serve an application, and close what was opened at the end."""
    listener = Listener(app, most=most)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    listener.listen(listening)
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    try:
        yield Served(listener, connect)
    finally:
        for one in clients:
            one.writer.close()
        await listener.drained(0.0)


def run(work: Coroutine[object, object, T]) -> T:
    """Run on the event loop that servers run on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def ask(app: App, *parts: bytes) -> Answer:
    """Send one request in parts, and return its answer."""

    async def asking() -> Answer:
        async with served(app) as server:
            client = await server.connect()
            for part in parts:
                client.say(part)
                await asyncio.sleep(0.001)
            return await client.answer(bare=parts[0].startswith(b"HEAD"))

    return run(asking())


def request(
    method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """Write a request."""
    given = {"content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{name}: {value}\r\n" for name, value in {**given, **(headers or {})}.items()]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body
