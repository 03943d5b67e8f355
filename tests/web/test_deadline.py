from __future__ import annotations

import asyncio

import pytest

from towpath.web.deadline import Deadline


def test_only_what_is_late_is_given_up() -> None:
    async def run() -> list[object]:
        deadline = Deadline(0.2)
        waits = [deadline.within(asyncio.sleep(time, "done")) for time in (0.0, 0.01, 60.0, 60.0)]
        return await asyncio.gather(*waits, return_exceptions=True)

    found = asyncio.run(run())
    assert found[:2] == ["done", "done"]
    assert [type(one) for one in found[2:]] == [TimeoutError, TimeoutError]


def test_a_task_that_is_cancelled_otherwise_stays_cancelled() -> None:
    async def run() -> None:
        task = asyncio.create_task(Deadline(60.0).within(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_a_task_may_wait_again_after_it_was_late() -> None:
    async def run() -> str:
        deadline = Deadline(0.05)
        with pytest.raises(TimeoutError):
            await deadline.within(asyncio.sleep(60))
        return await deadline.within(asyncio.sleep(0.001, "done"))

    assert asyncio.run(run()) == "done"
