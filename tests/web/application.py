"""A small application for tests of connections."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.web.client import Client, run, served

from towpath.web.app import App
from towpath.web.message import Request, Response
from towpath.web.route import Limits, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LARGE = b"x" * 1_000_000
CHUNKED = (
    b"POST /echo HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
)


def echo(given: Request) -> Response:
    return Response(given.body, headers=(("x-path", given.path), ("x-query", given.query)))


def slow(given: Request) -> Response:
    time.sleep(0.05)
    return Response(given.body)


def application(**limits: float) -> App:
    routes = (
        Route("GET", "/things", echo),
        Route("GET", "/large", lambda _: Response(LARGE)),
        Route("GET", "/two words", echo),
        Route("POST", "/echo", echo, queued=True),
        Route("POST", "/slow", slow, threads="slow"),
    )
    return App(routes, limits=Limits(**limits))  # type: ignore[arg-type]  # whole or not, as each says


def with_client(
    work: Callable[[Client], Awaitable[object]], *, app: App | None = None, most: int = 100
) -> None:
    """Do something with one connection."""

    async def connected() -> None:
        async with served(app or application(), most=most) as server:
            await work(await server.connect())

    run(connected())
