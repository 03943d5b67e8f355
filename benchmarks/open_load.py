"""A client that asks at a rate of its own, whether answers come or not (an open loop).

``PORT PATH BODIES RATE SECONDS CONNECTIONS`` posts each line of BODIES in turn and prints, for each
status, how many answers there were and after what time from the moment at which the request was
due. Where all connections are busy then, it waits for one, and that counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path

# How long to wait for the last answers.
LAST_SECONDS = 10.0
TURN_SECONDS = 0.001


class Connection(asyncio.Protocol):
    """One connection: it notes when its request is answered, and is free again.

    Args:
        free: where it waits for its next request.
        taken: seconds by status.
    """

    def __init__(self, free: deque[Connection], taken: dict[int, list[float]]) -> None:
        self._free, self._taken = free, taken
        self._transport: asyncio.Transport | None = None
        self._due, self._head, self._left, self._status = 0.0, b"", 0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be free."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._free.append(self)

    def ask(self, request: bytes, due: float) -> None:
        """Send a request."""
        assert self._transport is not None
        self._due, self._head, self._left, self._status = due, b"", 0, 0
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        if not self._status:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            at = head.lower().index(b"content-length:") + 15
            self._status = int(head[9:12])
            self._left = int(head[at : at + 12].split(b"\r", 1)[0])
            data = rest
        self._left -= len(data)
        if not self._left:
            self._taken.setdefault(self._status, []).append(time.perf_counter() - self._due)
            self._free.append(self)


async def load(
    port: int, requests: list[bytes], rate: float, *, seconds: float, connections: int
) -> dict[str, object]:
    """Ask at the rate; tell what came of it."""
    loop = asyncio.get_running_loop()
    free: deque[Connection] = deque()
    taken: dict[int, list[float]] = {}
    # Each is used every second or so: the server closes those that are idle for some seconds.
    opened = [
        await loop.create_connection(lambda: Connection(free, taken), "127.0.0.1", port)
        for _ in range(min(connections, int(rate)))
    ]
    start, due, answered = time.perf_counter(), 0, 0
    last, waiting = int(rate * seconds), deque[int]()
    while answered < last and (now := time.perf_counter() - start) < seconds + LAST_SECONDS:
        until = min(int(now * rate), last)
        waiting.extend(range(due, until))
        due = until
        while waiting and free:
            number = waiting.popleft()
            free.popleft().ask(requests[number % len(requests)], start + number / rate)
        await asyncio.sleep(TURN_SECONDS)
        answered = sum(map(len, taken.values()))
    took = max(seconds, time.perf_counter() - start)
    for transport, _ in opened:
        transport.close()
    found: dict[str, object] = {"due": last, "unanswered": last - answered}
    return found | {str(status): summary(each, took) for status, each in taken.items()}


def summary(taken: list[float], seconds: float) -> dict[str, float]:
    """Tell how many there were, and how long they took."""
    taken.sort()
    return {
        "rate": len(taken) / seconds,
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[int(len(taken) * 0.99)] * 1000,
    }


def main(*given: str) -> None:
    port, path, bodies, rate, seconds, connections = given
    requests = []
    for body in Path(bodies).read_bytes().splitlines():
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    work = load(
        int(port), requests, float(rate), seconds=float(seconds), connections=int(connections)
    )
    print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main(*sys.argv[1:7])
