"""The client of the overload benchmark leaves no request out of its tail."""

from __future__ import annotations

import asyncio

from benchmarks import open_load

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
RATE, SECONDS = 100.0, 0.2


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the first request late, the others at once."""
    seconds = SECONDS
    while await reader.readline():
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(seconds)
        seconds = 0.0
        writer.write(ANSWER)
    writer.close()
    await writer.wait_closed()


async def measured() -> dict[str, object]:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await open_load.load(port, [REQUEST], RATE, seconds=SECONDS, connections=1)
        await over.wait()
    return found


def test_to_wait_for_a_connection_counts_as_time_of_the_request() -> None:
    """While the only connection waits for its answer, all others become due."""
    found = asyncio.run(measured())
    answered = found["200"]
    assert isinstance(answered, dict)
    assert (found["due"], found["unanswered"]) == (20, 0)
    assert answered["p50_ms"] > SECONDS * 1000 * 0.4
