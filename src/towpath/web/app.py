"""A small ASGI application: a table of routes, admission, problems and metrics around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec

from towpath.core.errors import Invalid, did_you_mean
from towpath.web.admission import Admission
from towpath.web.deadline import Deadline
from towpath.web.message import JSON, Request, Response
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
from towpath.web.threads import Threads

if TYPE_CHECKING:
    from towpath.web.token import Tokens

# The types of ASGI itself: a scope and a message hold whatever their keys say.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Request], Response]

UNMATCHED = "unmatched"
# So many times the limit is read and thrown away, so that a client gets its answer.
DISCARDED = 16


class Route(msgspec.Struct, frozen=True):
    """What answers one method on one path.

    Args:
        method: the HTTP method.
        path: the path as it is, without parameters.
        handler: turns a request into an answer.
        queued: whether it waits in the queue of admission; what is cheap answers at once.
        threaded: whether it runs in a thread, since it waits for a disk, not on the event loop.
        scope: what a token must allow, where the server asks for tokens; empty for nothing.
        media_types: what a body may be.
        body_bytes: size of a body, if another than the server's limit.
    """

    method: str
    path: str
    handler: Handler
    queued: bool = False
    threaded: bool = False
    scope: str = ""
    media_types: tuple[str, ...] = (JSON,)
    body_bytes: int = 0


class Limits(msgspec.Struct, frozen=True):
    """What one server accepts.

    Args:
        waiting: requests that may wait for a turn.
        threads: requests that may be in threads; so many more may wait for one.
        body_bytes: size of a request's body.
        body_seconds: time for a request's body to arrive.
        hosts: names a client may call the server by, lower case without port; empty for any.
    """

    waiting: int = 64
    threads: int = 16
    body_bytes: int = 1 << 20
    body_seconds: float = 10.0
    hosts: frozenset[str] = frozenset()


class Head(msgspec.Struct):
    """What is read of a request's head.

    Args:
        length: announced size of the body, -1 where it is not announced.
        host: the name by which the server is called.
        media_type: what the body is announced as.
        authorization: the header of that name.
    """

    length: int = 0
    host: bytes = b""
    media_type: bytes = b""
    authorization: bytes = b""


class App:
    """An ASGI application over a table of routes.

    Args:
        routes: the table.
        limits: what is accepted.
        tokens: who may ask what; everybody may ask everything without them.

    Attributes:
        requests: answers counted by path and status.
        seconds: time from a request's head to its answer by path.
        admission: the queue in front of the routes that are ``queued``.
    """

    def __init__(
        self, routes: tuple[Route, ...], *, limits: Limits, tokens: Tokens | None = None
    ) -> None:
        """Index the routes."""
        self.limits = limits
        self.admission = Admission(limit=limits.waiting)
        self.threads = Threads(limits.threads)
        self.requests = Counter("http_requests_total", "Answers.", labels=("path", "status"))
        self.seconds = Histogram("http_request_seconds", "Time to answer.", labels=("path",))
        self._deadline = Deadline(limits.body_seconds)
        self._tokens = tokens
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
        response = await self._respond(scope, receive)
        await send(_start(response))
        await send({"type": "http.response.body", "body": response.body})
        label = path if path in self._routes else UNMATCHED
        self.requests.add((label, str(response.status)))
        self.seconds.observe(perf_counter() - start, (label,))

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        """Find the route and run it; every error becomes an answer here."""
        try:
            head = _head(scope["headers"])
            if self.limits.hosts:
                self._check_host(head.host)
            methods = self._routes.get(scope["path"])
            route = methods.get(scope["method"]) if methods else None
            limit = (route.body_bytes if route else 0) or self.limits.body_bytes
            if head.length > limit:
                await self._refuse_body(receive, limit)
            route = route or self._find(scope["method"], scope["path"])
            caller = self._caller(route, head)
            media_type = _media_type(route, head) if route.method == "POST" else JSON
            if route.queued:
                self.admission.check()
            body = b"" if head.length == 0 else await self._read(receive, limit)
            query = scope["query_string"].decode("latin-1") if "query_string" in scope else ""
            request = Request(route.method, route.path, body, media_type, query, caller)
            return await self._run(route, request)
        except Exception as error:  # noqa: BLE001 - the outermost loop: logged or told to the client
            return problem(error)

    async def _run(self, route: Route, request: Request) -> Response:
        """Run the handler where it may take its time."""
        if route.queued:
            return await self.admission.run(lambda: route.handler(request))
        if route.threaded:
            return await self.threads.run(lambda: route.handler(request))
        return route.handler(request)

    def _caller(self, route: Route, head: Head) -> str:
        """Return who calls, empty where nobody asks.

        Raises:
            Unknown: no token, or one that nobody has.
            Refused: the token does not allow this.
        """
        if self._tokens is None or not route.scope:
            return ""
        return self._tokens.caller(head.authorization, route.scope)

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

    def _check_host(self, given: bytes) -> None:
        """Refuse a request that was meant for another host.

        A page on another site can make a browser send requests here under its own name (DNS
        rebinding); such a name is not in the list.
        """
        value = given.decode("latin-1")
        host = value.rpartition(":")[0] if value.rpartition(":")[2].isdigit() else value
        if host.lower() not in self.limits.hosts:
            message = f"This server does not answer for the host {host!r}."
            raise Refused(message, hint=f"Call it as {', '.join(sorted(self.limits.hosts))}.")

    async def _read(self, receive: Receive, limit: int) -> bytes:
        """Read the body within its limits of size and time."""
        try:
            return await self._deadline.within(self._parts(receive, limit))
        except TimeoutError:
            message = f"The body did not arrive within {self.limits.body_seconds:g} s."
            raise Busy(message, hint="Send the request again.") from None

    async def _parts(self, receive: Receive, limit: int) -> bytes:
        """Read the parts of a body."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            part = cast("bytes", message.get("body", b""))
            size += len(part)
            more = bool(message.get("more_body", False))
            if size > limit:
                await self._refuse_body(receive, limit, more=more)
            if not more and not parts:
                return part
            parts.append(part)
            if not more:
                return b"".join(parts)

    async def _refuse_body(self, receive: Receive, limit: int, *, more: bool = True) -> NoReturn:
        """Refuse a body that is too large, after taking the rest of it, within reason.

        A client that still writes when the connection closes would see that, not the answer.

        Raises:
            TooLarge: always.
        """
        rest = DISCARDED * limit
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.body_seconds):
                while more and rest > 0:
                    message = await receive()
                    rest -= len(cast("bytes", message.get("body", b"")))
                    more = bool(message.get("more_body", False))
        message_text = f"The body is over {limit} bytes."
        raise TooLarge(message_text, hint="Send fewer rows in one request.")


def _head(headers: list[tuple[bytes, bytes]]) -> Head:
    """Read what is needed of a request's head.

    Raises:
        Invalid: the announced length is no number.
    """
    head = Head()
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit():
                message = "The header content-length is not a number."
                raise Invalid(message, hint="Send a number.")
            head.length = int(value)
        elif name == b"content-type":
            head.media_type = value
        elif name == b"host":
            head.host = value
        elif name == b"authorization":
            head.authorization = value
        elif name == b"transfer-encoding":
            head.length = -1
    return head


def _media_type(route: Route, head: Head) -> str:
    """Return what a body is announced as; refuse what the path does not take.

    A page on another site can make a browser send plain text here without asking first; JSON it
    cannot, unless the server allows it.
    """
    given = head.media_type.partition(b";")[0].strip().lower().decode("latin-1")
    if given not in route.media_types:
        allowed = " or ".join(route.media_types)
        shown = head.media_type.decode("latin-1") or "nothing"
        message = f"The body is announced as {shown}, not as {allowed}."
        raise WrongType(message, hint=f"Send the header content-type: {route.media_types[0]}.")
    return given


def _start(response: Response) -> Message:
    """Return the first message of an answer."""
    headers = [
        (b"content-type", response.media_type.encode()),
        (b"content-length", b"%d" % len(response.body)),
    ]
    if response.headers:
        headers += ((name.encode(), value.encode()) for name, value in response.headers)
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _lifespan(receive: Receive, send: Send) -> None:
    """Follow the server's start and stop; nothing is opened or closed here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
