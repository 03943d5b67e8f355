"""Pushed rows on their way into the lake: durable in a log at once, in their dataset soon after."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.closing import Closing
from towpath.core.drain import drain, frames, read_progress
from towpath.core.errors import Contract
from towpath.core.segment import read_frames, read_next, segments
from towpath.features.arrays import micros_of
from towpath.features.entry_log import EntryLog, frame
from towpath.features.identity import identities
from towpath.features.online.group_commit import GroupCommit
from towpath.lake.system import PUSH_ARRIVALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from towpath.core.drain import Piece
    from towpath.lake.dataset import Dataset
    from towpath.lake.lake import Lake

NAME, FORMAT = "pushed rows", 2
ROW = "_row"
STAMP = pa.timestamp("us", "UTC")
ID_BYTES = 8


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """Rows that were pushed together, or since when such rows are online.

    Args:
        dataset: what they are rows of.
        arrived: when, in microseconds; or since when every read finds them.
        online: whether they belong in the online store too.
        rows: an Arrow stream of them; or of ``identity`` and ``happened`` of each.
        id: tells pushed rows from others.
        since: whether this says of the rows of that id since when they are online.
    """

    dataset: str
    arrived: int
    online: bool
    rows: bytes
    id: bytes = b""
    since: bool = False

    @property
    def table(self) -> pa.Table:
        """The rows."""
        return pa.ipc.open_stream(self.rows).read_all()


def entry_of(dataset: str, rows: pa.Table, *, arrived: int, online: bool) -> Entry:
    """Make an entry of rows.

    Args:
        dataset: its name.
        rows: in the contract's types.
        arrived: when they came, in microseconds.
        online: whether they belong in the online store too.

    Example:
        >>> rows = pa.table({"car": ["a"]})
        >>> entry_of("trips", rows, arrived=0, online=True).table == rows
        True
    """
    return Entry(dataset, arrived, online, _packed(rows), os.urandom(ID_BYTES))


def since_of(entry: Entry, rows: pa.Table, dataset: Dataset, *, now: int) -> Entry:
    """Make the entry which says that the rows of another are online from now on.

    Args:
        entry: the other one.
        rows: its rows, all of which the online store has acknowledged.
        dataset: their contract.
        now: in microseconds.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> columns = (Column("id", "int64"), Column("at", "timestamp"))
        >>> trips = Dataset("trips", columns, key=("id",), event_time="at")
        >>> rows = pa.table({"id": [7], "at": pa.array([5], STAMP)})
        >>> entry = entry_of("trips", rows, arrived=6, online=True)
        >>> since_of(entry, rows, trips, now=8).table.column_names
        ['identity', 'happened']
    """
    happened = micros_of(rows[dataset.event_time]).cast(STAMP)
    told = pa.table({"identity": identities(rows, dataset), "happened": happened})
    return msgspec.structs.replace(entry, arrived=now, rows=_packed(told), since=True)


def _packed(rows: pa.Table) -> bytes:
    """Write rows as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return sink.getvalue().to_pybytes()


class PushLog(Closing):
    """The open log; any thread may write, and those that write at one time share a sync.

    Args:
        folder: where the segments are kept.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = Path(name)
        ...     with PushLog(folder) as log:
        ...         log.append(Entry("trips", 0, True, b""))
        ...     [one.dataset for one in entries(folder)]
        ['trips']
    """

    def __init__(self, folder: Path) -> None:
        """Write nothing yet; segments are its own, so that no two processes write to one file."""
        self._rows = EntryLog(folder, NAME, FORMAT)
        self._commits = GroupCommit(self._commit)
        self._notes = EntryLog(folder, NAME, FORMAT)
        self._noting = threading.Lock()

    def append(self, entry: Entry) -> None:
        """Keep an entry; what returned survives a loss of power.

        Raises:
            Unavailable: the disk does not take it.
        """
        self._commits.run(frame(entry))

    def note(self, entry: Entry) -> None:
        """Keep since when rows are online, in a segment apart that is not synced.

        What a loss of power takes of it is said again by whoever replays the log.

        Raises:
            Unavailable: the disk does not take it.
        """
        with self._noting:
            self._notes.write(frame(entry), synced=False)

    def close(self) -> None:
        """Close the segments."""
        self._rows.close()
        self._notes.close()

    def _commit(self, frames: Sequence[bytes]) -> None:
        """Write some threads' entries and sync them together."""
        self._rows.write(b"".join(frames))


def entries(folder: Path) -> Iterator[Entry]:
    """Yield the rows that are in a log, oldest segment first.

    A segment that a flush removes meanwhile is passed over.

    Raises:
        Contract: a segment is damaged; what the others have was yielded before.
    """
    return (one for one in _all(folder) if not one.since)


def known_online(folder: Path) -> frozenset[bytes]:
    """Return the ids of the entries of a log which it says are online, as far as it can be read.

    Example:
        >>> from pathlib import Path
        >>> known_online(Path("no/such/folder"))
        frozenset()
    """
    found: set[bytes] = set()
    with suppress(Contract):
        found.update(one.id for one in _all(folder) if one.since)
    return frozenset(found)


def oldest_waiting(folder: Path) -> int | None:
    """Return when the oldest entry came that no flush has taken; None where none waits.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as name:
        ...     with PushLog(Path(name)) as log:
        ...         log.append(Entry("trips", 7, True, b""))
        ...     oldest_waiting(Path(name))
        7
    """
    decode = msgspec.msgpack.Decoder(Entry).decode
    done = read_progress(folder).done
    waiting = (read_next(path, start=done.get(path.name, 0)) for path in segments(folder))
    return min((decode(frame).arrived for frame in waiting if frame is not None), default=None)


def flush(folder: Path, lake: Lake, *, stopped: Callable[[], bool] | None = None) -> int:
    """Bring the rows of a log into their datasets, each once however often it is tried.

    It may run beside servers that write the log. Rows of a key that a dataset has are replaced; of
    rows of one key in the log, the first stays. Since when rows are online is known from notes in
    the log alone, which may come in a later flush than their rows.

    Args:
        folder: the log.
        lake: where the datasets are.
        stopped: asked before each batch whether to leave it and what follows for later.

    Returns:
        how many rows were taken from the log.

    Raises:
        Draining: another process does so already.
        Contract: a segment is damaged, or rows no longer keep their contract.
    """

    def store(pieces: Sequence[Piece]) -> int:
        tables: dict[str, list[pa.Table]] = {}
        arrived: list[pa.Table] = []
        for entry in map(msgspec.msgpack.Decoder(Entry).decode, frames(pieces)):
            if entry.since:
                arrived.append(_arrivals(entry))
            else:
                tables.setdefault(entry.dataset, []).append(entry.table)
        batch = " ".join(piece.name for piece in pieces)
        if arrived:
            # Before the rows: whoever finds a row in the lake is to know since when it was online.
            table = pa.concat_tables(arrived)
            lake.ingest(PUSH_ARRIVALS.name, table, mode="append", batch=f"push {batch}")
        for name, parts in tables.items():
            rows = first_rows(pa.concat_tables(parts), lake.datasets[name].key)
            lake.ingest(name, rows, mode="merge", batch=f"push {batch}")
        return sum(part.num_rows for parts in tables.values() for part in parts)

    busy = "Another process brings pushed rows into the lake."
    return drain(folder, store, busy=busy, stopped=stopped)


def _all(folder: Path) -> Iterator[Entry]:
    """Yield all that is in a log; last of all raise what is wrong with a segment."""
    decode = msgspec.msgpack.Decoder(Entry).decode
    damage: Contract | None = None
    for path in segments(folder):
        try:
            yield from map(decode, read_frames(path))
        except FileNotFoundError:
            continue
        except Contract as error:
            damage = damage or error
    if damage is not None:
        raise damage


def _arrivals(entry: Entry) -> pa.Table:
    """Say since when rows were in the online store, in the columns of the dataset for that."""
    told = entry.table
    names, times = [entry.dataset] * told.num_rows, [entry.arrived] * told.num_rows
    found = told.add_column(0, "dataset", pa.array(names, pa.string()))
    return found.append_column("arrived", pa.array(times, pa.int64()).cast(STAMP))


def first_rows(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Keep the first row of each key.

    Example:
        >>> first_rows(pa.table({"id": [1, 2, 1], "km": [5, 6, 7]}), ("id",))["km"].to_pylist()
        [5, 6]
    """
    numbered = rows.append_column(ROW, pa.array(range(rows.num_rows)))
    firsts = numbered.group_by(list(key)).aggregate([(ROW, "min")])[f"{ROW}_min"]
    return rows.take(firsts.take(pc.sort_indices(firsts)))
