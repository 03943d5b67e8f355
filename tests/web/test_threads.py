from __future__ import annotations

import asyncio
import threading

from towpath.web.problem import Busy
from towpath.web.threads import Threads


def test_so_much_runs_at_once_so_much_waits_and_the_rest_is_refused() -> None:
    free = threading.Event()

    async def run() -> list[object]:
        threads = Threads(2)
        tasks = [asyncio.create_task(threads.run(free.wait)) for _ in range(6)]
        await asyncio.sleep(0.05)
        free.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(run())
    assert found[:4] == [True] * 4
    assert [type(one) for one in found[4:]] == [Busy, Busy]


def test_another_number_may_wait() -> None:
    free = threading.Event()

    async def run() -> list[object]:
        threads = Threads(1, waiting=3)
        tasks = [asyncio.create_task(threads.run(free.wait)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert threads.waiting == 3
        free.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in asyncio.run(run())] == [bool] * 4 + [Busy]


def test_the_loop_turns_meanwhile() -> None:
    async def run() -> str:
        threads, free = Threads(1), threading.Event()
        waiting = asyncio.create_task(threads.run(lambda: free.wait(10)))
        await asyncio.sleep(0)
        free.set()
        await waiting
        return "turned"

    assert asyncio.run(run()) == "turned"
