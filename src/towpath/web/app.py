"""A small ASGI application: a table of routes, admission, problems and metrics around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from towpath.core.errors import Invalid, did_you_mean
from towpath.web.admission import Admission
from towpath.web.body import Bodies, Receive, too_large
from towpath.web.message import JSON, Request, Response
from towpath.web.metrics import Counter, Gauge, Histogram
from towpath.web.problem import (
    Busy,
    Missing,
    Refused,
    WrongMethod,
    WrongType,
    problem,
)
from towpath.web.threads import Threads

if TYPE_CHECKING:
    from towpath.web.metrics import Sheet
    from towpath.web.token import Tokens

# The types of ASGI itself: a scope and a message hold whatever their keys say.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Request], Response]

UNMATCHED = "unmatched"
# So many different headers are remembered.
REMEMBERED = 64


class Route(msgspec.Struct, frozen=True):
    """What answers one method on one path.

    Args:
        method: the HTTP method.
        path: the path as it is, without parameters.
        handler: turns a request into an answer.
        queued: whether it waits in the queue of admission; what is cheap answers at once.
        threads: name of the threads that it runs in, since it waits for a disk or a server; routes
            of another name do not wait for them. Without it, it runs on the event loop.
        prompt: tells whether it would come back at once at present; then it is as if it were
            ``queued``, which costs less than a thread.
        scope: what a token must allow, where the server asks for tokens; empty for nothing.
        media_types: what a body may be.
        body_bytes: size of a body, if another than the server's limit.
    """

    method: str
    path: str
    handler: Handler
    queued: bool = False
    threads: str = ""
    prompt: Callable[[], bool] | None = None
    scope: str = ""
    media_types: tuple[str, ...] = (JSON,)
    body_bytes: int = 0


class Limits(msgspec.Struct, frozen=True):
    """What one server accepts.

    Args:
        waiting: requests that may wait for a turn.
        threads: requests that may be in threads of one name.
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
        sheet: where the metrics are kept; one of the application's own by default.

    Attributes:
        requests: answers counted by path and status.
        seconds: time from a request's head to its answer by path.
        waiting: how many requests wait.
    """

    def __init__(
        self,
        routes: tuple[Route, ...],
        *,
        limits: Limits,
        tokens: Tokens | None = None,
        sheet: Sheet | None = None,
    ) -> None:
        """Index the routes."""
        self.limits = limits
        self.requests = Counter(
            "http_requests_total", "Answers.", labels=("path", "status"), sheet=sheet
        )
        self.seconds = Histogram(
            "http_request_seconds", "Time to answer.", labels=("path",), sheet=sheet
        )
        self.waiting = Gauge("http_requests_waiting", "Requests in the queue.", sheet=sheet)
        self._admission = Admission(limit=limits.waiting)
        self._threads = {
            one.threads: Threads(limits.threads, waiting=limits.waiting)
            for one in routes
            if one.threads
        }
        self._bodies = Bodies(limits.body_seconds)
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
        try:
            response = await self._respond(scope, receive)
        except Exception as error:  # noqa: BLE001 - the outermost loop: logged or told to the client
            response = problem(error)
        await send(_start(response))
        await send({"type": "http.response.body", "body": response.body})
        label = path if path in self._routes else UNMATCHED
        self.requests.add((label, str(response.status)))
        self.seconds.observe(perf_counter() - start, (label,))
        waiting = self._admission.waiting
        for one in self._threads.values():
            waiting += one.waiting
        self.waiting.put(waiting)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        """Find the route and run it where it may take its time."""
        head = _head(scope["headers"])
        if self.limits.hosts:
            self._check_host(head.host)
        methods = self._routes.get(scope["path"])
        route = methods.get(scope["method"]) if methods else None
        limit = (route.body_bytes if route else 0) or self.limits.body_bytes
        if head.length > limit:
            await self._bodies.read(receive, limit, kept=False)
            raise too_large(limit)
        route = route or self._find(scope["method"], scope["path"])
        caller = self._caller(route, head) if route.scope else ""
        media_type = _media_type(route, head.media_type) if route.method == "POST" else JSON
        queued = route.queued or (route.prompt is not None and route.prompt())
        busy = self._busy(route, queued=queued)
        kept = busy is None
        body = b"" if head.length == 0 else await self._bodies.read(receive, limit, kept=kept)
        if busy is not None:
            raise busy
        query = scope["query_string"].decode("latin-1") if "query_string" in scope else ""
        request = Request(route.method, route.path, body, media_type, query, caller)
        if queued:
            return await self._admission.run(route.handler, request)
        if route.threads:
            return await self._threads[route.threads].run(lambda: route.handler(request))
        return route.handler(request)

    def _busy(self, route: Route, *, queued: bool) -> Busy | None:
        """Return why a request is refused at once, if it is.

        Its body is read all the same: a client that still writes when its connection closes would
        see that, not the answer.
        """
        try:
            if queued:
                self._admission.check()
            elif route.threads:
                self._threads[route.threads].check()
        except Busy as error:
            return error
        return None

    def _caller(self, route: Route, head: Head) -> str:
        """Return who calls, empty where nobody asks.

        Raises:
            Unknown: no token, or one that nobody has.
            Refused: the token does not allow this.
        """
        if self._tokens is None:
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
        host = _host_name(given)
        if host not in self.limits.hosts:
            message = f"This server does not answer for the host {host!r}."
            raise Refused(message, hint=f"Call it as {', '.join(sorted(self.limits.hosts))}.")


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


def _media_type(route: Route, announced: bytes) -> str:
    """Return what a body is announced as; refuse what the path does not take.

    A page on another site can make a browser send plain text here without asking first; JSON it
    cannot, unless the server allows it.
    """
    given = _plain_type(announced)
    if given not in route.media_types:
        allowed = " or ".join(route.media_types)
        shown = announced.decode("latin-1") or "nothing"
        message = f"The body is announced as {shown}, not as {allowed}."
        raise WrongType(message, hint=f"Send the header content-type: {route.media_types[0]}.")
    return given


@lru_cache(maxsize=REMEMBERED)
def _plain_type(announced: bytes) -> str:
    """Return a media type without its parameters."""
    return announced.partition(b";")[0].strip().lower().decode("latin-1")


@lru_cache(maxsize=REMEMBERED)
def _host_name(given: bytes) -> str:
    """Return the host that a client names, in lower case and without a port."""
    value = given.decode("latin-1")
    host, _, port = value.rpartition(":")
    return (host if port.isdigit() else value).lower()


def _start(response: Response) -> Message:
    """Return the first message of an answer."""
    headers = [
        (b"content-type", _encoded(response.media_type)),
        (b"content-length", b"%d" % len(response.body)),
    ]
    if response.headers:
        headers += ((name.encode(), value.encode()) for name, value in response.headers)
    return {"type": "http.response.start", "status": response.status, "headers": headers}


@lru_cache(maxsize=REMEMBERED)
def _encoded(media_type: str) -> bytes:
    """Return a media type as a header has it."""
    return media_type.encode()


async def _lifespan(receive: Receive, send: Send) -> None:
    """Follow the server's start and stop; nothing is opened or closed here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
