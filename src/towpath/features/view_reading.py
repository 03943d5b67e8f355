"""Reading views from the online store: all of a request's keys of all views together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from towpath.core.errors import NotFound, Unavailable
from towpath.features.columns import Known
from towpath.features.generation import Generation, read_generation
from towpath.features.online import META_KEY, Item
from towpath.features.online.read import Reading, begin, finish, too_early

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online import Buffer, OnlineStore
    from towpath.features.online.plan import StatePlan

# So often is a key read whose parts another writer changes meanwhile.
ATTEMPTS = 20


class Asked(NamedTuple):
    """What is asked of a view.

    Args:
        plan: the view.
        keys: a key for each row, None for one with a null.
    """

    plan: StatePlan
    keys: Sequence[bytes | None]


class Answered(NamedTuple):
    """What a view answers.

    Args:
        reading: what was found, by distinct key.
        places: the place of each row's key in that; None where they are the same.
        known: what is known of each row.
    """

    reading: Reading
    places: Ints | None
    known: Known


class ViewReader:
    """Reads views; it remembers what areas say about themselves.

    Args:
        store: where they are.
    """

    def __init__(self, store: OnlineStore) -> None:
        self._store = store
        self._generations: dict[str, tuple[bytes, Generation | None]] = {}

    def generation(self, plan: StatePlan, meta: Buffer | None) -> Generation | None:
        """Return what an area says about itself, None if it says nothing yet.

        Raises:
            NotFound: there is no such area.
        """
        if meta is None:
            message = f"View {plan.view!r} is not in the online store, as it is defined now."
            hint = "Materialise it first: towpath feature materialize"
            raise NotFound(message, hint=hint, view=plan.view)
        held = self._generations.get(plan.area)
        if held is None or held[0] != meta:
            held = (bytes(meta), read_generation(meta))
            self._generations[plan.area] = held
        return held[1]

    def read(self, asked: Sequence[Asked], at: int) -> list[Answered]:
        """Read views at one time, with one look at the store, and one more for large keys.

        Raises:
            NotFound: a view is not there.
            Conflict: its state is of another release.
            Invalid: the time is before what is kept.
            Unavailable: keys change faster than they can be read.
        """
        distinct = [_distinct(one.keys) for one in asked]
        for _ in range(ATTEMPTS):
            readings = self._roots(asked, [keys for keys, _ in distinct], at)
            if self._parts(readings, distinct):
                return [
                    _answered(reading, places)
                    for reading, (_, places) in zip(readings, distinct, strict=True)
                ]
        names = ", ".join(repr(one.plan.view) for one in asked)
        message = f"Keys of the views {names} change faster than they can be read."
        raise Unavailable(message, hint="Retry.")

    def _roots(
        self, asked: Sequence[Asked], distinct: Sequence[Sequence[bytes | None]], at: int
    ) -> list[Reading]:
        """Read what areas say and the roots of keys, and compute what can be computed of those."""
        items: list[Item] = []
        for one, keys in zip(asked, distinct, strict=True):
            items.append(Item(one.plan.area, META_KEY))
            items += [Item(one.plan.area, key) for key in keys if key is not None]
        found, readings = iter(self._store.read(items)), []
        for one, keys in zip(asked, distinct, strict=True):
            held = self.generation(one.plan, next(found))
            if held is not None and held.since > at:
                raise too_early(one.plan.view, at)
            roots = [None if key is None else next(found) for key in keys]
            readings.append(begin(one.plan, roots, at))
        return readings

    def _parts(
        self, readings: Sequence[Reading], distinct: Sequence[tuple[Sequence[bytes | None], object]]
    ) -> bool:
        """Read the parts that large keys need; tell whether all were there."""
        items: list[Item] = []
        sizes: list[int] = []
        for reading, (keys, _) in zip(readings, distinct, strict=True):
            before = len(items)
            for one in reading.tiled:
                key = keys[one.row] or b""
                items += [Item(reading.plan.area, key, part) for part in one.parts]
            sizes.append(len(items) - before)
        if not any(reading.tiled for reading in readings):
            return True
        parts, place = self._store.read(items), 0
        for reading, size in zip(readings, sizes, strict=True):
            if not finish(reading, parts[place : place + size]):
                return False
            place += size
        return True


def _distinct(keys: Sequence[bytes | None]) -> tuple[Sequence[bytes | None], Ints | None]:
    """Return each key once, and the place of each row's key in those if that differs."""
    if len(set(keys)) == len(keys):
        return keys, None
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return list(places), np.array([places[key] for key in keys], dtype=np.int64)


def _answered(reading: Reading, places: Ints | None) -> Answered:
    """Say what is known of each row."""
    newest, status = reading.newest, reading.known
    if places is not None:
        newest, status = newest[places], status[places]
    return Answered(reading, places, Known(newest, status if status.any() else None))
