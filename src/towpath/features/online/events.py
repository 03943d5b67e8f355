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
    from typing import Any

    from towpath.features.arrays import Column
    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online.plan import StatePlan


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
        words: int64 [texts], the numbers that they stand for.
        used: int64 [n, string columns], the place among the texts of each value, -1 for a
            missing one.
    """

    keys: list[bytes]
    starts: Ints
    rows: Ints
    texts: pa.Array[Any]
    words: Ints
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
            places: Ints = np.unique(self.used[own])
            places = places[places >= 0]
            strings = self.texts.take(pa.array(places, pa.int64())).to_pylist()
            texts = dict(zip(self.words[places].tolist(), map(str, strings), strict=True))
        return Events(self.rows[own], texts)


def keyed_events(plan: StatePlan, events: pa.Table, keys: Sequence[str]) -> Keyed:
    """Sort a view's events; those without time or with a null in their key are left out.

    Args:
        plan: the view.
        events: keys and values by the view's names, ``_t``, ``_seq`` and ``_id``.
        keys: the view's keys.
    """
    events = events.filter(pc.is_valid(events[TIME_NAME]))
    codes, _ = key_codes(events, events.slice(0, 0), keys)
    order = event_order(codes, _int64(events, TIME_NAME), _int64(events, SEQUENCE_NAME))
    order = order[np.count_nonzero(codes < 0) :]
    kept, codes = events.take(order), codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    rows, texts, words, used = _rows(plan, kept)
    return Keyed(
        keys=encode_keys(kept.take(starts), keys),
        starts=np.append(starts, codes.size),
        rows=rows,
        texts=texts,
        words=words,
        used=used,
    )


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


def _rows(plan: StatePlan, events: pa.Table) -> tuple[Ints, pa.Array[Any], Ints, Ints]:
    """Write events as rows of numbers; return them, the texts, their numbers and where they are."""
    rows = np.zeros((events.num_rows, plan.width), dtype=np.int64)
    rows[:, TIME], rows[:, ID] = _int64(events, TIME_NAME), _int64(events, IDENTITY)
    rows[:, SEQUENCE] = _int64(events, SEQUENCE_NAME)
    used = np.empty((events.num_rows, len(plan.texts)), dtype=np.int64)
    texts: list[str] = []
    first = plan.width - plan.columns
    for number, name in enumerate(plan.compiled.columns):
        if number in plan.texts:
            places, strings = _coded(events[name])
            words = np.array([*map(word_of, strings), 0], dtype=np.int64)[places]
            marks = (places >= 0).astype(np.uint8)
            used[:, plan.texts.index(number)] = np.where(marks, places + len(texts), -1)
            texts += strings
        else:
            words, marks = words_of(events[name])
        rows[:, first + number] = words
        bit = np.int64(1) << np.int64(number % MARKS_A_WORD)
        rows[:, MARKS + number // MARKS_A_WORD] |= bit * (marks if marks.size else 1)
    return rows, pa.array(texts, pa.string()), np.array([*map(word_of, texts)], np.int64), used


def _coded(column: Column) -> tuple[Ints, list[str]]:
    """Return the place of each string among the distinct ones, -1 for a missing one, and those."""
    codes, strings = to_codes(column.cast(pa.string()))
    return codes.fill_null(-1).to_numpy(), strings
