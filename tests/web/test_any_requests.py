"""Whatever is asked in whatever pieces: each request gets its answer, in order, and no other."""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.web.application import CHUNKED, LARGE, application
from tests.web.client import Answer, Client, request, run, served

UPGRADE = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c"}
LIMIT = 300_000


class Kind(NamedTuple):
    """A request, and what is to come of it; some have no known body."""

    wire: bytes
    status: int
    body: bytes | None = None
    bare: bool = False
    ends: bool = False


def echoed(path: str, body: bytes, **headers: str) -> Kind:
    return Kind(request("POST", path, body, headers), 200, body)


KINDS = (
    Kind(b"GET /things HTTP/1.1\r\n\r\n", 200, b""),
    Kind(request("HEAD", "/large"), 200, bare=True),
    Kind(request("GET", "/large"), 200, LARGE),
    Kind(request("GET", "/nothing"), 404),
    Kind(request("POST", "/echo", b"z" * (LIMIT + 1)), 413),
    Kind(CHUNKED + b"3\r\nabc\r\n1\r\nd\r\n0\r\nx: y\r\n\r\n", 200, b"abcd"),
    Kind(request("GET", "/things", headers={"x-padding": "p" * 20_000}), 200, b""),
    Kind(request("GET", "/things", headers=UPGRADE), 200, b""),
    echoed("/echo", b"queued"),
    echoed("/echo", b"q" * 40_000),
    echoed("/echo", b"upgrade", **UPGRADE),
    echoed("/slow", b"threads"),
    Kind(request("GET", "/things", headers={"connection": "close"}), 200, b"", ends=True),
    Kind(b"GET /things HTTP/1.0\r\n\r\n", 200, b"", ends=True),
    Kind(b"GARBAGE\x00 nothing\r\n\r\n", 400, ends=True),
    Kind(CHUNKED + b"ZZ\r\n", 400, ends=True),
    Kind(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, ends=True),
)


async def say(client: Client, wire: bytes, sizes: list[int]) -> None:
    """Say it in pieces of these sizes, one after the other."""
    at = turn = 0
    # A server that has ended its side need not hear all.
    with contextlib.suppress(ConnectionError):
        while at < len(wire):
            size = sizes[turn % len(sizes)]
            client.say(wire[at : at + size])
            await client.writer.drain()
            at, turn = at + size, turn + 1
            await asyncio.sleep(0)


@settings(max_examples=80, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    sizes=st.lists(st.sampled_from([40, 1000, 16_383, 16_384, 16_385, 100_000]), min_size=1),
    silent=st.booleans(),
)
def test_each_request_gets_its_answer_in_order(
    kinds: list[Kind], sizes: list[int], *, silent: bool
) -> None:
    last = next((at for at, one in enumerate(kinds) if one.ends), len(kinds) - 1)
    wanted = kinds[: last + 1]
    ends = silent or wanted[-1].ends
    errors: list[object] = []

    async def asking() -> list[Answer]:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(what))
        async with served(application(body_bytes=LIMIT)) as server:
            client = await server.connect()
            saying = asyncio.create_task(say(client, b"".join(one.wire for one in kinds), sizes))
            if silent and not wanted[-1].ends:
                saying.add_done_callback(lambda _: client.end())
            found = [await client.answer(bare=one.bare) for one in wanted]
            if ends:
                assert await client.closed()
            saying.cancel()
            return found

    found = run(asking())
    assert [one.status for one in found] == [one.status for one in wanted]
    told = [(one.body, of.body) for one, of in zip(found, wanted, strict=True)]
    assert [body for body, known in told if known is not None] == [
        known for _, known in told if known is not None
    ]
    assert errors == []
