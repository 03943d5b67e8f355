from __future__ import annotations

import asyncio
from functools import partial

import pytest

from towpath.core.errors import Unavailable
from towpath.web.admission import Admission


def admission(limit: int) -> Admission:
    """One in which the loop gets a turn after each piece of work."""
    return Admission(limit=limit, turn_seconds=0.0)


async def work(queue: Admission, name: str, done: list[str]) -> None:
    await queue.run(partial(done.append, name))


async def busy(queue: Admission) -> None:
    """Leave the queue closed until the loop has had its turn."""
    await queue.run(lambda: None)


@pytest.mark.parametrize("turn_seconds", [0.0, 60.0])
def test_work_is_done_in_the_order_of_arrival(turn_seconds: float) -> None:
    async def run() -> list[str]:
        done: list[str] = []
        queue = Admission(limit=10, turn_seconds=turn_seconds)
        await asyncio.gather(*(work(queue, str(at), done) for at in range(8)))
        return done

    assert asyncio.run(run()) == [str(at) for at in range(8)]


def test_short_work_shares_a_turn() -> None:
    async def run() -> int:
        queue = Admission(limit=0, turn_seconds=60.0)
        await busy(queue)
        await asyncio.sleep(0)
        await asyncio.gather(*(work(queue, "", []) for _ in range(50)))
        return queue.waiting

    assert asyncio.run(run()) == 0


def test_what_does_not_fit_the_queue_is_refused_and_the_rest_served() -> None:
    async def run() -> list[BaseException | None]:
        queue = admission(2)
        tasks = (work(queue, "", []) for _ in range(5))
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())
    assert outcomes[:3] == [None, None, None]
    assert all(isinstance(one, Unavailable) for one in outcomes[3:])


def test_work_that_fails_passes_its_turn_on() -> None:
    def broken() -> None:
        raise ValueError

    async def run() -> list[str]:
        done: list[str] = []
        queue = admission(2)
        await asyncio.gather(queue.run(broken), work(queue, "next", done), return_exceptions=True)
        await work(queue, "last", done)
        return done

    assert asyncio.run(run()) == ["next", "last"]


def test_client_that_leaves_the_queue_holds_no_turn() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        queue = admission(3)
        await busy(queue)
        gone = asyncio.create_task(work(queue, "gone", done))
        stays = asyncio.create_task(work(queue, "stays", done))
        gone.cancel()
        await stays
        return done

    assert asyncio.run(run()) == ["stays"]


def test_turn_given_to_a_client_that_left_goes_to_the_next() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        queue = admission(3)
        gone = asyncio.create_task(work(queue, "gone", done))
        stays = asyncio.create_task(work(queue, "stays", done))
        await busy(queue)
        asyncio.get_running_loop().call_soon(gone.cancel)
        await asyncio.wait_for(stays, 5)
        return done

    assert asyncio.run(run())[-1] == "stays"


def test_full_queue_is_seen_before_the_body_is_read() -> None:
    async def run() -> None:
        queue = admission(1)
        waiting = asyncio.create_task(work(queue, "", []))
        await busy(queue)
        asyncio.get_running_loop().call_soon(lambda: None)
        queue_full = asyncio.create_task(work(queue, "", []))
        try:
            await asyncio.sleep(0)
            queue.check()
        finally:
            await asyncio.gather(waiting, queue_full)

    with pytest.raises(Unavailable, match="1 requests wait"):
        asyncio.run(run())
