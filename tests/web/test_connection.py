"""What a connection does with what clients say, over real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.web.application import CHUNKED, LARGE, application, with_client
from tests.web.client import Client, ask, request

from towpath.web.wire.reader import HEAD_BYTES


def test_requests_of_one_connection_are_answered_one_after_the_other() -> None:
    async def work(client: Client) -> None:
        for number in range(5):
            client.say(request("POST", "/echo", b"%d" % number))
            found = await client.answer()
            assert (found.status, found.body) == (200, b"%d" % number)
            assert "connection" not in found.headers
            assert found.headers["date"].endswith("GMT")

    with_client(work)


def test_answers_keep_the_order_of_requests_that_were_sent_at_once() -> None:
    paths = ["/slow", "/echo", "/nothing", "/slow", "/echo"]

    async def work(client: Client) -> None:
        client.say(b"".join(request("POST", path, b"%d" % at) for at, path in enumerate(paths)))
        found = [await client.answer() for _ in paths]
        assert [one.status for one in found] == [200, 200, 404, 200, 200]
        assert [found[at].body for at in (0, 1, 3, 4)] == [b"0", b"1", b"3", b"4"]

    with_client(work)


def test_thousands_of_requests_at_once_are_answered() -> None:
    async def work(client: Client) -> None:
        client.say(request("POST", "/slow") + 5000 * b"GET /things HTTP/1.1\r\n\r\n")
        assert [(await client.answer()).status for _ in range(5001)] == [200] * 5001

    with_client(work)


def test_a_request_may_come_byte_by_byte() -> None:
    given = request("POST", "/echo?a=b", b"body")
    found = ask(application(), *(given[at : at + 1] for at in range(len(given))))
    assert (found.status, found.body) == (200, b"body")
    assert found.headers["x-query"] == "a=b"


def test_a_body_may_come_in_chunks_and_what_follows_it_is_no_header() -> None:
    given = CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\ncontent-type: x/y\r\n\r\n"
    found = ask(application(), given)
    assert (found.status, found.body) == (200, b"abc")


def test_who_asks_whether_to_send_a_body_is_told() -> None:
    async def work(client: Client) -> None:
        asks = {"expect": "100-continue", "content-length": "3"}
        client.say(request("POST", "/echo", headers=asks))
        assert (await client.answer()).status == 100
        client.say(b"abc")
        assert (await client.answer()).body == b"abc"
        client.say(request("POST", "/nothing", headers=asks))
        refused = await client.answer()
        assert (refused.status, refused.headers["connection"]) == (404, "close")
        assert await client.closed()

    with_client(work)


def test_head_tells_of_the_body_and_does_not_send_it() -> None:
    async def work(client: Client) -> None:
        client.say(request("HEAD", "/large"))
        assert (await client.answer(bare=True)).headers["content-length"] == str(len(LARGE))
        client.say(request("GET", "/things"))
        assert (await client.answer()).status == 200

    with_client(work)


@pytest.mark.parametrize(
    ("version", "wish", "says"),
    [
        ("1.0", "", "close"),
        ("1.0", "keep-alive", "keep-alive"),
        ("1.1", "close", "close"),
        ("1.1", "", None),
    ],
)
def test_a_connection_stays_or_ends_as_its_client_wishes(
    version: str, wish: str, says: str | None
) -> None:
    wished = f"connection: {wish}\r\n" if wish else ""
    given = f"GET /things HTTP/{version}\r\n{wished}\r\n".encode()

    async def work(client: Client) -> None:
        client.say(given)
        assert (await client.answer()).headers.get("connection") == says
        if says == "close":
            assert await client.closed()
        else:
            client.say(given)
            assert (await client.answer()).status == 200

    with_client(work)


HELLO = bytes.fromhex("16030100c8010000c40303")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (HELLO, 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /things HTTP/1.1\nhost: a\n\n", 400),
        (b"POST /echo HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"GET /things HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET /things HTTP/1.1\r\nauthorization: a\r\nAuthorization: b\r\n\r\n", 400),
        (b"CONNECT other:80 HTTP/1.1\r\n\r\n", 400),
        (b"GET /things HTTP/2.0\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 400),
        (b"GET " + b"/" + b"x" * 2 * HEAD_BYTES, 431),
    ],
)
def test_what_is_no_request_is_told_so_and_the_connection_ends(given: bytes, status: int) -> None:
    async def work(client: Client) -> None:
        client.say(given[:10])
        await asyncio.sleep(0.01)
        for at in range(10, len(given), HEAD_BYTES):
            client.say(given[at : at + HEAD_BYTES])
            await asyncio.sleep(0.01)
        found = await client.answer()
        assert found.status == status
        assert found.headers["content-type"] == "application/problem+json"
        assert json.loads(found.body)["hint"]
        client.say(request("GET", "/things"))
        assert await client.closed()

    with_client(work)


def test_a_head_may_be_large_also_behind_another_body() -> None:
    many = {f"x-{number}": "y" * 50 for number in range(500)}
    body = b"z" * 3 * HEAD_BYTES

    async def work(client: Client) -> None:
        given = request("POST", "/echo", body) + request("GET", "/things", headers=many)
        client.say(given[:-10])
        assert (await client.answer()).body == body
        client.say(given[-10:])
        assert (await client.answer()).status == 200

    with_client(work)


@pytest.mark.parametrize("wanted", ["h2c", "websocket"])
def test_a_wish_for_another_protocol_is_not_heard(wanted: str) -> None:
    wish = {
        "connection": "Upgrade, HTTP2-Settings",
        "upgrade": wanted,
        "http2-settings": "AAMAAABk",
    }
    chunked = CHUNKED[:-2] + f"connection: upgrade\r\nupgrade: {wanted}\r\n\r\n".encode()

    async def work(client: Client) -> None:
        client.say(request("POST", "/echo", b"1", headers=wish) + request("POST", "/echo", b"2"))
        assert [(await client.answer()).body for _ in range(2)] == [b"1", b"2"]
        client.say(chunked + b"2\r\nab\r\n0\r\n\r\n" + request("GET", "/things", headers=wish))
        assert [(await client.answer()).body for _ in range(2)] == [b"ab", b""]
        client.say(request("POST", "/echo", b"345", headers=wish)[:-2])
        await asyncio.sleep(0.01)
        client.say(b"45")
        assert (await client.answer()).body == b"345"

    with_client(work)


@pytest.mark.parametrize("path", ["/slow", "/echo"])
@pytest.mark.parametrize("wish", [{}, {"connection": "close"}])
def test_a_client_that_says_no_more_still_gets_its_answer(path: str, wish: dict[str, str]) -> None:
    async def work(client: Client) -> None:
        client.say(request("POST", path, b"1", headers=wish))
        client.end()
        assert (await client.answer()).body == b"1"
        assert await client.closed()

    with_client(work)


def test_a_path_is_decoded_and_may_name_the_server() -> None:
    assert ask(application(), request("GET", "/two%20words")).headers["x-path"] == "/two words"
    found = ask(application(), request("GET", "http://localhost/things?a=%20"))
    assert found.headers["x-query"] == "a=%20"
