"""How rows are divided among tasks: by the hash of their key, and a hot key by time as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from towpath.features.arrays import marks_of, one_array, words_of
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.kernel.form import NO_LIMIT
from towpath.features.engines.keys import LabelKeys
from towpath.lake.checks.hash import row_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import numpy.typing as npt

    from towpath.features.engines.kernel.form import Ints

    Hashes = npt.NDArray[np.uint64]

BUCKETS = 1 << 12
SHIFT = np.uint64(64 - 12)
LATEST_TIME = 2**63 - 1
# Places in the sieve for each label, so that one event in eight passes it in vain; at most so many.
ROOM = 8
MOST_PLACES = 1 << 24
# A bucket with more than so many times the rows of a task is hot.
HOT = 2


class Rows(NamedTuple):
    """Rows with what decides their task.

    Args:
        table: the rows.
        hashes: of their keys, uint64 [n].
        times: int64 [n].
    """

    table: pa.Table
    hashes: Hashes
    times: Ints

    @property
    def buckets(self) -> Ints:
        """The bucket of each row."""
        return (self.hashes >> SHIFT).astype(np.int64)


class Division(NamedTuple):
    """Which tasks need which rows.

    Args:
        sieve: by the last bits of a key's hash, whether a label may ask for it.
        first: for each bucket the number of its first task, -1 without labels.
        cuts: for each hot bucket the last time of each of its tasks but the last.
        reach: how far back from its time a label looks at most, in microseconds; ``NO_LIMIT``.
        unlimited: whether a label needs the last event before that, too.
        tasks: how many there are.
    """

    sieve: npt.NDArray[np.bool_]
    first: Ints
    cuts: Mapping[int, Ints]
    reach: int
    unlimited: bool
    tasks: int


def keyed_rows(table: pa.Table, keys: Sequence[str]) -> Rows:
    """Hash the keys of rows.

    Args:
        table: the rows; key columns of the types that labels have.
        keys: the key columns; without any, all rows have one key.

    Example:
        >>> rows = keyed_rows(pa.table({"k": ["a", "b", "a"], "_t": [1, 2, 3]}), ["k"])
        >>> bool(rows.hashes[0] == rows.hashes[2]), bool(rows.hashes[0] == rows.hashes[1])
        (True, False)
    """
    hashes = np.zeros(table.num_rows, dtype=np.uint64)
    if keys:
        hashes = row_hashes([_plain(table[key]) for key in keys])
    return Rows(table, hashes, words_of(table[TIME])[0])


def present(rows: Rows, keys: Sequence[str]) -> Rows:
    """Leave out events that no label can see: without time, or with a null in their key.

    Example:
        >>> rows = pa.table({"k": ["a", None, "a"], "_t": [1, 2, None]})
        >>> present(keyed_rows(rows, ["k"]), ["k"]).times.tolist()
        [1]
    """
    kept = np.ones(rows.times.size, dtype=bool)
    for name in (TIME, *keys):
        marks = marks_of(one_array(rows.table[name]))
        if marks.size:
            kept &= marks == 1
    return rows if kept.all() else _taken(rows, np.flatnonzero(kept))


def sieve_of(labels: Rows) -> npt.NDArray[np.bool_]:
    """Make the sieve of some labels."""
    wanted = min(MOST_PLACES, ROOM * max(labels.hashes.size, 1))
    sieve = np.zeros(1 << (wanted - 1).bit_length(), dtype=bool)
    sieve[_places(labels.hashes, sieve.size)] = True
    return sieve


def sifted(rows: Rows, sieve: npt.NDArray[np.bool_]) -> Rows:
    """Leave out most events that no label asks for."""
    kept = sieve[_places(rows.hashes, sieve.size)]
    return rows if kept.all() else _taken(rows, np.flatnonzero(kept))


def count_buckets(rows: Rows) -> Ints:
    """Count the rows in each bucket."""
    return np.bincount(rows.buckets, minlength=BUCKETS)


def divide(labels: Rows, events: Ints, *, size: int, reach: int, unlimited: bool) -> Division:
    """Choose tasks of about so many rows.

    Args:
        labels: all of them.
        events: how many there are in each bucket.
        size: how many rows, of labels and events, a task should have.
        reach: how far back from its time a label looks at most; ``NO_LIMIT``.
        unlimited: whether it needs the last event before that, too.

    Example:
        >>> labels = keyed_rows(pa.table({"k": ["a"] * 4, "_t": [1, 2, 3, 4]}), ["k"])
        >>> events = count_buckets(labels) * 5
        >>> divide(labels, events, size=9, reach=1, unlimited=False).tasks
        3
    """
    asked = count_buckets(labels)
    work = np.where(asked > 0, asked + events, 0)
    hot = np.flatnonzero(work > HOT * size)
    order = np.argsort(labels.buckets, kind="stable") if hot.size else hot
    starts = np.cumsum(asked) - asked
    cuts: dict[int, Ints] = {}
    for bucket in hot.tolist():
        own = order[starts[bucket] : starts[bucket] + asked[bucket]]
        found = _cuts(np.sort(labels.times[own]), int(events[bucket]), size, reach)
        if found.size:
            cuts[bucket] = found
    first, tasks = _numbered(work, cuts, size)
    return Division(sieve_of(labels), first, cuts, reach, unlimited, tasks)


def label_tasks(labels: Rows, division: Division) -> Iterator[tuple[int, pa.Table]]:
    """Give each label to one task."""
    buckets = labels.buckets
    tasks = division.first[buckets]
    for bucket, cuts in division.cuts.items():
        own = np.flatnonzero(buckets == bucket)
        tasks[own] += np.searchsorted(cuts, labels.times[own])
    yield from _grouped(labels.table, np.arange(tasks.size), tasks)


def event_tasks(
    events: Rows, keys: Sequence[str], division: Division
) -> Iterator[tuple[int, pa.Table]]:
    """Give each event to the tasks whose labels may see it."""
    rows = sifted(present(events, keys), division.sieve)
    buckets = rows.buckets
    tasks = division.first[buckets]
    asked = tasks >= 0
    if division.cuts:
        asked &= ~np.isin(buckets, list(division.cuts))
    places, numbers = [np.flatnonzero(asked)], [tasks[asked]]
    for bucket, cuts in division.cuts.items():
        own = np.flatnonzero(buckets == bucket)
        if own.size:
            low, high = _slices(_taken(rows, own), keys, division, cuts)
            counts = high - low + 1
            offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
            places.append(np.repeat(own, counts))
            numbers.append(division.first[bucket] + np.repeat(low, counts) + offsets)
    yield from _grouped(rows.table, np.concatenate(places), np.concatenate(numbers))


def _plain(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Return texts in the form that can be hashed."""
    return column.cast(pa.string()) if pa.types.is_large_string(column.type) else column


def _places(hashes: Hashes, size: int) -> npt.NDArray[np.int64]:
    """Return the places of keys in a sieve."""
    return (hashes & np.uint64(size - 1)).astype(np.int64)


def _taken(rows: Rows, places: Ints) -> Rows:
    """Return some of the rows."""
    return Rows(rows.table.take(places), rows.hashes[places], rows.times[places])


def _cuts(times: Ints, events: int, size: int, reach: int) -> Ints:
    """Cut the sorted times of a hot bucket's labels, but not finer than is of use.

    A task needs the events of its own time and those that its labels look back at. More tasks
    than reaches fit into the time bring the same events to each, and only help many labels.
    """
    wanted = -(-(times.size + events) // size)
    alike = times.size // max(size, events)
    span = int(times[-1]) - int(times[0])
    apart = 0 if reach == NO_LIMIT else span // max(reach, 1)
    count = min(wanted, max(alike, apart) + 1)
    edges = np.linspace(0, times.size, count + 1)[1:-1].astype(np.int64)
    cuts = np.unique(times[edges])
    found: Ints = cuts[cuts < times[-1]]
    return found


def _numbered(work: Ints, cuts: Mapping[int, Ints], size: int) -> tuple[Ints, int]:
    """Number the tasks of buckets: small neighbours share one, a hot one has several."""
    asked = np.flatnonzero(work)
    slices = np.array([len(cuts.get(bucket, ())) + 1 for bucket in asked.tolist()], dtype=np.int64)
    cool = np.where(slices > 1, 0, work[asked])
    groups = (np.cumsum(cool) - cool) // size
    alone = slices > 1
    begins = np.ones(asked.size, dtype=bool)
    begins[1:] = (groups[1:] != groups[:-1]) | alone[1:] | alone[:-1]
    ends = np.cumsum(np.where(begins, slices, 0))
    first = np.full(BUCKETS, -1, dtype=np.int64)
    first[asked] = ends - slices
    return first, int(ends[-1]) if ends.size else 0


def _slices(rows: Rows, keys: Sequence[str], division: Division, cuts: Ints) -> tuple[Ints, Ints]:
    """Return the first and last of a hot bucket's tasks that need each event."""
    low = np.searchsorted(cuts, rows.times)
    if division.reach == NO_LIMIT:
        return low, np.full(low.size, cuts.size)
    far = LATEST_TIME - division.reach
    seen = np.where(rows.times > far, LATEST_TIME, np.minimum(rows.times, far) + division.reach)
    high = np.maximum(low, np.searchsorted(cuts, seen))
    if division.unlimited:
        high[_last_of_each(rows, keys, low)] = cuts.size
    return low, high


def _last_of_each(rows: Rows, keys: Sequence[str], slices: Ints) -> Ints:
    """Return the places of the last event of each key within each slice."""
    codes = LabelKeys(rows.table, keys).codes
    order = np.lexsort((words_of(rows.table[SEQUENCE])[0], rows.times, slices, codes))
    after = order[1:]
    differs = (codes[order[:-1]] != codes[after]) | (slices[order[:-1]] != slices[after])
    last: Ints = order[np.concatenate((differs, [True]))]
    return last


def _grouped(table: pa.Table, places: Ints, tasks: Ints) -> Iterator[tuple[int, pa.Table]]:
    """Take rows task by task, their order kept."""
    order = np.argsort(tasks, kind="stable")
    ordered = tasks[order]
    edges = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    if not tasks.size:
        return
    taken = table.take(places[order])
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield int(ordered[start]), taken.slice(start, stop - start)
