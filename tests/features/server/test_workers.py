"""What several workers know together, and a server that is asked for more than it can do."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.features.server.taxi import kill_workers, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.features.server.taxi import Server

pytestmark = pytest.mark.e2e
PATH = "/v1/feature-sets/rank"
ROW = {"driver_id": 1, "zone": "north", "seats": 2}
SECONDS = 60.0
CONNECTIONS, EACH, ROWS = 256, 4, 1000


def counted(server: Server) -> set[int]:
    """Return how many reads were answered, as several scrapes say."""
    # An answer is counted just after it is sent.
    time.sleep(0.2)
    found = set()
    for _ in range(12):
        text = server.get("/metrics").body
        (number,) = re.findall(rf'^http_requests_total{{path="{PATH}".*}} (\d+)$', text, re.M)
        (seconds,) = re.findall(rf'^http_request_seconds_count{{path="{PATH}"}} (\d+)$', text, re.M)
        assert number == seconds
        found.add(int(number))
    return found


def test_whichever_worker_is_asked_it_tells_the_sum_and_a_killed_one_is_not_forgotten(
    taxi: Path,
) -> None:
    with serving(taxi, "--workers", "3") as server:
        begun = time.monotonic()
        for _ in range(30):
            assert server.post(PATH, {"rows": [ROW]}).status == 200
        assert counted(server) == {30}
        kill_workers(server, 2, begun)
        assert counted(server) == {30}
        for _ in range(30):
            assert server.post(PATH, {"rows": [ROW]}).status == 200
        assert counted(server) == {60}


class Heard(NamedTuple):
    """The head of an answer."""

    status: int
    head: bytes


async def ask(port: int, requests: list[bytes]) -> list[Heard]:
    """Send requests over one connection, each as soon as the one before it is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = []
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        (size,) = re.findall(rb"content-length: (\d+)", head.lower())
        await reader.readexactly(int(size))
        heard.append(Heard(int(head.split()[1]), head.lower()))
    writer.close()
    return heard


def request() -> bytes:
    """Return a request that is some milliseconds of work."""
    rows = {"driver_id": [1] * ROWS, "zone": ["north"] * ROWS, "seats": list(range(1, ROWS + 1))}
    body = json.dumps({"rows": rows}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def crowd(port: int) -> list[Heard]:
    """Ask over more connections than may wait, several times more; nothing may hang."""
    async with asyncio.timeout(SECONDS):
        found = await asyncio.gather(*(ask(port, [request()] * EACH) for _ in range(CONNECTIONS)))
    return [one for each in found for one in each]


@pytest.fixture(scope="module")
def one(taxi: Path) -> Iterator[Server]:
    with serving(taxi) as server:
        yield server


def test_too_many_requests_are_answered_or_told_to_come_back_and_then_all_is_well(
    one: Server,
) -> None:
    port = urlsplit(one.url).port
    assert port is not None
    heard = asyncio.run(crowd(port))
    assert len(heard) == CONNECTIONS * EACH
    assert {each.status for each in heard} == {200, 503}
    assert all(b"retry-after: 1" in each.head for each in heard if each.status == 503)
    after = asyncio.run(ask(port, [request()] * 20))
    assert {each.status for each in after} == {200}
    assert re.search(r"^http_requests_waiting 0$", one.get("/metrics").body, re.M)


def test_idle_connections_keep_nobody_out(one: Server) -> None:
    """A server that took only so many at once would answer when it has closed some of them."""
    address = urlsplit(one.url)

    async def crowded() -> list[Heard]:
        assert address.port is not None
        idle = [await asyncio.open_connection("127.0.0.1", address.port) for _ in range(300)]
        try:
            # Less than what an idle connection is kept open for.
            async with asyncio.timeout(4):
                return await ask(address.port, [b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"])
        finally:
            for _, writer in idle:
                writer.close()

    assert [each.status for each in asyncio.run(crowded())] == [200]
