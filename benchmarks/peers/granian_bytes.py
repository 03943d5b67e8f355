"""A bare granian handler: it reads a request's body and returns always the same bytes.

``FILE PORT`` returns what FILE holds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import granian_serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BODY = Path(sys.argv[1]).read_bytes()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def answer(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[object]],
    send: Callable[[object], Awaitable[None]],
) -> None:
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    granian_serving.run(answer, int(sys.argv[2]))
