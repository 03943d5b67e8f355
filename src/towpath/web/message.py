"""A request as a handler sees it, and the answer it returns."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, frozen=True):
    """A request whose body has arrived.

    Example:
        >>> Request("GET", "/healthz").body
        b''
    """

    method: str
    path: str
    body: bytes = b""


class Response(msgspec.Struct, frozen=True):
    """What is sent back.

    Example:
        >>> Response(b"{}").status
        200
    """

    body: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
