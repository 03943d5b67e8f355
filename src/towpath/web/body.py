"""The body of a request, read within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from towpath.core.errors import Invalid
from towpath.web.deadline import Deadline
from towpath.web.problem import Busy, TooLarge

# The types of ASGI itself: a message holds whatever its keys say.
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# So many times the limit is read and thrown away, so that a client gets its answer: one that still
# writes when its connection closes would see that instead.
DISCARDED = 16


class Bodies:
    """Reads bodies.

    Args:
        seconds: time for a body to arrive.

    Example:
        >>> async def receive() -> dict[str, object]:
        ...     return {"type": "http.request", "body": b"{}"}
        >>> asyncio.run(Bodies(1.0).read(receive, 2))
        b'{}'
    """

    def __init__(self, seconds: float) -> None:
        """Wait for nothing yet."""
        self._seconds = seconds
        self._deadline = Deadline(seconds)

    async def read(self, receive: Receive, limit: int, *, kept: bool = True) -> bytes:
        """Read a body.

        Args:
            receive: returns the next message.
            limit: its size at most.
            kept: whether it is wanted; what is not is thrown away as it comes.

        Raises:
            TooLarge: it is over the limit.
            Busy: it did not arrive in time.
            Invalid: the client closed the connection before all was there.
        """
        parts: list[bytes] = []
        size, more = 0, True
        wait = self._deadline.begin()
        try:
            while more and size <= DISCARDED * limit:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Invalid("The connection closed before all of the body was there.")
                part: bytes = message.get("body", b"")
                size += len(part)
                if kept and size <= limit:
                    parts.append(part)
                more = message.get("more_body", False)
        except asyncio.CancelledError:
            if not self._deadline.is_late(wait):
                raise
            if size <= limit:
                message_text = f"The body did not arrive within {self._seconds:g} s."
                raise Busy(message_text, hint="Send the request again.") from None
        finally:
            self._deadline.end(wait)
        if size > limit:
            raise too_large(limit)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(limit: int) -> TooLarge:
    """Say that a body is over a limit.

    Example:
        >>> too_large(10).message
        'The body is over 10 bytes.'
    """
    return TooLarge(f"The body is over {limit} bytes.", hint="Send fewer rows in one request.")
