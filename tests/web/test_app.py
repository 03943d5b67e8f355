from __future__ import annotations

import asyncio
import json
import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from towpath.core.errors import (
    Conflict,
    Contract,
    Denied,
    Invalid,
    NotFound,
    TowpathError,
    Unavailable,
)
from towpath.web.app import App, Limits, Message, Route
from towpath.web.message import Request, Response
from towpath.web.problem import Busy, Missing, problem, status_of
from towpath.web.token import Tokens, make_token

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")


def echo(request: Request) -> Response:
    return Response(request.body, headers=(("x-path", request.path),))


def fail(_: Request) -> Response:
    message = "a secret of the server"
    raise RuntimeError(message)


ROUTES = (Route("GET", "/things", echo), Route("POST", "/echo", echo, queued=True))
BROKEN = (Route("GET", "/broken", fail),)


def send(
    app: App,
    method: str,
    path: str,
    *,
    parts: Iterable[bytes] = (b"",),
    headers: Headers | None = None,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send one request to an application without a socket."""
    queue = list(parts)
    length = str(sum(map(len, queue))).encode()
    answers: list[Message] = []

    async def receive() -> Message:
        part = queue.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(queue)}

    async def collect(message: Message) -> None:
        answers.append(message)

    scope: Message = {"type": "http", "method": method, "path": path}
    scope["headers"] = [(b"content-length", length), JSON] if headers is None else headers
    asyncio.run(app(scope, receive, collect))
    return answers[0]["status"], dict(answers[0]["headers"]), answers[1]["body"]


def test_body_in_parts_arrives_whole() -> None:
    status, headers, body = send(App(ROUTES, limits=Limits()), "POST", "/echo", parts=[b"a", b"b"])
    assert (status, headers[b"x-path"], body) == (200, b"/echo", b"ab")


def test_unknown_path_suggests_a_near_one() -> None:
    status, headers, body = send(App(ROUTES, limits=Limits()), "GET", "/thigs")
    assert status == 404
    assert headers[b"content-type"] == b"application/problem+json"
    assert "'/things'" in json.loads(body)["hint"]


def test_wrong_method_says_which_is_right() -> None:
    status, headers, _ = send(App(ROUTES, limits=Limits()), "DELETE", "/echo")
    assert (status, headers[b"allow"]) == (405, b"POST")


def test_head_is_answered_as_get() -> None:
    assert send(App(ROUTES, limits=Limits()), "HEAD", "/things")[0] == 200


def test_announced_body_over_the_limit_is_refused() -> None:
    app = App(ROUTES, limits=Limits(body_bytes=3))
    assert send(app, "POST", "/echo", parts=[b"1234"])[0] == 413


def test_chunked_body_over_the_limit_is_refused() -> None:
    app = App(ROUTES, limits=Limits(body_bytes=3))
    headers: Headers = [(b"transfer-encoding", b"chunked"), JSON]
    assert send(app, "POST", "/echo", parts=[b"12", b"34"], headers=headers)[0] == 413


@pytest.mark.parametrize("length", [b"-1", b"x", b""])
def test_length_that_is_no_number_is_refused(length: bytes) -> None:
    headers: Headers = [(b"content-length", length)]
    assert send(App(ROUTES, limits=Limits()), "POST", "/echo", headers=headers)[0] == 422


@pytest.mark.parametrize(
    ("host", "status"),
    [(b"localhost", 200), (b"LOCALHOST:8000", 200), (b"[::1]:8000", 200), (b"evil.example", 403)],
)
def test_only_listed_hosts_are_answered(host: bytes, status: int) -> None:
    app = App(ROUTES, limits=Limits(hosts=frozenset({"localhost", "[::1]"})))
    assert send(app, "GET", "/things", headers=[(b"host", host)])[0] == status


def test_slow_body_is_given_up() -> None:
    app = App(ROUTES, limits=Limits(body_seconds=0.01))
    answers: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {}

    async def collect(message: Message) -> None:
        answers.append(message)

    scope: Message = {"type": "http", "method": "POST", "path": "/echo"}
    scope["headers"] = [(b"content-length", b"5"), JSON]
    asyncio.run(app(scope, receive, collect))
    assert answers[0]["status"] == 503


def test_unforeseen_error_is_logged_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status, _, body = send(App(BROKEN, limits=Limits()), "GET", "/broken")
    assert status == 500
    assert b"secret" not in body
    assert "a secret of the server" in caplog.text


def test_answers_are_counted_by_path_and_status() -> None:
    app = App(ROUTES, limits=Limits())
    send(app, "GET", "/things")
    send(app, "GET", "/nothing")
    assert app.requests.lines()[2:] == [
        'http_requests_total{path="/things",status="200"} 1',
        'http_requests_total{path="unmatched",status="404"} 1',
    ]


def test_application_follows_the_life_of_a_server() -> None:
    sent: list[str] = []
    events = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> Message:
        return {"type": events.pop(0)}

    async def collect(message: Message) -> None:
        sent.append(message["type"])

    asyncio.run(App(ROUTES, limits=Limits())({"type": "lifespan"}, receive, collect))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("kind", TowpathError.__subclasses__())
def test_every_error_has_a_status(kind: type[TowpathError]) -> None:
    assert 400 <= status_of(kind("x")) < 600
    assert status_of(kind("x")) != 500


def test_problem_carries_hint_and_facts() -> None:
    body = json.loads(problem(Missing("No key 7.", hint="Ask for another.", key=7)).body)
    assert body == {
        "type": "urn:towpath:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "No key 7.",
        "hint": "Ask for another.",
        "data": {"key": 7},
    }


@pytest.mark.parametrize("kind", [Denied, NotFound, Conflict, Contract, Unavailable])
def test_a_fault_of_the_server_blames_nobody_and_tells_no_path(
    kind: type[TowpathError], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        found = problem(kind("The store /srv/secret cannot be used.", path="/srv/secret"))
    assert found.status == 503
    assert b"secret" not in found.body
    assert "/srv/secret" in caplog.text


@pytest.mark.parametrize(
    "kind", [b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonp", b""]
)
def test_a_body_that_is_not_announced_as_json_is_refused(kind: bytes) -> None:
    headers: Headers = [(b"content-length", b"2"), (b"content-type", kind)]
    app = App(ROUTES, limits=Limits())
    assert send(app, "POST", "/echo", parts=[b"{}"], headers=headers)[0] == 415


def test_json_may_name_its_character_set() -> None:
    headers: Headers = [(b"content-type", b"Application/JSON; charset=utf-8")]
    app = App(ROUTES, limits=Limits())
    assert send(app, "POST", "/echo", parts=[b"{}"], headers=headers)[0] == 200


def test_unavailable_says_when_to_come_back() -> None:
    assert ("retry-after", "1") in problem(Busy("Busy.")).headers


def test_malformed_and_ill_typed_bodies_differ() -> None:
    assert status_of(msgspec.DecodeError("x")) == 400
    assert status_of(msgspec.ValidationError("x")) == 422
    assert status_of(Invalid("x")) == 422


def test_a_token_is_asked_for_before_the_body_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    token = make_token(path, "ranker", scopes=("read",), expires=datetime(2100, 1, 1, tzinfo=UTC))
    routes = (
        Route("POST", "/echo", echo, scope="read"),
        Route("POST", "/push", echo, scope="write"),
    )
    app = App(routes, limits=Limits(), tokens=Tokens(path))
    known: Headers = [
        (b"content-length", b"2"),
        JSON,
        (b"authorization", f"Bearer {token}".encode()),
    ]
    assert send(app, "POST", "/echo", parts=[b"{}"])[0] == 401
    assert send(app, "POST", "/echo", parts=[b"{}"], headers=known)[0] == 200
    assert send(app, "POST", "/push", parts=[b"{}"], headers=known)[0] == 403


def test_what_waits_for_a_disk_runs_in_a_thread() -> None:
    def where(_: Request) -> Response:
        return Response(threading.current_thread().name.encode())

    app = App((Route("POST", "/push", where, threads="push"),), limits=Limits())
    assert b"request" in send(app, "POST", "/push", parts=[b"{}"])[2]


def test_a_route_may_take_other_types_and_larger_bodies() -> None:
    routes = (Route("POST", "/push", echo, media_types=("text/csv",), body_bytes=9),)
    headers: Headers = [(b"content-length", b"5"), (b"content-type", b"text/csv")]
    app = App(routes, limits=Limits(body_bytes=3))
    assert send(app, "POST", "/push", parts=[b"12345"], headers=headers)[0] == 200
    assert send(app, "POST", "/push", parts=[b"12345"])[0] == 415
