"""Processes that write a lake, killed at random moments, stopped, or many at once."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.faults.command import moments
from tests.faults.fault import Trial
from tests.faults.lake_work import (
    EMPTY,
    after,
    batch,
    do,
    doubled,
    open_lake,
    rejected,
    same,
    stored,
)

from towpath.core.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    import pyarrow as pa
    from tests.faults.lake_work import Work

SIZE = 20_000
SMALL = 200
FILES = 8
WRITERS = 4
BATCHES = 15
LEASE_SECONDS = 0.3
# Kills reach beyond the usual end, so that the last moments before it are met too.
BEYOND = 1.4

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.faults.lake_work"])


def kills(folder: Path, work: Work, points: int, *, seed: int) -> list[Trial]:
    """Kill one kind of work at so many moments; each time it is tried again.

    The same table takes all the kills, so that what they leave lying about piles up.
    """
    shutil.rmtree(folder, ignore_errors=True)
    rows, usual = EMPTY, 0.0
    for number in range(2):
        rows = _prepared(folder, work, number, rows)
        usual = _run(folder, work, number, None)[0]
        rows = after(rows, work, number, SIZE)
    trials = []
    for number, moment in enumerate(moments(points, usual * BEYOND, seed=seed), start=2):
        rows = _prepared(folder, work, number, rows)
        _, acknowledged = _run(folder, work, number, moment)
        found = _tried_again(folder, work, number, rows, acknowledged=acknowledged)
        notes = tuple(f"{work} killed after {moment:.4f} s: {note}" for note in found.notes)
        trials.append(found.replace(notes=notes))
        rows = after(rows, work, number, SIZE)
    return trials


def stops(folder: Path, points: int, *, seed: int) -> list[Trial]:
    """Stop an append at so many moments, let another writer overtake it, and wake it."""
    shutil.rmtree(folder, ignore_errors=True)
    usual = _run(folder, "append", 0, None)[0]
    trials, held = [], [0]
    for number, moment in enumerate(moments(points, usual * BEYOND, seed=seed), start=1):
        process, ready = _start(folder, "append", 2 * number - 1)
        time.sleep(moment)
        _send(process, signal.SIGSTOP)
        seconds = _overtake(folder, 2 * number, process)
        said = ready.recv()
        process.join()
        done = [2 * number, *([2 * number - 1] if said == "done" else [])]
        held += done
        db, lake = open_lake(folder)
        found = _counted(stored(lake), held, SIZE)
        trials.append(found.replace(acknowledged=len(done), recovered_seconds=seconds))
        db.close()
    return trials


def _overtake(folder: Path, number: int, stopped: ForkServerProcess) -> float:
    """Write in place of a stopped process, wake that, and return the seconds it took.

    One that is stopped while it holds the catalog itself keeps everybody waiting; they are told.
    """
    started = time.perf_counter()
    with suppress(Unavailable):
        _append(folder, number)
    _send(stopped, signal.SIGCONT)
    _append(folder, number)
    return time.perf_counter() - started


def _append(folder: Path, number: int) -> None:
    db, lake = open_lake(folder, lease_seconds=LEASE_SECONDS)
    do(lake, "append", number, SIZE)
    db.close()


def crowds(folder: Path, rounds: int) -> list[Trial]:
    """Let four processes append and merge into one table at once, each keys of its own."""
    trials = []
    for _ in range(rounds):
        shutil.rmtree(folder, ignore_errors=True)
        started = time.perf_counter()
        writers = [_start(folder, "append", number, crowd=True) for number in range(WRITERS)]
        for process, _ in writers:
            process.join()
        said = [ready.recv() for _, ready in writers]
        db, lake = open_lake(folder)
        numbers = [one for told in said for one in told if isinstance(one, int)]
        found = _counted(stored(lake), numbers, SMALL)
        db.close()
        errors = tuple(one for told in said for one in told if isinstance(one, str))
        trials.append(
            found.replace(
                recovered_seconds=time.perf_counter() - started,
                corrupt=found.corrupt + len(errors),
                notes=(*found.notes, *errors),
            )
        )
    return trials


def _prepared(folder: Path, work: Work, number: int, rows: pa.Table) -> pa.Table:
    """Give compaction small files to join."""
    if work != "compact":
        return rows
    db, lake = open_lake(folder)
    for place in range(number * FILES, (number + 1) * FILES):
        do(lake, "append", place, SMALL)
        rows = after(rows, "append", place, SMALL)
    db.close()
    return rows


def _run(folder: Path, work: Work, number: int, moment: float | None) -> tuple[float, bool]:
    """Run one piece of work, killed at a moment; tell the seconds and whether it was done."""
    process, ready = _start(folder, work, number)
    started = time.perf_counter()
    if moment is not None:
        time.sleep(moment)
        process.kill()
    process.join()
    return time.perf_counter() - started, _said(ready) == "done"


def _send(process: ForkServerProcess, signal_number: int) -> None:
    """Signal a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(process.pid or 0, signal_number)


def _said(ready: Connection) -> object:
    """Return what a process told before it ended, if anything."""
    try:
        return ready.recv()
    except EOFError:
        return None


def _start(
    folder: Path, work: Work, number: int, *, crowd: bool = False
) -> tuple[ForkServerProcess, Connection]:
    """Start a process and wait until it is about to write."""
    ready, its_end = FORKSERVER.Pipe(duplex=False)
    target = _many if crowd else _once
    process = FORKSERVER.Process(target=target, args=(folder, work, number, its_end))
    process.start()
    its_end.close()
    assert ready.recv() == "ready"
    return process, ready


def _once(folder: Path, work: Work, number: int, ready: Connection) -> None:
    db, lake = open_lake(folder, lease_seconds=LEASE_SECONDS)
    ready.send("ready")
    try:
        do(lake, work, number, SIZE)
        ready.send("done")
    except Conflict as error:
        ready.send(str(error))
    db.close()


def _many(folder: Path, _: Work, number: int, ready: Connection) -> None:
    """Write batches whose keys no other process has; a conflict is told, with its type."""
    db, lake = open_lake(folder)
    ready.send("ready")
    told: list[int | str] = []
    for place in range(BATCHES):
        one = WRITERS * 2 * place + 2 * number
        try:
            do(lake, "merge" if place % 3 == 2 else "append", one, SMALL)
            told.append(one)
        except Conflict as error:
            told.append(f"Conflict: {error}")
    ready.send(told)
    db.close()


def _tried_again(
    folder: Path, work: Work, number: int, before: pa.Table, *, acknowledged: bool
) -> Trial:
    """Look at the rows, take the work again, and look once more."""
    then = after(before, work, number, SIZE)
    started = time.perf_counter()
    db, lake = open_lake(folder)
    found = stored(lake)
    notes = [] if same(found, then) or same(found, before) else ["neither old nor new"]
    lost = int(acknowledged and not same(found, then))
    do(lake, work, number, SIZE)
    rows, set_aside = stored(lake), rejected(lake).num_rows
    seconds = time.perf_counter() - started
    db.close()
    notes += [] if same(rows, then) else [f"{rows.num_rows} rows instead of {then.num_rows}"]
    aside = number * (SIZE // 2) if work == "ingest" else 0
    if set_aside != aside:
        notes.append(f"{set_aside} rows set aside instead of {aside}")
    return Trial(
        acknowledged=1 + acknowledged,
        lost=lost,
        duplicated=max(0, doubled(rows) - doubled(then)),
        corrupt=len(notes),
        recovered_seconds=seconds,
        notes=tuple(notes),
    )


def _counted(rows: pa.Table, numbers: list[int], size: int) -> Trial:
    """Hold the rows against the batches that were acknowledged, in whatever order."""
    found = Counter((row["id"], row["value"]) for row in rows.to_pylist())
    wanted = [row for one in numbers for row in _rows(one, size)]
    lost = sum(row not in found for row in wanted)
    unknown = len(found) - len(set(wanted) & set(found))
    return Trial(
        acknowledged=len(numbers),
        lost=lost,
        duplicated=rows.num_rows - len(found),
        corrupt=int(unknown > 0),
        notes=(f"{unknown} rows of no acknowledged batch",) if unknown else (),
    )


def _rows(number: int, size: int) -> list[tuple[int, int]]:
    rows = batch(number, size)
    return [(row["id"], row["value"]) for row in rows.to_pylist()]
