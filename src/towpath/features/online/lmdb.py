"""Online values in LMDB files: an immutable file a generation, a pointer to the present one."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

import lmdb

from towpath.core.durable import sync_file, write_durably
from towpath.core.errors import Denied, NotFound, TowpathError, Unavailable
from towpath.core.lock import locked
from towpath.core.settings import local_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Any

    from towpath.features.online import Buffer

POINTER = "current"
LOCK = "lock"
LOCK_SECONDS = 600.0
# Address space, not disk: the file only grows as it is written.
MAP_BYTES = 1 << 36
# LMDB keeps larger values in pages of their own, where they are aligned; smaller ones are copied.
COPIED_BYTES = 4096
OPEN_ATTEMPTS = 20
RETRY_SECONDS = 0.001
# How long a write by another process may go unseen: a look at the pointer costs as much as a read.
TRUSTED_SECONDS = 0.05

Stamp = tuple[int, int]


class Generation:
    """An open file of one generation: it never changes, so a reader keeps its snapshot."""

    def __init__(self, path: Path) -> None:
        """Open the file for reading."""
        self.environment = lmdb.open(
            str(path), subdir=False, readonly=True, lock=False, max_dbs=2, create=False
        )
        self.rows = self.environment.open_db(b"rows", create=False)
        self.about = self.environment.open_db(b"meta", create=False)


class Snapshot(NamedTuple):
    """What a thread reads from: valid until a time of the monotonic clock, or a write from here."""

    generation: Generation
    transaction: lmdb.Transaction
    stamp: Stamp
    until: float
    writes: int


# LMDB opens a file once in a process, so stores share what is open.
GUARD = threading.Lock()
OPEN: WeakValueDictionary[str, Generation] = WeakValueDictionary()


class LmdbStore:
    """Keeps each view in a folder of its own; see ``OnlineStore`` for what it promises.

    Args:
        url: such as ``lmdb:.towpath/online``; the path is taken from ``root``.
        root: the project's folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = LmdbStore("lmdb:online", Path(folder))
        ...     store.write("car", [(b"a", b"1")], b"{}")
        ...     found = store.read("car", [b"a", b"b"])
        ...     store.close()
        >>> found
        [b'1', None]
    """

    def __init__(self, url: str, root: Path) -> None:
        self._folder = local_path(url, root).resolve()
        self._forget()

    def write(self, view: str, rows: Iterable[tuple[bytes, bytes]], meta: bytes) -> None:
        """Write a new file aside, sync it, then point to it."""
        self._replace(view, rows, meta, keep=False)

    def update(self, view: str, rows: Iterable[tuple[bytes, bytes]], meta: bytes) -> None:
        """Write a copy of the present file aside, with the rows in it, then point to it."""
        self._replace(view, rows, meta, keep=True)

    def read(self, view: str, keys: Sequence[bytes]) -> list[Buffer | None]:
        """Return the values of the keys from the present generation."""
        snapshot = self._reading(view)
        get, rows = snapshot.transaction.get, snapshot.generation.rows
        found: list[Buffer | None] = [get(key, None, rows) for key in keys]
        return [
            value if value is None or len(value) >= COPIED_BYTES else bytes(value)
            for value in found
        ]

    def meta(self, view: str) -> bytes | None:
        """Return the text written with the present generation."""
        try:
            snapshot = self._reading(view)
        except NotFound:
            return None
        meta: Any = snapshot.transaction.get(b"meta", None, snapshot.generation.about)
        return bytes(meta)

    def drop(self, view: str) -> None:
        """Remove the pointer first, then the files."""
        folder = self._folder / view
        if not folder.is_dir():
            return
        with locked(folder / LOCK, wait_seconds=LOCK_SECONDS):
            (folder / POINTER).unlink(missing_ok=True)
            sync_file(folder)
            self._writes += 1
            _remove_all_but(folder, "")

    def close(self) -> None:
        """Let go of all files; each closes once no thread reads it."""
        self._forget()

    def _replace(
        self, view: str, rows: Iterable[tuple[bytes, bytes]], meta: bytes, *, keep: bool
    ) -> None:
        """Publish a new generation, which may begin as a copy of the present one."""
        folder = self._folder / view
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with locked(folder / LOCK, wait_seconds=LOCK_SECONDS):
                current = _current(folder)
                _remove_all_but(folder, current)
                path = folder / f"{secrets.token_hex(8)}.lmdb"
                _write_file(path, rows, meta, start=folder / current if keep and current else None)
                write_durably(folder / POINTER, path.name.encode())
                self._writes += 1
                _remove_all_but(folder, path.name)
        except (OSError, lmdb.Error) as error:
            raise _explained(error, folder) from error

    def _forget(self) -> None:
        """Start with nothing open, as owned by this process."""
        self._pid = os.getpid()
        self._writes = 0
        self._local = threading.local()

    def _reading(self, view: str) -> Snapshot:
        """Return this thread's snapshot of the view's present generation."""
        if self._pid != os.getpid():
            self._forget()
        held: dict[str, Snapshot] = self._local.__dict__
        mine, now = held.get(view), time.monotonic()
        if mine is not None and now < mine.until and mine.writes == self._writes:
            return mine
        writes, stamp = self._writes, self._stamp(view)
        if mine is None or mine.stamp != stamp:
            mine = None
            held.pop(view, None)
            generation, stamp = self._generation(view)
            transaction = generation.environment.begin(buffers=True)
            mine = Snapshot(generation, transaction, stamp, 0.0, 0)
        held[view] = mine._replace(until=now + TRUSTED_SECONDS, writes=writes)
        return held[view]

    def _stamp(self, view: str) -> Stamp:
        """Return what changes whenever the pointer is replaced."""
        try:
            found = os.stat(f"{self._folder}/{view}/{POINTER}")  # noqa: PTH116 - on the hot path
        except FileNotFoundError:
            message = f"View {view!r} is not in the online store."
            raise NotFound(message, hint="Materialise it first: towpath run") from None
        return found.st_ino, found.st_mtime_ns

    def _generation(self, view: str) -> tuple[Generation, Stamp]:
        """Open the file that the pointer names, which a writer may replace meanwhile."""
        folder = self._folder / view
        for attempt in range(OPEN_ATTEMPTS):
            stamp = self._stamp(view)
            path = folder / _current(folder)
            try:
                with GUARD:
                    opened = OPEN.get(str(path)) or Generation(path)
                    OPEN[str(path)] = opened
            except lmdb.Error as error:
                # A writer removed the file, or another thread is still closing it.
                if attempt == OPEN_ATTEMPTS - 1:
                    raise _explained(error, folder) from error
                time.sleep(attempt * RETRY_SECONDS)
                continue
            if self._stamp(view) == stamp:
                return opened, stamp
        message = f"View {view!r} is replaced faster than it can be opened."
        raise Unavailable(message, hint="Retry.")


os.register_at_fork(
    before=GUARD.acquire, after_in_parent=GUARD.release, after_in_child=GUARD.release
)


def _write_file(
    path: Path, rows: Iterable[tuple[bytes, bytes]], meta: bytes, *, start: Path | None
) -> None:
    """Fill a new file, or a copy of one, in one transaction and force it to the disk."""
    try:
        if start is not None:
            shutil.copyfile(start, path)
        environment = lmdb.open(
            str(path), subdir=False, lock=False, max_dbs=2, map_size=MAP_BYTES, readahead=False
        )
        with environment:
            stored, about = environment.open_db(b"rows"), environment.open_db(b"meta")
            with environment.begin(write=True) as transaction:
                for key, value in rows:
                    transaction.put(key, value, db=stored)
                transaction.put(b"meta", meta, db=about)
            environment.sync(True)  # noqa: FBT003 - the library takes no keyword here
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    sync_file(path)


def _current(folder: Path) -> str:
    """Return the name of the present generation's file, empty where there is none."""
    pointer = folder / POINTER
    return pointer.read_text() if pointer.exists() else ""


def _remove_all_but(folder: Path, kept: str) -> None:
    """Remove files of other generations; readers that have one open keep their snapshot."""
    for path in folder.iterdir():
        if path.name not in (kept, POINTER, LOCK):
            path.unlink(missing_ok=True)


def _explained(error: Exception, folder: Path) -> TowpathError:
    """Say what an error of the file system or LMDB means for the caller."""
    text = str(error)
    if isinstance(error, lmdb.MapFullError) or "No space" in text:
        message = f"The disk of the online store {folder} is full."
        return Unavailable(message, hint="Free some space and materialise again.")
    message = f"The online store {folder} cannot be used: {text}."
    return Denied(message, hint="Check the path and the permission to write there.")
