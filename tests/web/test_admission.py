from __future__ import annotations

import asyncio

import pytest

from towpath.core.errors import Unavailable
from towpath.web.admission import Admission


async def work(admission: Admission, name: str, done: list[str]) -> None:
    async with admission:
        done.append(name)


def test_work_is_done_in_the_order_of_arrival() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        admission = Admission(limit=10)
        await asyncio.gather(*(work(admission, str(at), done) for at in range(8)))
        return done

    assert asyncio.run(run()) == [str(at) for at in range(8)]


def test_what_does_not_fit_the_queue_is_refused_and_the_rest_served() -> None:
    async def run() -> list[BaseException | None]:
        admission = Admission(limit=2)
        tasks = (work(admission, "", []) for _ in range(5))
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())
    assert outcomes[:3] == [None, None, None]
    assert all(isinstance(one, Unavailable) for one in outcomes[3:])


def test_work_that_fails_passes_its_turn_on() -> None:
    async def broken(admission: Admission) -> None:
        async with admission:
            raise ValueError

    async def run() -> list[str]:
        done: list[str] = []
        admission = Admission(limit=2)
        await asyncio.gather(
            broken(admission), work(admission, "next", done), return_exceptions=True
        )
        await work(admission, "last", done)
        return done

    assert asyncio.run(run()) == ["next", "last"]


def test_client_that_leaves_the_queue_holds_no_turn() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        admission = Admission(limit=3)
        await admission.__aenter__()
        gone = asyncio.create_task(work(admission, "gone", done))
        stays = asyncio.create_task(work(admission, "stays", done))
        await asyncio.sleep(0)
        gone.cancel()
        await admission.__aexit__(None, None, None)
        await stays
        return done

    assert asyncio.run(run()) == ["stays"]


def test_turn_given_to_a_client_that_left_goes_to_the_next() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        admission = Admission(limit=3)
        await admission.__aenter__()
        gone = asyncio.create_task(work(admission, "gone", done))
        stays = asyncio.create_task(work(admission, "stays", done))
        await asyncio.sleep(0)
        await admission.__aexit__(None, None, None)
        asyncio.get_running_loop().call_soon(gone.cancel)
        await asyncio.wait_for(stays, 5)
        return done

    assert asyncio.run(run())[-1] == "stays"


def test_full_queue_is_seen_before_the_body_is_read() -> None:
    async def run() -> None:
        admission = Admission(limit=1)
        await admission.__aenter__()
        waiting = asyncio.create_task(work(admission, "", []))
        await asyncio.sleep(0)
        try:
            admission.check()
        finally:
            await admission.__aexit__(None, None, None)
            await waiting

    with pytest.raises(Unavailable, match="1 requests wait"):
        asyncio.run(run())
