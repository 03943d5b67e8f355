from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.web.client import run

from towpath.core.errors import Unavailable
from towpath.web.admission import BYTES_TOGETHER, MOST_TOGETHER, Admission, Waiting
from towpath.web.message import Request, Response
from towpath.web.route import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

ALONE = Route("POST", "/alone", lambda _: Response(b""))
TOGETHER = Route(
    "POST", "/together", lambda _: Response(b""), together=lambda given: [None] * len(given)
)


class Asker:
    """Waits for an answer, or does not."""

    def __init__(self, *, gone: bool = False) -> None:
        self.gone = gone

    def reply(self, response: Response) -> None:
        raise NotImplementedError


def waiting(route: Route, name: int, *, gone: bool = False, size: int = 0) -> Waiting:
    body = str(name).encode().ljust(size)
    return Waiting(route, Request("POST", route.path, body), Asker(gone=gone))


def done(
    pieces: Sequence[Waiting], *, limit: int = 1000, turn_seconds: float = 60.0
) -> list[list[int]]:
    """Let pieces in at one time; return the names of what was done together."""
    found: list[list[int]] = []

    def work(some: Sequence[Waiting]) -> None:
        found.append([int(one.request.body) for one in some])

    async def letting() -> None:
        queue = Admission(work, limit=1000, turn_seconds=turn_seconds)
        for one in pieces:
            queue.add(one)
        while queue.waiting:
            await asyncio.sleep(0)

    run(letting())
    return found


@pytest.mark.parametrize("turn_seconds", [0.0, 60.0])
@pytest.mark.parametrize("route", [ALONE, TOGETHER])
def test_work_is_done_in_the_order_of_arrival(route: Route, turn_seconds: float) -> None:
    pieces = [waiting(route, name) for name in range(100)]
    found = done(pieces, turn_seconds=turn_seconds)
    assert [name for some in found for name in some] == [*range(100)]


def test_what_arrives_together_is_done_together_and_the_rest_alone() -> None:
    routes = [TOGETHER, TOGETHER, ALONE, ALONE, TOGETHER]
    found = done([waiting(route, name) for name, route in enumerate(routes)])
    assert found == [[0, 1], [2], [3], [4]]


def test_so_many_are_done_together_and_so_much() -> None:
    assert (
        len(done([waiting(TOGETHER, name) for name in range(MOST_TOGETHER + 1)])[0])
        == MOST_TOGETHER
    )
    large = [waiting(TOGETHER, name, size=BYTES_TOGETHER // 2) for name in range(5)]
    assert done(large) == [[0, 1], [2, 3], [4]]
    assert done([waiting(TOGETHER, name, size=2 * BYTES_TOGETHER) for name in range(2)]) == [
        [0],
        [1],
    ]


def test_who_has_gone_is_left_out() -> None:
    gone = [waiting(TOGETHER, name, gone=name != 2) for name in range(4)]
    assert done([*gone, waiting(ALONE, 5, gone=True), waiting(ALONE, 6)]) == [[2], [6]]


def test_the_loop_gets_a_turn_between_pieces_that_take_their_time() -> None:
    turns: list[str] = []

    async def letting() -> None:
        loop = asyncio.get_running_loop()

        def work(some: Sequence[Waiting]) -> None:
            turns.append("work")
            loop.call_soon(turns.append, "loop")

        queue = Admission(work, limit=10, turn_seconds=0.0)
        for name in range(4):
            queue.add(waiting(ALONE, name))
        while queue.waiting:
            await asyncio.sleep(0)

    run(letting())
    assert ("work", "work") not in pairwise(turns)


def test_what_does_not_fit_the_queue_is_refused_while_work_is_done_and_then_let_in() -> None:
    found: list[int] = []

    async def letting() -> None:
        queue = Admission(lambda some: found.append(len(some)), limit=2, turn_seconds=0.0)
        for name in range(5):
            # Nothing is done yet: all that arrive at one moment are let in.
            queue.add(waiting(ALONE, name))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="2 requests wait"):
            queue.add(waiting(ALONE, 5))
        with pytest.raises(Unavailable):
            queue.check()
        while queue.waiting:
            await asyncio.sleep(0)
        queue.add(waiting(ALONE, 6))
        while queue.waiting:
            await asyncio.sleep(0)

    run(letting())
    assert found == [1] * 6
