"""A client of raw sockets: as many connections as asked for, each one request after the other.

It runs in a process of its own and costs little beside what it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path


async def connection(port: int, requests: list[bytes], until: float, taken: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(requests[number % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        (length,) = (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        taken.append(time.perf_counter() - start)
        number += 1
    writer.close()


async def load(port: int, requests: list[bytes], connections: int, seconds: float) -> None:
    await asyncio.gather(
        *(connection(port, requests, time.perf_counter() + 0.5, []) for _ in range(connections))
    )
    taken: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(connection(port, requests, until, taken) for _ in range(connections)))
    taken.sort()
    found = {
        "rate": len(taken) / seconds,
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[int(len(taken) * 0.99)] * 1000,
    }
    print(json.dumps(found))


def main(port: str, path: str, bodies_file: str, connections: str, seconds: str) -> None:
    requests = []
    for body in Path(bodies_file).read_text().splitlines():
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body.encode())}\r\n\r\n"
        )
        requests.append((head + body).encode())
    asyncio.run(load(int(port), requests, int(connections), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:6])
