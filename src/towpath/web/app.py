"""A small application: a table of routes, with admission, problems and metrics around it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from towpath.core.errors import did_you_mean
from towpath.web.admission import Admission, Waiting
from towpath.web.message import JSON, Request, Response
from towpath.web.metrics import Counter, Gauge, Histogram
from towpath.web.problem import Busy, Missing, Refused, WrongMethod, WrongType, problem, too_large
from towpath.web.route import Call
from towpath.web.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.web.message import Asker
    from towpath.web.metrics import Sheet
    from towpath.web.route import Head, Limits, Route
    from towpath.web.token import Tokens

UNMATCHED = "unmatched"
# So many different headers are remembered.
REMEMBERED = 64


class App:
    """An application over a table of routes. All but the routes' own threads is for one event loop.

    Args:
        routes: the table.
        limits: what is accepted.
        tokens: who may ask what; everybody may ask everything without them.
        sheet: where the metrics are kept; one of the application's own by default.

    Attributes:
        limits: what is accepted.
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
        self._waiting = 0
        self._admission = Admission(self._answer_together, limit=limits.waiting)
        self._threads = {
            one.threads: Threads(limits.threads, waiting=limits.waiting)
            for one in routes
            if one.threads
        }
        self._tokens = tokens
        self._routes: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._routes.setdefault(route.path, {})[route.method] = route

    def admit(self, head: Head, length: int) -> Call | Response:
        """Look at a request's head; return why it is refused, if it is.

        Args:
            head: the head.
            length: announced size of the body, 0 where it is not announced.
        """
        try:
            return self._admitted(head, length)
        except Exception as error:  # noqa: BLE001 - an outermost place: logged or told to the client
            return problem(error)

    def answer(self, call: Call, body: bytes, asker: Asker) -> None:
        """Answer a request whose body has arrived, now or later."""
        head, route = call.head, call.route
        request = Request(route.method, route.path, body, call.media_type, head.query, call.caller)
        if call.queued:
            try:
                self._admission.add(Waiting(route, request, asker))
            except Busy as error:
                asker.reply(problem(error))
        elif route.threads:
            self._in_thread(route, request, asker)
        else:
            asker.reply(answered(route, request))

    def count(self, path: str, response: Response, seconds: float) -> None:
        """Count an answer, that took so many seconds from the request's head."""
        label = path if path in self._routes else UNMATCHED
        self.requests.add((label, str(response.status)))
        self.seconds.observe(seconds, (label,))
        waiting = self._admission.waiting
        for one in self._threads.values():
            waiting += one.waiting
        if waiting != self._waiting:
            self._waiting = waiting
            self.waiting.put(waiting)

    def _answer_together(self, some: Sequence[Waiting]) -> None:
        """Answer requests of one route; those that take longer in a thread, where it has some."""
        route = some[0].route
        quick = _together(route, [one.request for one in some])
        for one, response in zip(some, quick, strict=True):
            if response is not None:
                one.asker.reply(response)
            elif route.threads and route.together is not None:
                self._in_thread(route, one.request, one.asker)
            else:
                one.asker.reply(answered(route, one.request))

    def _in_thread(self, route: Route, request: Request, asker: Asker) -> None:
        """Answer a request in one of its route's threads."""
        try:
            self._threads[route.threads].run(lambda: answered(route, request), asker.reply)
        except Busy as error:
            asker.reply(problem(error))

    def _admitted(self, head: Head, length: int) -> Call:
        """Find the route of a request, and check what its head says."""
        headers = head.headers
        if self.limits.hosts:
            self._check_host(headers.get(b"host", b""))
        methods = self._routes.get(head.path)
        route = methods.get(head.method) if methods else None
        limit = (route.body_bytes if route else 0) or self.limits.body_bytes
        if length > limit:
            raise too_large(limit)
        route = route or self._find(head.method, head.path)
        caller = self._caller(route, headers) if route.scope else ""
        posted = route.method == "POST"
        media_type = _media_type(route, headers.get(b"content-type", b"")) if posted else JSON
        queued = route.queued or (route.prompt is not None and route.prompt())
        if queued:
            self._admission.check()
        elif route.threads:
            self._threads[route.threads].check()
        return Call(head, route, limit, media_type, caller, queued)

    def _caller(self, route: Route, headers: Mapping[bytes, bytes]) -> str:
        """Return who calls, empty where nobody asks.

        Raises:
            Unknown: no token, or one that nobody has.
            Refused: the token does not allow this.
        """
        if self._tokens is None:
            return ""
        return self._tokens.caller(headers.get(b"authorization", b""), route.scope)

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


def answered(route: Route, request: Request) -> Response:
    """Answer one request by its route; every error becomes an answer.

    Example:
        >>> from towpath.web.route import Route
        >>> echo = Route("POST", "/echo", lambda request: Response(request.body))
        >>> answered(echo, Request("POST", "/echo", b"{}")).body
        b'{}'
    """
    try:
        return route.handler(request)
    except Exception as error:  # noqa: BLE001 - an outermost place: logged or told to the client
        return problem(error)


def _together(route: Route, requests: Sequence[Request]) -> Sequence[Response | None]:
    """Answer what can be answered together."""
    if route.together is not None:
        try:
            return route.together(requests)
        except Exception as error:  # noqa: BLE001 - an outermost place: logged
            # Each has its own answer: one that nobody foresaw is no affair of the others.
            problem(error)
    return [None] * len(requests)


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
