"""What a server gives its clients: so much room, so much time, and an end."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from typing import Any

import pytest
from tests.web.application import CHUNKED, LARGE, application, slow, with_client
from tests.web.client import Client, ask, request, run, served

from towpath.web.app import App
from towpath.web.message import Request, Response
from towpath.web.route import Limits, Route
from towpath.web.wire.exchange import Exchange
from towpath.web.wire.reader import DISCARDED, HEAD_BYTES


def test_a_body_over_the_limit_is_taken_and_refused_and_the_next_request_answered() -> None:
    async def work(client: Client) -> None:
        for given in (request("POST", "/echo", b"1234"), CHUNKED + b"4\r\n1234\r\n0\r\n\r\n"):
            client.say(given)
            assert (await client.answer()).status == 413
        client.say(request("POST", "/echo", b"123"))
        assert (await client.answer()).body == b"123"

    with_client(work, app=application(body_bytes=3))


def test_a_body_without_end_is_not_taken_for_ever() -> None:
    async def work(client: Client) -> None:
        client.say(request("POST", "/echo", headers={"content-length": str(10**9)}))
        client.say(b"x" * (DISCARDED * 1000 + 1))
        found = await client.answer()
        assert (found.status, found.headers["connection"]) == (413, "close")
        client.say(b"x" * 1000)
        assert await client.closed()

    with_client(work, app=application(body_bytes=1000))


def test_a_slow_body_is_given_up_and_told_so() -> None:
    async def work(client: Client) -> None:
        client.say(request("POST", "/echo", b"123")[:-1])
        found = await client.answer()
        assert (found.status, found.headers["retry-after"]) == (503, "1")
        assert b"did not arrive within 0.05 s" in found.body
        assert await client.closed()

    with_client(work, app=application(body_seconds=0.05))


@pytest.mark.parametrize("said", [b"", b"GET /things HTTP/1.1\r\nho"])
def test_a_slow_head_is_given_up(said: bytes) -> None:
    async def work(client: Client) -> None:
        client.say(said)
        assert await client.closed()

    with_client(work, app=application(head_seconds=0.05))


def test_an_idle_connection_is_closed_in_the_end_but_none_that_waits() -> None:
    async def work(client: Client) -> None:
        for _ in range(3):
            client.say(request("POST", "/slow", b"1"))
            assert (await client.answer()).body == b"1"
        assert await client.closed()

    with_client(work, app=application(idle_seconds=0.3, head_seconds=0.01, body_seconds=0.01))


def test_a_client_that_does_not_read_is_not_answered_further_until_it_does() -> None:
    app = application()

    async def work(client: Client) -> None:
        count = 100
        client.say(count * request("GET", "/large"))
        await asyncio.sleep(0.2)
        begun = sum(float(line.split()[-1]) for line in app.requests.lines()[2:])
        assert begun < count / 2
        for _ in range(count):
            assert len((await client.answer()).body) == len(LARGE)

    with_client(work, app=app)


def test_who_goes_away_while_waiting_harms_nobody() -> None:
    async def work() -> None:
        async with served(application()) as server:
            gone = [await server.connect() for _ in range(5)]
            for one in gone:
                one.say(request("POST", "/slow") + request("GET", "/large"))
            await asyncio.sleep(0.01)
            for one in gone:
                one.writer.transport.abort()
            client = await server.connect()
            client.say(request("POST", "/slow", b"1"))
            assert (await client.answer()).body == b"1"

    run(work())


def test_the_longest_idle_connection_makes_room_for_another() -> None:
    async def work() -> None:
        async with served(application(), most=3) as server:
            first, second = await server.connect(), await server.connect()
            for one in (second, first):
                one.say(request("GET", "/things"))
                await one.answer()
            # One that has said nothing yet has been idle for a shorter time.
            third, fourth = await server.connect(), await server.connect()
            for one in (first, third, fourth):
                one.say(request("POST", "/echo", b"1"))
                assert (await one.answer()).body == b"1"
            assert await second.closed()

    run(work())


def test_while_none_is_idle_others_wait_until_one_is() -> None:
    free = threading.Event()

    def wait(_: Request) -> Response:
        free.wait(10)
        return Response(b"free")

    app = App((Route("GET", "/wait", wait, threads="wait"),), limits=Limits())

    async def work() -> None:
        async with served(app, most=1) as server:
            first, second = await server.connect(), await server.connect()
            for one in (first, second):
                one.say(request("GET", "/wait"))
            await asyncio.sleep(0.05)
            free.set()
            assert (await first.answer()).body == b"free"
            assert (await second.answer()).body == b"free"
            assert await first.closed()

    run(work())


def test_what_is_half_said_at_the_end_is_not_done_and_harms_nobody() -> None:
    done: list[bytes] = []

    def note(given: Request) -> Response:
        done.append(given.body)
        return Response(given.body)

    routes = (
        Route("POST", "/echo", note, queued=True),
        Route("POST", "/slow", slow, threads="slow"),
    )

    async def work() -> None:
        async with served(App(routes, limits=Limits())) as server:
            one, other = await server.connect(), await server.connect()
            half = request("POST", "/echo", b"half")
            one.say(request("POST", "/slow", b"1") + half[:-2])
            other.say(request("POST", "/slow", b"2"))
            await asyncio.sleep(0.02)
            draining = asyncio.create_task(server.listener.drained(10.0))
            found = await one.answer()
            assert (found.body, found.headers["connection"]) == (b"1", "close")
            one.say(half[-2:])
            assert (await other.answer()).body == b"2"
            assert await one.closed()
            one.writer.close()
            other.writer.close()
            await asyncio.wait_for(draining, 5)
            assert done == []

    run(work())


def test_many_requests_in_several_pieces_are_answered_and_others_have_their_turn() -> None:
    """Pieces end within heads; none of them is large, however many there are."""
    each, count = request("GET", "/things"), 4000
    many, size = each * count, 1237

    async def work() -> None:
        async with served(application()) as server:
            greedy, other = await server.connect(), await server.connect()
            greedy.say(many[: len(many) // 2])
            for at in range(len(many) // 2, len(many), size):
                greedy.say(many[at : at + size])
            other.say(request("POST", "/echo", b"1"))
            assert (await other.answer()).body == b"1"
            for _ in range(count):
                assert (await greedy.answer()).status == 200

    run(work())


@pytest.mark.parametrize(
    "given",
    [
        CHUNKED + b"1\r\na\r\n0\r\nx: " + b"y" * 3 * HEAD_BYTES,
        CHUNKED + b"1;" + b"y" * 3 * HEAD_BYTES,
    ],
)
def test_what_is_around_a_body_is_limited_too(given: bytes) -> None:
    async def work(client: Client) -> None:
        for at in range(0, len(given), 10_000):
            client.say(given[at : at + 10_000])
        assert (await client.answer()).status == 431
        assert await client.closed()

    with_client(work)


def test_a_body_may_come_in_many_small_chunks() -> None:
    given = CHUNKED + 5000 * b"1\r\na\r\n" + b"0\r\n\r\n"
    assert ask(application(), given).body == b"a" * 5000


def test_the_time_in_which_a_client_was_not_let_write_is_not_its_own() -> None:
    async def work(client: Client) -> None:
        body = b"x" * 100_000
        client.say(2 * request("POST", "/slow", b"1") + request("POST", "/echo", body)[:-1])
        for _ in range(2):
            assert (await client.answer()).body == b"1"
        client.say(body[:1])
        assert (await client.answer()).body == body

    with_client(work, app=application(body_seconds=0.3))


def test_who_says_nothing_after_a_large_answer_is_not_waited_for() -> None:
    async def work(client: Client) -> None:
        client.say(request("GET", "/large", headers={"connection": "close"}))
        assert len((await client.answer()).body) == len(LARGE)
        assert await client.closed()

    with_client(work)


def test_what_a_client_said_is_forgotten_when_it_goes() -> None:
    async def work() -> None:
        async with served(application()) as server:
            gone = [await server.connect() for _ in range(3)]
            for one in gone:
                one.say(request("POST", "/echo", b"x" * 1000)[:-1])
            await asyncio.sleep(0.05)
            gc.collect()
            gc.disable()
            for one in gone:
                one.writer.transport.abort()
            gone.clear()
            await asyncio.sleep(0.05)
            held = [one for one in gc.get_objects() if type(one) is Exchange]
            assert held == []

    try:
        run(work())
    finally:
        gc.enable()


def test_at_the_end_what_is_under_way_is_answered_and_the_rest_closed() -> None:
    async def work() -> None:
        async with served(application()) as server:
            busy, idle = await server.connect(), await server.connect()
            idle.say(request("GET", "/things"))
            await idle.answer()
            busy.say(request("POST", "/slow", b"1"))
            await asyncio.sleep(0.02)
            draining = asyncio.create_task(server.listener.drained(10.0))
            assert await idle.closed()
            found = await busy.answer()
            assert (found.body, found.headers["connection"]) == (b"1", "close")
            assert await busy.closed()
            busy.writer.close()
            await asyncio.wait_for(draining, 5)
            with pytest.raises(OSError, match="refused"):
                await server.connect()

    run(work())


def test_one_connection_gets_one_answer_a_turn() -> None:
    count, turns, answers = 300, 0, list[int]()

    def note(_: Request) -> Response:
        answers.append(turns)
        return Response(b"")

    async def work() -> None:
        nonlocal turns
        async with served(App((Route("GET", "/note", note),), limits=Limits())) as server:
            client = await server.connect()
            client.say(request("GET", "/note") * count)
            while len(answers) < count:
                turns += 1
                await asyncio.sleep(0)
            for _ in range(count):
                await client.answer()

    run(work())
    assert max(Counter(answers).values()) <= 2


def test_a_client_that_neither_writes_nor_reads_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answers are more than the system holds for it, and less than is a reason to wait."""
    monkeypatch.setattr("towpath.web.wire.connection.READ_SECONDS", 0.3)
    app = App((Route("GET", "/some", lambda _: Response(b"x" * 30_000)),), limits=Limits())

    async def work() -> None:
        async with served(app, most=1) as server:
            greedy = await server.connect()
            greedy.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it can
            greedy.say(request("GET", "/some") * 400)
            greedy.end()
            other = await server.connect()
            other.say(request("GET", "/some"))
            assert (await other.answer()).status == 200

    run(work())


@pytest.mark.parametrize("kind", [{}, {"queued": True}, {"threads": "some"}])
def test_an_answer_that_cannot_be_written_costs_its_own_connection_alone(
    kind: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def odd(given: Request) -> Response:
        headers = () if given.body == b"good" else (("x-odd", "\N{SNOWMAN}"),)
        return Response(given.body, headers=headers)

    app = App((Route("POST", "/odd", odd, **kind),), limits=Limits(threads=1, waiting=1))

    async def work() -> None:
        async with served(app) as server:
            for _ in range(4):
                broken, good = await server.connect(), await server.connect()
                broken.say(request("POST", "/odd", b"bad"))
                assert await broken.closed()
                good.say(request("POST", "/odd", b"good"))
                assert (await good.answer()).body == b"good"

    run(work())
    assert "cannot be sent" in caplog.text


def test_a_slow_body_of_what_is_refused_already_is_told_why() -> None:
    async def work(client: Client) -> None:
        client.say(request("POST", "/nothing", b"123")[:-1])
        assert (await client.answer()).status == 404
        assert await client.closed()

    with_client(work, app=application(body_seconds=0.05))


def test_who_asks_whether_to_send_a_body_behind_another_request_is_told() -> None:
    async def work(client: Client) -> None:
        asks = {"expect": "100-continue", "content-length": "3"}
        client.say(request("POST", "/slow", b"1") + request("POST", "/echo", headers=asks))
        assert (await client.answer()).body == b"1"
        assert (await client.answer()).status == 100
        client.say(b"abc")
        assert (await client.answer()).body == b"abc"

    with_client(work)


def test_empty_lines_keep_no_connection_open() -> None:
    async def work(client: Client) -> None:
        for _ in range(100):
            client.say(b"\r\n")
            await asyncio.sleep(0.02)
            if client.reader.at_eof():
                return
        pytest.fail("it is still open")

    with_client(work, app=application(head_seconds=0.2))


def test_a_burst_is_let_in_while_the_server_has_nothing_else_to_do() -> None:
    async def work() -> None:
        async with served(application()) as server:
            clients = [await server.connect() for _ in range(60)]
            await asyncio.sleep(0.1)
            for one in clients:
                one.say(request("POST", "/echo", b"1"))
            assert [(await one.answer()).status for one in clients] == [200] * 60

    run(work())
