"""A request as a handler sees it, the answer it returns, and who waits for that."""

from __future__ import annotations

from typing import Protocol

import msgspec

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"


class Request(msgspec.Struct, frozen=True):
    """A request whose body has arrived.

    Args:
        method: the HTTP method.
        path: the path.
        body: the body.
        media_type: what the body is announced as, in lower case without parameters.
        query: what follows the path after a question mark.
        caller: name of the token that it came with, empty where none is needed.

    Example:
        >>> Request("GET", "/healthz").body
        b''
    """

    method: str
    path: str
    body: bytes = b""
    media_type: str = JSON
    query: str = ""
    caller: str = ""


class Response(msgspec.Struct, frozen=True):
    """What is sent back.

    Example:
        >>> Response(b"{}").status
        200
    """

    body: bytes
    status: int = 200
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Asker(Protocol):
    """Whoever waits for the answer to one request."""

    @property
    def gone(self) -> bool:
        """Whether nobody waits any more."""
        ...

    def reply(self, response: Response) -> None:
        """Send the answer, on the event loop."""
        ...
