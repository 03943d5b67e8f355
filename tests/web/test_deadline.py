from __future__ import annotations

import asyncio

import pytest

from towpath.web.deadline import Deadline


async def wait(deadline: Deadline, seconds: float) -> str:
    """Wait within a limit, and tell whether it was kept."""
    begun = deadline.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if not deadline.is_late(begun):
            raise
        return "late"
    else:
        return "done"
    finally:
        deadline.end(begun)


def test_only_what_is_late_is_given_up() -> None:
    async def run() -> list[str]:
        deadline = Deadline(0.2)
        return await asyncio.gather(*(wait(deadline, time) for time in (0.0, 0.01, 60.0, 60.0)))

    assert asyncio.run(run()) == ["done", "done", "late", "late"]


def test_a_task_that_is_cancelled_otherwise_stays_cancelled() -> None:
    async def run() -> None:
        task = asyncio.create_task(wait(Deadline(60.0), 60))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_a_task_may_wait_again_after_it_was_late() -> None:
    async def run() -> list[str]:
        deadline = Deadline(0.05)
        return [await wait(deadline, 60), await wait(deadline, 0.001)]

    assert asyncio.run(run()) == ["late", "done"]
