"""A small disk that fills up while a lake is written to it."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.faults.fault import Trial
from tests.faults.lake_work import EMPTY, after, do, doubled, open_lake, same, stored

from towpath.core.errors import TowpathError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    from tests.faults.lake_work import Work

MEGABYTES = 4
SIZE = 20_000
MOST = 200


@contextmanager
def small_disk(folder: Path, megabytes: int = MEGABYTES) -> Iterator[str]:
    """Mount a file system of a few megabytes; yield why that cannot be, or nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m"]
    command = [shutil.which("mount") or "mount", *options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        refused = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError as error:
        refused = str(error)
    try:
        yield refused
    finally:
        if not refused:
            subprocess.run([shutil.which("umount") or "umount", "-l", str(folder)], check=True)


def filled(folder: Path, *, ballast: int) -> Trial:
    """Append and merge until the disk is full, free some of it, and go on.

    Args:
        folder: on a small disk.
        ballast: bytes that are freed after it was full; they move the moment at which it is.
    """
    heavy = folder / "ballast"
    heavy.write_bytes(bytes(ballast))
    rows, number, notes = _until_full(folder)
    heavy.unlink()
    started = time.perf_counter()
    try:
        db, lake = open_lake(folder)
        do(lake, _work(number), number, SIZE)
        found = stored(lake)
        db.close()
    except TowpathError as error:
        return Trial(acknowledged=number, corrupt=1, notes=(*notes, repr(error)))
    then = after(rows, _work(number), number, SIZE)
    notes += [] if same(found, then) else [f"{found.num_rows} rows instead of {then.num_rows}"]
    return Trial(
        acknowledged=number,
        lost=int(found.num_rows < then.num_rows),
        duplicated=max(0, doubled(found) - doubled(then)),
        corrupt=len(notes),
        recovered_seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )


def _until_full(folder: Path) -> tuple[pa.Table, int, list[str]]:
    """Write until a clean error; tell the rows that must be there, and what is wrong."""
    db, lake = open_lake(folder)
    rows = EMPTY
    for number in range(MOST):
        try:
            do(lake, _work(number), number, SIZE)
        except Unavailable:
            break
        rows = after(rows, _work(number), number, SIZE)
    else:
        return rows, MOST, ["the disk was never full"]
    try:
        notes = [] if same(stored(lake), rows) else ["rows are not those acknowledged"]
    except TowpathError as error:
        notes = [f"cannot be read while the disk is full: {error}"]
    db.close()
    return rows, number, notes


def _work(number: int) -> Work:
    return "merge" if number % 3 == 2 else "append"
