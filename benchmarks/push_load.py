"""Clients that push, each one request after the other; every body is sent once.

``PORT PATH BODIES MEDIA_TYPE CLIENTS SECONDS``; 8 bytes before each body in BODIES are its length.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM = 20


def requests(path: str, bodies: bytes, media_type: str) -> Iterator[bytes]:
    """Yield requests."""
    start = 0
    while start < len(bodies):
        (size,) = struct.unpack_from("<q", bodies, start)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {media_type}\r\n"
            f"content-length: {size}\r\n\r\n"
        )
        yield head.encode() + bodies[start + 8 : start + 8 + size]
        start += 8 + size


async def client(port: int, left: Iterator[bytes], until: float, taken: list[float]) -> None:
    """Push until the time is over, or nothing is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in left:
        start = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        (length,) = (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.startswith(b"content-length")
        )
        await reader.readexactly(length)
        end = time.perf_counter()
        taken.append(end - start)
        if end > until:
            break
    writer.close()


async def load(port: int, left: Iterator[bytes], clients: int, seconds: float) -> None:
    """Warm up, then measure."""
    await client(port, iter([next(left) for _ in range(WARM)]), float("inf"), [])
    taken: list[float] = []
    start = time.perf_counter()
    await asyncio.gather(*(client(port, left, start + seconds, taken) for _ in range(clients)))
    elapsed = time.perf_counter() - start
    taken.sort()
    found = {
        "rate": len(taken) / elapsed,
        "p50_ms": taken[len(taken) // 2] * 1000,
        "p99_ms": taken[int(len(taken) * 0.99)] * 1000,
    }
    print(json.dumps(found))


def main(*given: str) -> None:
    port, path, bodies, media_type, clients, seconds = given
    left = requests(path, Path(bodies).read_bytes(), media_type)
    asyncio.run(load(int(port), left, int(clients), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:7])
