"""Online values in LMDB: a file for each area, changed in place or succeeded by another.

A file that was replaced says so itself, under ``SUCCESSOR``: the name of the file that took its
place, or nothing for a dropped area. That entry is the moment of the replacement, for it is written
while no one else can write the old file; whoever has that open finds it with the next read. The
pointer beside the files only tells where to begin.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, cast
from weakref import WeakSet, WeakValueDictionary

import lmdb

from towpath.core.durable import sync_file
from towpath.core.errors import TowpathError, Unavailable
from towpath.core.settings import local_path
from towpath.features.online import LONGEST_KEY, LONGEST_PART, META_KEY, NO_META, check_replaced
from towpath.features.online.area_folder import AreaFolder, unusable
from towpath.features.online.change import Change
from towpath.features.online.gate import Gate
from towpath.features.online.group_commit import GroupCommits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from towpath.features.online import Buffer, Edit, Item, NewMeta, Row

# Address space, not disk: the file only grows as it is written.
MAP_BYTES = 1 << 36
MAX_READERS = 1024
SPARE_TRANSACTIONS = 16
OPEN_ATTEMPTS = 20
RETRY_SECONDS = 0.001
ROWS_AT_ONCE = 10_000
KEYS_AT_ONCE = 1_000
# From so many on, entries are read by one call.
MANY = 8
AREA_OF = itemgetter(0)
LENGTH_BYTES = 2
LENGTHS = [length.to_bytes(LENGTH_BYTES, "big") for length in range(LONGEST_KEY + 1)]


class Generation:
    """An open file; a process has it open once, however many stores and threads use it."""

    def __init__(self, path: Path) -> None:
        """Open a file that is there, and forget readers that died."""
        self.path = path
        # LMDB would make one.
        path.stat()
        self.environment = lmdb.open(
            str(path),
            subdir=False,
            map_size=MAP_BYTES,
            max_readers=MAX_READERS,
            max_spare_txns=SPARE_TRANSACTIONS,
        )
        self.environment.reader_check()

    def get(self, row: bytes) -> bytes | None:
        """Return one entry."""
        with self.environment.begin() as transaction:
            found: bytes | None = transaction.get(row)
        return found


def _row(key: bytes, part: bytes) -> bytes:
    """Return the name of an entry; a key's entries are side by side."""
    return LENGTHS[len(key)] + key + part


META = _row(META_KEY, b"")
SUCCESSOR = _row(META_KEY, b"successor")
FIRST_KEY = _row(b"\0", b"")
BEYOND_PARTS = b"\xff" * (LONGEST_PART + 1)

GUARD = threading.Lock()
OPEN: WeakValueDictionary[str, Generation] = WeakValueDictionary()
STORES: WeakSet[LmdbStore] = WeakSet()
# Passed by whoever uses an open file.
GATE = Gate()


class LmdbStore:
    """Keeps each area in a folder of its own; see ``OnlineStore`` for what it promises.

    What several threads change at the same time is made durable by one commit.

    Args:
        url: such as ``lmdb:.towpath/online``; the path is taken from ``root``.
        root: the project's folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.features.online import Item
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = LmdbStore("lmdb:online", Path(folder))
        ...     store.write("car", [(b"a", b"", b"1")], b"{}", replaces=None)
        ...     found = store.read([Item("car", b"a"), Item("car", b"b")])
        ...     store.close()
        >>> found
        [b'1', None]
    """

    remote = False

    def __init__(self, url: str, root: Path) -> None:
        self._folder = local_path(url, root).resolve()
        self._held: dict[str, Generation] = {}
        self._groups = GroupCommits(self._commit)
        with GUARD:
            STORES.add(self)

    def write(self, area: str, rows: Iterable[Row], meta: bytes, *, replaces: bytes | None) -> None:
        """Write a new file aside, sync it, and make it the successor of the present one."""
        folder = AreaFolder(self._folder / area)
        with _explained(folder.path):
            folder.make()
            with folder.writing():
                with GATE:
                    present = self._find(area)
                    check_replaced(area, present.get(META) if present else None, replaces)
                path = folder.fresh()
                try:
                    _fill(path, rows, meta)
                    with folder.swapping(), GATE:
                        self._succeed(area, path.name, replaces)
                except BaseException:
                    path.unlink(missing_ok=True)
                    raise

    def change(
        self, area: str, keys: Sequence[bytes], edit: Edit, *, meta: NewMeta | None = None
    ) -> None:
        """Change the keys in place, by one transaction, which other threads' changes may share."""
        with _explained(self._folder / area):
            self._groups.run(area, Change(keys, edit, meta))

    def read(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Return the values of the items, those of an area from one state of it."""
        begun: dict[str, lmdb.Transaction | None] = {}
        found: list[Buffer | None] = []
        with GATE:
            try:
                for area, own in groupby(items, AREA_OF):
                    rows = [LENGTHS[len(key)] + key + part for _, key, part in own]
                    if area not in begun:
                        begun[area] = self._begin(area)
                    found += _values(begun[area], rows)
            except (OSError, lmdb.Error) as error:
                raise unusable(self._folder, error) from error
            finally:
                for each in begun.values():
                    if each is not None:
                        each.abort()
        return found

    def keys(self, area: str) -> Iterator[bytes]:
        """Return the keys, some thousand at a time, so that no old state is kept for long."""
        start = FIRST_KEY
        while some := self._keys_from(area, start):
            yield from some
            start = _row(some[-1], BEYOND_PARTS)

    def drop(self, area: str) -> None:
        """Mark the file as dropped, then remove it."""
        folder = AreaFolder(self._folder / area)
        if not folder.path.is_dir():
            return
        with _explained(folder.path), folder.swapping(), GATE:
            present = self._find(area)
            if present is None:
                return
            with present.environment.begin(write=True) as transaction:
                transaction.put(SUCCESSOR, b"")
            folder.clear(present.path.name)

    def close(self) -> None:
        """Let go of all files; each closes once no other store has it open."""
        self.release()

    def release(self) -> None:
        """Let go of all files."""
        self._held.clear()

    def _keys_from(self, area: str, start: bytes) -> list[bytes]:
        """Return the next keys at or after an entry."""
        found: list[bytes] = []
        with _explained(self._folder), GATE:
            transaction = self._begin(area)
            if transaction is None:
                return found
            with transaction, transaction.cursor() as cursor:
                there = cursor.set_range(start)
                while there and len(found) < KEYS_AT_ONCE:
                    row = bytes(cursor.key())
                    stop = LENGTH_BYTES + int.from_bytes(row[:LENGTH_BYTES], "big")
                    found.append(row[LENGTH_BYTES:stop])
                    there = cursor.set_range(row[:stop] + BEYOND_PARTS)
        return found

    def _begin(self, area: str) -> lmdb.Transaction | None:
        """Begin to read the area's present file; None where there is none."""
        for _ in range(OPEN_ATTEMPTS):
            generation = self._held.get(area) or self._find(area)
            if generation is None:
                return None
            transaction = generation.environment.begin()
            if transaction.get(SUCCESSOR) is None:
                self._held[area] = generation
                return transaction
            transaction.abort()
            self._held.pop(area, None)
        raise _too_fast(area)

    def _commit(self, area: str, changes: Sequence[Change]) -> None:
        """Make the changes in one transaction of the file that is the present one meanwhile."""
        with GATE:
            for _ in range(OPEN_ATTEMPTS):
                generation = self._held.get(area) or self._find(area) or self._create(area)
                with generation.environment.begin(write=True) as transaction:
                    if transaction.get(SUCCESSOR) is None:
                        self._held[area] = generation
                        for change in changes:
                            _apply(transaction, change)
                        return
                self._held.pop(area, None)
        raise _too_fast(area)

    def _find(self, area: str) -> Generation | None:
        """Open the present file, which a writer may replace meanwhile; None where there is none."""
        folder = AreaFolder(self._folder / area)
        for attempt in range(OPEN_ATTEMPTS):
            name = folder.pointed()
            try:
                found = _last_from(folder.path, name)
            except (lmdb.Error, FileNotFoundError):
                # A writer removed the file, or another thread is still closing it.
                if attempt == OPEN_ATTEMPTS - 1:
                    raise
                time.sleep(attempt * RETRY_SECONDS)
                continue
            if folder.pointed() == name:
                return found
        raise _too_fast(area)

    def _create(self, area: str) -> Generation:
        """Make an empty file, unless another writer was faster."""
        folder = AreaFolder(self._folder / area)
        folder.make()
        with folder.swapping():
            found = self._find(area)
            if found is None:
                path = folder.fresh()
                lmdb.open(str(path), subdir=False, lock=False).close()
                sync_file(path)
                folder.point_to(path.name)
                found = _opened(path)
        return found

    def _succeed(self, area: str, name: str, replaces: bytes | None) -> None:
        """Put a complete file in the place of the present one."""
        present = self._find(area)
        if present is None:
            check_replaced(area, None, replaces)
        else:
            with present.environment.begin(write=True) as transaction:
                check_replaced(area, _bytes(transaction.get(META)), replaces)
                transaction.put(SUCCESSOR, name.encode())
        folder = AreaFolder(self._folder / area)
        folder.point_to(name)
        folder.keep_only(name)


def _before_fork() -> None:
    """Close all files: LMDB's may not be open while a process forks."""
    GATE.shut()
    GUARD.acquire()
    for store in STORES:
        store.release()
    for generation in OPEN.values():
        generation.environment.close()
    OPEN.clear()


def _after_fork() -> None:
    """Let every process open what it uses."""
    GUARD.release()
    GATE.reopen()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _opened(path: Path) -> Generation:
    """Open a file once in this process."""
    with GUARD:
        found = OPEN.get(str(path))
        if found is None:
            found = OPEN[str(path)] = Generation(path)
        return found


def _last_from(folder: Path, name: str) -> Generation | None:
    """Follow the successors from a file to the present one; None where that was dropped."""
    while name:
        generation = _opened(folder / name)
        successor = generation.get(SUCCESSOR)
        if successor is None:
            return generation
        name = successor.decode()
    return None


def _values(transaction: lmdb.Transaction | None, rows: list[bytes]) -> Sequence[Buffer | None]:
    """Return the values of entries; many are read by one call."""
    if transaction is None:
        return [None] * len(rows)
    if len(rows) < MANY:
        return [*map(transaction.get, rows)]
    with transaction.cursor() as cursor:
        known = cursor.getmulti(rows)
    if len(known) == len(rows):
        return [value for _, value in known]
    return [*map(dict(known).get, rows)]


def _apply(transaction: lmdb.Transaction, change: Change) -> None:
    """Edit each key, then the meta text."""
    for key in change.keys:
        prefix = _row(key, b"")
        parts = change.edit(key, lambda part, prefix=prefix: _bytes(transaction.get(prefix + part)))  # type: ignore[misc]  # mypy infers no lambda with defaults
        for part, value in parts.items():
            if value is None:
                transaction.delete(prefix + part)
            else:
                transaction.put(prefix + part, value)
    before = _bytes(transaction.get(META))
    if change.meta is not None:
        transaction.put(META, change.meta(before))
    elif before is None:
        transaction.put(META, NO_META)


def _bytes(found: bytes | memoryview | None) -> bytes | None:
    """Tell the types what the library returns where no buffers were asked for."""
    return cast("bytes | None", found)


def _fill(path: Path, rows: Iterable[Row], meta: bytes) -> None:
    """Fill a new file that nobody else knows yet, and force it to the disk at the end."""
    left = iter(rows)
    while some := [(_row(key, part), value) for key, part, value in islice(left, ROWS_AT_ONCE)]:
        _put(path, sorted(some))
    _put(path, [(META, meta)])
    sync_file(path)
    # Its name too, before another file names it.
    sync_file(path.parent)


def _put(path: Path, some: list[tuple[bytes, bytes]]) -> None:
    """Add entries to a file, which the system writes to the disk when it likes."""
    with GATE:
        environment = lmdb.open(str(path), subdir=False, lock=False, sync=False, map_size=MAP_BYTES)
        with (
            environment,
            environment.begin(write=True) as transaction,
            transaction.cursor() as cursor,
        ):
            cursor.putmulti(some)


def _too_fast(area: str) -> TowpathError:
    message = f"The online area {area!r} is replaced faster than it can be opened."
    return Unavailable(message, hint="Retry.", area=area)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Say what an error of the file system or LMDB means for the caller."""
    try:
        yield
    except (OSError, lmdb.Error) as error:
        raise unusable(folder, error) from error
