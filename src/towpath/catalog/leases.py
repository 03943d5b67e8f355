"""Turns at writing, known to all who share the catalog, with a number that fences off the late.

A lease is a row of the catalog and so works wherever the catalog is shared, on one machine or on
many. Its holder renews it while it works. A holder that died on this machine is noticed at once;
one that gives no sign of life (stopped, or cut off) loses its turn when the lease runs out. Each
turn has a higher number than the one before, and ``confirm``, called inside the transaction that
makes the holder's work count, refuses a holder that has lost its turn.
"""

from __future__ import annotations

import os
import platform
import random
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.errors import Conflict, TowpathError
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.catalog.backend import Row
    from towpath.catalog.database import Database

LEASE_SECONDS = 30.0
POLL_SECONDS = 0.01
FREE = ""
# Turns of this process that are over, though the catalog could not be told: its disk was full.
_over: set[tuple[str, str, int]] = set()
BOOT = Path("/proc/sys/kernel/random/boot_id")


class TurnTaken(Conflict):
    """Another holder kept its turn for longer than the caller would wait."""


class Lease(Record, frozen=True):
    """A turn at something that only one at a time may do.

    Args:
        name: what.
        token: the turn's number, higher than that of every turn before.
        holder: the process and machine.
        abandoned: whether the turn before was never given back, so that its work may lie about.
    """

    name: str
    token: int
    holder: str
    abandoned: bool = False


@contextmanager
def leased(
    db: Database,
    name: str,
    *,
    wait_seconds: float = 60.0,
    lease_seconds: float = LEASE_SECONDS,
    busy: str = "",
) -> Iterator[Lease]:
    """Take a turn, renew it while the block runs, and give it back.

    After an error the turn counts as abandoned: the next one is told to look for what was left.

    Args:
        db: the catalog.
        name: what the turn is at.
        wait_seconds: how long to wait for another holder.
        lease_seconds: how long a holder that gives no sign of life keeps its turn.
        busy: what to tell the user if another keeps it for longer.

    Raises:
        TurnTaken: another holder kept it for longer than ``wait_seconds``.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ...     leased(db, "table/trips") as lease,
        ... ):
        ...     lease.token
        1
    """
    lease = _waited(db, name, wait_seconds, lease_seconds)
    if lease is None:
        message = busy or f"Another process has its turn at {name!r}."
        raise TurnTaken(message, hint="Wait for it to end, or stop it.", name=name)
    stop = threading.Event()
    renewal = threading.Thread(target=_renew, args=(db, lease, lease_seconds, stop), daemon=True)
    renewal.start()
    given_back = False
    try:
        yield lease
        given_back = True
    finally:
        stop.set()
        renewal.join()
        _end(db, lease, FREE if given_back else lease.holder)


def confirm(db: Database, lease: Lease) -> None:
    """Make sure, inside a transaction, that a turn was not lost.

    Until the transaction ends nobody else can take the turn.

    Raises:
        Conflict: another holder has taken its turn meanwhile.
    """
    rows = db.query("SELECT token FROM leases WHERE name = ?", (lease.name,))
    if not rows or rows[0]["token"] != lease.token:
        message = f"Another process took over at {lease.name!r}: this one gave no sign of life."
        raise Conflict(message, hint="Do it again.", name=lease.name)


def give_back(db: Database, lease: Lease) -> None:
    """End a turn early, inside the transaction that makes its work count."""
    with db.transaction() as connection:
        connection.execute(
            "UPDATE leases SET holder = ?, expires_at = 0 WHERE name = ? AND token = ?",
            (FREE, lease.name, lease.token),
        )


def held(db: Database, name: str) -> bool:
    """Tell whether somebody has a turn now."""
    rows = db.query("SELECT * FROM leases WHERE name = ?", (name,))
    return bool(rows) and not _free(db, rows[0])


def _waited(db: Database, name: str, wait_seconds: float, lease_seconds: float) -> Lease | None:
    """Take a turn as soon as it is free; None if that takes too long."""
    deadline = time.monotonic() + wait_seconds
    while held(db, name) or (lease := _taken(db, name, lease_seconds)) is None:
        if time.monotonic() >= deadline:
            return None
        time.sleep(POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
    return lease


def _taken(db: Database, name: str, lease_seconds: float) -> Lease | None:
    """Take a turn if it is free."""
    with db.transaction() as connection:
        row = connection.execute("SELECT * FROM leases WHERE name = ?", (name,)).fetchone()
        if row is not None and not _free(db, row):
            return None
        token = 1 if row is None else int(row["token"]) + 1
        connection.execute(
            "INSERT INTO leases (name, token, holder, expires_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET token = excluded.token,"
            " holder = excluded.holder, expires_at = excluded.expires_at",
            (name, token, _process(os.getpid()), _after(lease_seconds)),
        )
    abandoned = row is not None and row["holder"] != FREE
    return Lease(name, token, _process(os.getpid()), abandoned)


def _renew(db: Database, lease: Lease, seconds: float, stop: threading.Event) -> None:
    """Give a sign of life now and then."""
    while not stop.wait(seconds / 3):
        try:
            with db.transaction() as connection:
                connection.execute(
                    "UPDATE leases SET expires_at = ? WHERE name = ? AND token = ?",
                    (_after(seconds), lease.name, lease.token),
                )
        except TowpathError:
            continue  # The catalog is busy: the next sign comes in time, or the turn is lost.


def _end(db: Database, lease: Lease, holder: str) -> None:
    """Let the next one have its turn; a turn that was lost is not ours to end."""
    try:
        with db.transaction() as connection:
            connection.execute(
                "UPDATE leases SET holder = ?, expires_at = 0 WHERE name = ? AND token = ?",
                (holder, lease.name, lease.token),
            )
    except TowpathError:
        # The work is done or has failed already. For other processes the lease runs out.
        _over.add((db.backend.place, lease.name, lease.token))


def _free(db: Database, row: Row) -> bool:
    """Tell whether a turn can be taken: given back, run out, or its holder is dead."""
    if row["holder"] == FREE or row["expires_at"] <= _after(0):
        return True
    return _dead(row["holder"]) or (db.backend.place, row["name"], row["token"]) in _over


def _after(seconds: float) -> int:
    """Return the wall clock's microseconds, which machines share, some seconds from now."""
    return time.time_ns() // 1000 + int(seconds * 1_000_000)


def _process(pid: int) -> str:
    """Name a process of this machine so that no other, and no later one, has the name."""
    return f"{_machine()} {pid} {_started(pid)}"


def _machine() -> str:
    """Name this machine since it was started, and the processes' own world within it."""
    if not BOOT.exists():
        return platform.node()
    return f"{BOOT.read_text().strip()}/{Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str:
    """Return when a process started, in the system's own count; empty where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _dead(holder: str) -> bool:
    """Tell whether a holder is known to be dead: it is of this machine and gone."""
    machine, pid, started = holder.split(" ")
    return BOOT.exists() and machine == _machine() and _started(int(pid)) != started
