from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest
from tests.web.client import run

from towpath.web.problem import Busy
from towpath.web.threads import Threads


@pytest.mark.parametrize("waiting", [None, 3])
def test_so_much_runs_at_once_so_much_waits_and_the_rest_is_refused(waiting: int | None) -> None:
    free = threading.Event()
    limit, more = 2, 2 if waiting is None else waiting

    async def running() -> list[str]:
        threads, done = Threads(limit, waiting=waiting), list[str]()
        for name in range(limit + more):
            threads.run(partial(_wait, free, str(name)), done.append)
        with pytest.raises(Busy, match=f"{more} requests wait"):
            threads.run(partial(_wait, free, "refused"), done.append)
        assert (threads.running, threads.waiting) == (limit + more, more)
        free.set()
        while threads.running:
            await asyncio.sleep(0.001)
        threads.run(partial(_wait, free, "later"), done.append)
        while threads.running:
            await asyncio.sleep(0.001)
        return done

    found = run(running())
    assert sorted(found[:-1]) == [str(name) for name in range(limit + more)]
    assert found[-1] == "later"


def test_it_ends_on_the_loop_which_turns_meanwhile() -> None:
    async def running() -> tuple[str, str]:
        threads, free, where = Threads(1), threading.Event(), list[str]()

        def done(worked: str) -> None:
            where.extend((worked, threading.current_thread().name))

        def work() -> str:
            free.wait(10)
            return threading.current_thread().name

        threads.run(work, done)
        await asyncio.sleep(0)
        free.set()
        while not where:
            await asyncio.sleep(0.001)
        return where[0], where[1]

    worked, ended = run(running())
    assert worked.startswith("request")
    assert ended == threading.current_thread().name


def _wait(free: threading.Event, name: str) -> str:
    free.wait(10)
    return name
