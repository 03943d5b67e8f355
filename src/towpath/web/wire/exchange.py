"""One request of a client and its answer."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from towpath.web.app import App
    from towpath.web.message import Response
    from towpath.web.route import Call


logger = logging.getLogger(__name__)


class Owner(Protocol):
    """The connection on which requests come, and which is told of them."""

    app: App

    @property
    def gone(self) -> bool:
        """Whether the client has closed it."""
        ...

    def on_head(self) -> None:
        """A request begins."""
        ...

    def on_body_due(self, exchange: Exchange, *, asks: bool) -> None:
        """A head is there; its client may ask whether to go on."""
        ...

    def on_request(self, exchange: Exchange) -> None:
        """A whole request is there."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...

    def send(self, exchange: Exchange, response: Response) -> None:
        """Write the answer to a request."""
        ...


class Exchange:
    """One request and its answer.

    Args:
        owner: the connection on which it came.
        call: what the application makes of its head, or why it is refused.
        path: what it asks for.
        bare: whether it wants an answer without its body.
        says: what the answer says of the connection.

    Attributes:
        call: as given; also why its body is refused.
        path: as given.
        size: of its body so far.
        bare: as given.
        says: as given; also what a refusal says.
    """

    __slots__ = ("_begun", "_body", "_owner", "bare", "call", "path", "says", "size")

    def __init__(
        self, owner: Owner, call: Call | Response, path: str, *, bare: bool, says: bytes
    ) -> None:
        """Begin when the head is there."""
        self._owner = owner
        self._begun = monotonic()
        self._body: bytes | bytearray = b""
        self.call = call
        self.path = path
        self.size = 0
        self.bare = bare
        self.says = says

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._owner.gone

    @property
    def body(self) -> bytes:
        """Its body."""
        return bytes(self._body)

    def take(self, part: bytes) -> None:
        """Keep a part of the body; most have one."""
        if not self._body:
            self._body = part
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += part

    def refuse(self, response: Response) -> None:
        """Forget the body, and answer so."""
        self._body = b""
        self.call = response

    def reply(self, response: Response) -> None:
        """Count the answer and send it; one that cannot be sent costs its own connection alone."""
        try:
            self._owner.app.count(self.path, response, monotonic() - self._begun)
            self._owner.send(self, response)
        except Exception:
            logger.exception("an answer to %s cannot be sent", self.path)
            self._owner.abort()
