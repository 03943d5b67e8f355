"""Events as the online store holds them: rows of numbers, and the texts that some stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.features.arrays import one_array, to_codes, to_values, words_of
from towpath.features.engines import SEQUENCE as SEQUENCE_NAME
from towpath.features.engines import TIME as TIME_NAME
from towpath.features.engines.kernel.block import ID, MARKS, MARKS_A_WORD, SEQUENCE, TIME
from towpath.features.engines.order import event_order, key_codes
from towpath.features.identity import IDENTITY
from towpath.features.online.key import encode_key
from towpath.features.online.plan import word_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.arrays import Column
    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online.plan import StatePlan

# Where the only value of a column is among its distinct ones.
FOUND, MISSING = np.zeros(1, dtype=np.int64), np.full(1, -1)


@dataclass(frozen=True)
class Events:
    """Events of one key, sorted by time and sequence.

    Args:
        rows: int64 [n, width], as ``kernel.block`` says.
        texts: the strings that numbers in it stand for, and perhaps more.
    """

    rows: Ints
    texts: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Keyed:
    """Events of many keys, sorted by key, time and sequence.

    Args:
        keys: each key, encoded.
        starts: where each key's events start, int64 [keys + 1].
        rows: int64 [n, width].
        texts: the distinct strings of all columns.
        words: the numbers that they stand for.
        used: int64 [n, string columns], the place among the texts of each value, -1 for a
            missing one.
    """

    keys: list[bytes]
    starts: Ints
    rows: Ints
    texts: list[str]
    words: list[int]
    used: Ints

    @property
    def places(self) -> dict[bytes, int]:
        """The number of each key that has events."""
        counts = np.diff(self.starts).tolist()
        return {key: place for place, key in enumerate(self.keys) if counts[place]}

    @property
    def none(self) -> Events:
        """No events."""
        return Events(self.rows[:0])

    def events(self, number: int) -> Events:
        """Return the events of one key."""
        own = slice(int(self.starts[number]), int(self.starts[number + 1]))
        texts = {}
        if self.used.shape[1]:
            used = set(self.used[own].reshape(-1).tolist())
            texts = {self.words[place]: self.texts[place] for place in used if place >= 0}
        return Events(self.rows[own], texts)


def keyed_events(plan: StatePlan, events: pa.Table, keys: Sequence[str]) -> Keyed:
    """Sort a view's events; those without time or with a null in their key are left out.

    Args:
        plan: the view.
        events: keys and values by the view's names, ``_t``, ``_seq`` and ``_id``.
        keys: the view's keys.
    """
    if events[TIME_NAME].null_count:
        events = events.filter(pc.is_valid(events[TIME_NAME]))
    if events.num_rows == 1:
        # Most pushes have one row, which needs no sorting.
        codes = np.zeros(0 if any(events[key].null_count for key in keys) else 1, dtype=np.int64)
        order = np.arange(codes.size)
    else:
        codes, _ = key_codes(events, events.slice(0, 0), keys)
        order = event_order(codes, _int64(events, TIME_NAME), _int64(events, SEQUENCE_NAME))
        order = order[np.count_nonzero(codes < 0) :]
        codes = codes[order]
    kept = _taken(events, order)
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    rows, texts, words, used = _rows(plan, kept)
    # With the time, so that a view without keys has rows to count too.
    named = kept.select([*keys, TIME_NAME])
    return Keyed(
        keys=encode_keys(_taken(named, starts), keys),
        starts=np.append(starts, codes.size),
        rows=rows,
        texts=texts,
        words=words,
        used=used,
    )


def _taken(events: pa.Table, order: Ints) -> pa.Table:
    """Return some rows in an order; a small push is in it already."""
    if order.size == events.num_rows and bool(np.all(order[1:] > order[:-1])):
        return events
    return events.take(order)


def _int64(events: pa.Table, name: str) -> Ints:
    """Return a column of whole numbers."""
    return one_array(events[name]).to_numpy()


def encode_keys(rows: pa.Table, keys: Sequence[str]) -> list[bytes]:
    """Encode the key of each row.

    Example:
        >>> encode_keys(pa.table({"k": [1, 2]}), ["k"]) == [encode_key([1]), encode_key([2])]
        True
    """
    if not keys:
        return [encode_key(())] * rows.num_rows
    columns = [to_values(rows[key]) for key in keys]
    return [encode_key(values) for values in zip(*columns, strict=True)]


def _rows(plan: StatePlan, events: pa.Table) -> tuple[Ints, list[str], list[int], Ints]:
    """Write events as rows of numbers; return them, the texts, their numbers and where they are."""
    rows = np.zeros((events.num_rows, plan.width), dtype=np.int64)
    rows[:, TIME], rows[:, ID] = _int64(events, TIME_NAME), _int64(events, IDENTITY)
    rows[:, SEQUENCE] = _int64(events, SEQUENCE_NAME)
    used = np.empty((events.num_rows, len(plan.texts)), dtype=np.int64)
    texts: list[str] = []
    numbers: list[int] = []
    first = plan.width - plan.columns
    for number, name in enumerate(plan.compiled.columns):
        if number in plan.texts:
            places, strings = _coded(events[name])
            own = [*map(word_of, strings)]
            words = np.array([*own, 0], dtype=np.int64)[places]
            marks = (places >= 0).astype(np.uint8)
            used[:, plan.texts.index(number)] = np.where(marks, places + len(texts), -1)
            texts += strings
            numbers += own
        else:
            words, marks = words_of(events[name])
        rows[:, first + number] = words
        bit = np.int64(1) << np.int64(number % MARKS_A_WORD)
        rows[:, MARKS + number // MARKS_A_WORD] |= bit * (marks if marks.size else 1)
    return rows, texts, numbers, used


def _coded(column: Column) -> tuple[Ints, list[str]]:
    """Return the place of each string among the distinct ones, -1 for a missing one, and those."""
    if len(column) == 1:
        value = column[0].as_py()
        return (MISSING, []) if value is None else (FOUND, [str(value)])
    codes, strings = to_codes(column.cast(pa.string()))
    return codes.fill_null(-1).to_numpy(), strings
