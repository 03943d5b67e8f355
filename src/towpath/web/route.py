"""What an application answers, what it accepts, and a request that it has let in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from towpath.web.message import JSON, Request, Response

Handler = Callable[[Request], Response]
Together = Callable[[Sequence[Request]], Sequence[Response | None]]


class Route(msgspec.Struct, frozen=True):
    """What answers one method on one path.

    Args:
        method: the HTTP method.
        path: the path as it is, without parameters.
        handler: turns a request into an answer.
        together: answers several requests by one look at whatever they need, None for each that
            the handler is to answer.
        queued: whether it waits in the queue of admission; what is cheap answers at once.
        threads: name of the threads that it runs in, since it waits for a disk or a server; routes
            of another name do not wait for them. Without it, it runs on the event loop.
        prompt: tells whether it would come back at once at present; then it is as if it were
            ``queued``, which costs less than a thread. What is not answered ``together`` takes
            longer, and has a thread all the same.
        scope: what a token must allow, where the server asks for tokens; empty for nothing.
        media_types: what a body may be.
        body_bytes: size of a body, if another than the server's limit.
    """

    method: str
    path: str
    handler: Handler
    together: Together | None = None
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
        head_seconds: time for a request's head to arrive.
        body_seconds: time for its body.
        idle_seconds: for which a connection is kept without a request.
        hosts: names a client may call the server by, lower case without port; empty for any.
    """

    waiting: int = 64
    threads: int = 16
    body_bytes: int = 1 << 20
    head_seconds: float = 5.0
    body_seconds: float = 10.0
    idle_seconds: float = 75.0
    hosts: frozenset[str] = frozenset()


class Head(msgspec.Struct):
    """What is read of a request's head.

    Args:
        method: the HTTP method.
        path: the path, decoded.
        query: what follows it after a question mark.
        headers: some of the headers by name in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]


class Call(msgspec.Struct):
    """A request whose head is as it should be.

    Args:
        head: its head.
        route: what answers it.
        limit: how large its body may be.
        media_type: what its body is announced as.
        caller: name of the token that it came with, empty where none is needed.
        queued: whether it waits in the queue of admission.
    """

    head: Head
    route: Route
    limit: int
    media_type: str
    caller: str
    queued: bool
