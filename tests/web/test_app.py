from __future__ import annotations

import asyncio
import json
import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from tests.web.client import ask, request, run, served

from towpath.core.errors import (
    Conflict,
    Contract,
    Denied,
    Invalid,
    NotFound,
    TowpathError,
    Unavailable,
)
from towpath.web.app import App
from towpath.web.message import Request, Response
from towpath.web.problem import Busy, Missing, problem, status_of
from towpath.web.route import Limits, Route
from towpath.web.token import Tokens, make_token

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def echo(request: Request) -> Response:
    return Response(request.body, headers=(("x-path", request.path),))


def fail(_: Request) -> Response:
    message = "a secret of the server"
    raise RuntimeError(message)


def parts(given: bytes) -> list[bytes]:
    """Cut a request into pieces, its names too."""
    return [given[at : at + 3] for at in range(0, len(given), 3)]


ROUTES = (Route("GET", "/things", echo), Route("POST", "/echo", echo, queued=True))
BROKEN = (Route("GET", "/broken", fail),)


def test_body_in_parts_arrives_whole() -> None:
    status, headers, body = ask(
        App(ROUTES, limits=Limits()), *parts(request("POST", "/echo", b"ab"))
    )
    assert (status, headers["x-path"], body) == (200, "/echo", b"ab")


def test_unknown_path_suggests_a_near_one() -> None:
    status, headers, body = ask(App(ROUTES, limits=Limits()), request("GET", "/thigs"))
    assert status == 404
    assert headers["content-type"] == "application/problem+json"
    assert "'/things'" in json.loads(body)["hint"]


def test_wrong_method_says_which_is_right() -> None:
    status, headers, _ = ask(App(ROUTES, limits=Limits()), request("DELETE", "/echo"))
    assert (status, headers["allow"]) == (405, "POST")


def test_announced_body_over_the_limit_is_refused() -> None:
    app = App(ROUTES, limits=Limits(body_bytes=3))
    assert ask(app, request("POST", "/echo", b"1234")).status == 413


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:8000", 200), ("[::1]:8000", 200), ("evil.example", 403)],
)
def test_only_listed_hosts_are_answered(host: str, status: int) -> None:
    app = App(ROUTES, limits=Limits(hosts=frozenset({"localhost", "[::1]"})))
    assert ask(app, request("GET", "/things", headers={"host": host})).status == status


def test_unforeseen_error_is_logged_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status, _, body = ask(App(BROKEN, limits=Limits()), request("GET", "/broken"))
    assert status == 500
    assert b"secret" not in body
    assert "a secret of the server" in caplog.text


def test_answers_are_counted_by_path_and_status() -> None:
    app = App(ROUTES, limits=Limits())
    ask(app, request("GET", "/things"))
    ask(app, request("GET", "/nothing"))
    assert app.requests.lines()[2:] == [
        'http_requests_total{path="/things",status="200"} 1',
        'http_requests_total{path="unmatched",status="404"} 1',
    ]


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
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
def test_a_body_that_is_not_announced_as_json_is_refused(kind: str) -> None:
    given = request("POST", "/echo", b"{}", headers={"content-type": kind})
    assert ask(App(ROUTES, limits=Limits()), given).status == 415


def test_json_may_name_its_character_set() -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    given = request("POST", "/echo", b"{}", headers=headers)
    assert ask(App(ROUTES, limits=Limits()), given).status == 200


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
    known = {"authorization": f"Bearer {token}"}
    assert ask(app, request("POST", "/echo", b"{}")).status == 401
    assert ask(app, request("POST", "/echo", b"{}", headers=known)).status == 200
    assert ask(app, request("POST", "/push", b"{}", headers=known)).status == 403


def test_what_waits_for_a_disk_runs_in_a_thread() -> None:
    def where(_: Request) -> Response:
        return Response(threading.current_thread().name.encode())

    app = App((Route("POST", "/push", where, threads="push"),), limits=Limits())
    assert b"request" in ask(app, request("POST", "/push", b"{}")).body


def test_a_route_may_take_other_types_and_larger_bodies() -> None:
    routes = (Route("POST", "/push", echo, media_types=("text/csv",), body_bytes=9),)
    app = App(routes, limits=Limits(body_bytes=3))
    told = {"content-type": "text/csv"}
    assert ask(app, request("POST", "/push", b"12345", headers=told)).status == 200
    assert ask(app, request("POST", "/push", b"12345")).status == 415


def test_requests_are_answered_together_and_the_rest_one_by_one() -> None:
    seen: list[int] = []

    def together(requests: Sequence[Request]) -> list[Response | None]:
        seen.append(len(requests))
        return [Response(b"short") if one.body == b"1" else None for one in requests]

    app = App((Route("POST", "/echo", echo, together=together, queued=True),), limits=Limits())
    bodies = [b"1", b"2", b"1"]

    async def asking() -> list[bytes]:
        async with served(app) as server:
            clients = [await server.connect() for _ in bodies]
            await asyncio.sleep(0.05)
            for client, body in zip(clients, bodies, strict=True):
                client.say(request("POST", "/echo", body))
            return [(await client.answer()).body for client in clients]

    assert run(asking()) == [b"short", b"2", b"short"]
    assert sum(seen) == 3


def test_a_short_way_that_fails_is_logged_and_each_answered_by_its_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def together(requests: Sequence[Request]) -> list[Response | None]:
        raise RuntimeError(len(requests))

    app = App((Route("POST", "/echo", echo, together=together, queued=True),), limits=Limits())
    with caplog.at_level(logging.ERROR):
        assert ask(app, request("POST", "/echo", b"1")).body == b"1"
    assert "RuntimeError" in caplog.text


def test_facts_that_cannot_be_written_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    found = problem(Invalid("No \ud800.", row=np.int64(3)))
    assert (found.status, json.loads(found.body)["detail"]) == (422, "No ?.")
    assert "cannot be shown" in caplog.text
