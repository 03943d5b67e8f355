"""A small ASGI application: a table of routes, admission, problems and metrics around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from time import perf_counter
from typing import Any, NoReturn, cast

import msgspec

from towpath.core.errors import Invalid, did_you_mean
from towpath.web.admission import Admission
from towpath.web.message import Request, Response
from towpath.web.metrics import Counter, Histogram
from towpath.web.problem import (
    Busy,
    Missing,
    Refused,
    TooLarge,
    WrongMethod,
    WrongType,
    problem,
)

# The types of ASGI itself: a scope and a message hold whatever their keys say.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Request], Response]

UNMATCHED = "unmatched"
JSON_TYPE = b"application/json"
# So many times the limit is read and thrown away, so that a client gets its answer.
DISCARDED = 16


class Route(msgspec.Struct, frozen=True):
    """What answers one method on one path.

    Args:
        method: the HTTP method.
        path: the path as it is, without parameters.
        handler: turns a request into an answer; runs on the event loop.
        queued: whether it waits in the queue of admission; what is cheap answers at once.
    """

    method: str
    path: str
    handler: Handler
    queued: bool = False


class Limits(msgspec.Struct, frozen=True):
    """What one server accepts.

    Args:
        waiting: requests that may wait for a turn.
        body_bytes: size of a request's body.
        body_seconds: time for a request's body to arrive.
        hosts: names a client may call the server by, lower case without port; empty for any.
    """

    waiting: int = 64
    body_bytes: int = 1 << 20
    body_seconds: float = 10.0
    hosts: frozenset[str] = frozenset()


class App:
    """An ASGI application over a table of routes.

    Args:
        routes: the table.
        limits: what is accepted.

    Attributes:
        requests: answers counted by path and status.
        seconds: time from a request's head to its answer by path.
        admission: the queue in front of the routes that are ``queued``.
    """

    def __init__(self, routes: tuple[Route, ...], *, limits: Limits) -> None:
        """Index the routes."""
        self.limits = limits
        self.admission = Admission(limit=limits.waiting)
        self.requests = Counter("http_requests_total", "Answers.", labels=("path", "status"))
        self.seconds = Histogram("http_request_seconds", "Time to answer.", labels=("path",))
        self._routes: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._routes.setdefault(route.path, {})[route.method] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _lifespan(receive, send)
            return
        start = perf_counter()
        path: str = scope["path"]
        label = path if path in self._routes else UNMATCHED
        response = await self._respond(scope, receive)
        await _write(response, send)
        self.requests.add((label, str(response.status)))
        self.seconds.observe(perf_counter() - start, (label,))

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        """Find the route and run it; every error becomes an answer here."""
        try:
            length = self._check_headers(scope["headers"])
            if length is not None and length > self.limits.body_bytes:
                await self._refuse_body(receive)
            route = self._find(scope["method"], scope["path"])
            if route.method == "POST":
                _check_type(scope["headers"])
            if route.queued:
                self.admission.check()
            body = b"" if length == 0 else await self._read(receive)
            request = Request(route.method, route.path, body)
            if not route.queued:
                return route.handler(request)
            async with self.admission:
                return route.handler(request)
        except Exception as error:  # noqa: BLE001 - the outermost loop: logged or told to the client
            return problem(error)

    def _find(self, method: str, path: str) -> Route:
        """Return the route, or say what is there instead."""
        methods = self._routes.get(path)
        if methods is None:
            raise Missing(f"There is nothing at {path}.", hint=did_you_mean(path, self._routes))
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allow = ", ".join(sorted(methods))
            raise WrongMethod(f"{path} does not take {method}.", hint=f"Use {allow}.", allow=allow)
        return route

    def _check_headers(self, headers: list[tuple[bytes, bytes]]) -> int | None:
        """Check whom the request is for and how long it is; return the length if it is given.

        A page on another site can make a browser send requests here under its own name (DNS
        rebinding); such a name is not in the list.
        """
        length: int | None = 0
        for name, value in headers:
            if name == b"content-length":
                length = self._checked_length(value)
            elif name == b"transfer-encoding":
                length = None
            elif name == b"host" and self.limits.hosts:
                self._check_host(value.decode("latin-1"))
        return length

    def _checked_length(self, value: bytes) -> int:
        """Read the announced length of the body."""
        if not value.isdigit():
            raise Invalid("The header content-length is not a number.", hint="Send a number.")
        return int(value)

    def _check_host(self, value: str) -> None:
        """Refuse a request that was meant for another host."""
        host = value.rpartition(":")[0] if value.rpartition(":")[2].isdigit() else value
        if host.lower() not in self.limits.hosts:
            message = f"This server does not answer for the host {host!r}."
            raise Refused(message, hint=f"Call it as {', '.join(sorted(self.limits.hosts))}.")

    async def _read(self, receive: Receive) -> bytes:
        """Read the body within its limits of size and time."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    part = cast("bytes", message.get("body", b""))
                    size += len(part)
                    more = bool(message.get("more_body", False))
                    if size > self.limits.body_bytes:
                        await self._refuse_body(receive, more=more)
                    parts.append(part)
                    if not more:
                        return b"".join(parts)
        except TimeoutError:
            message_text = f"The body did not arrive within {self.limits.body_seconds:g} s."
            raise Busy(message_text, hint="Send the request again.") from None

    async def _refuse_body(self, receive: Receive, *, more: bool = True) -> NoReturn:
        """Refuse a body that is too large, after taking the rest of it, within reason.

        A client that still writes when the connection closes would see that, not the answer.

        Raises:
            TooLarge: always.
        """
        rest = DISCARDED * self.limits.body_bytes
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.body_seconds):
                while more and rest > 0:
                    message = await receive()
                    rest -= len(cast("bytes", message.get("body", b"")))
                    more = bool(message.get("more_body", False))
        message_text = f"The body is over {self.limits.body_bytes} bytes."
        raise TooLarge(message_text, hint="Send fewer rows in one request.")


def _check_type(headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse a body that is not announced as JSON.

    A page on another site can make a browser send plain text here without asking first; JSON it
    cannot, unless the server allows it.
    """
    given = next((value for name, value in headers if name == b"content-type"), b"")
    if given.partition(b";")[0].strip().lower() != JSON_TYPE:
        message = f"The body is announced as {given.decode('latin-1') or 'nothing'}, not as JSON."
        raise WrongType(message, hint="Send the header content-type: application/json.")


async def _write(response: Response, send: Send) -> None:
    """Send an answer."""
    headers = [
        (b"content-type", response.media_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        *((name.encode(), value.encode()) for name, value in response.headers),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Follow the server's start and stop; nothing is opened or closed here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
