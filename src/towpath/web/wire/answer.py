"""An answer as HTTP/1.1 has it on the wire."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from towpath.web.message import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# So many different combinations of status and media type are remembered.
REMEMBERED = 64


def head_of(response: Response, *, connection: bytes = b"") -> bytes:
    r"""Return the head of an answer.

    Args:
        response: the answer.
        connection: what is said of the connection, nothing where it stays as HTTP/1.1 has it.

    Example:
        >>> from towpath.web.message import Response
        >>> head_of(Response(b"{}"), connection=b"close").splitlines()[0]
        b'HTTP/1.1 200 OK'
    """
    head = b"%bdate: %b\r\ncontent-length: %d\r\n" % (
        _begin(response.status, response.media_type),
        _date(int(time.time())),
        len(response.body),
    )
    for name, value in response.headers:
        head += b"%b: %b\r\n" % (name.encode("latin-1"), value.encode("latin-1"))
    if connection:
        head += b"connection: %b\r\n" % connection
    return head + b"\r\n"


@lru_cache(maxsize=REMEMBERED)
def _begin(status: int, media_type: str) -> bytes:
    """Return the first two lines."""
    phrase = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {media_type}\r\n".encode("latin-1")


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    """Return the header's date of a second since 1970."""
    return formatdate(second, usegmt=True).encode()
