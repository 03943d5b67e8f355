"""One worker of granian on uvloop, its best setting, in front of an ASGI application."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run(application: Callable[..., Awaitable[Any]], port: int) -> None:
    uvloop.run(serve(application, port))


async def serve(application: Callable[..., Awaitable[Any]], port: int) -> None:
    server = Server(
        application,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
    )
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, server.signal_handler_interrupt)
    await server.serve()
