"""Reading views from the online store: all of a request's keys of all views together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from towpath.core.errors import NotFound, Unavailable
from towpath.features.columns import Known
from towpath.features.generation import Generation, read_generation
from towpath.features.online import META_KEY, Item
from towpath.features.online.read import Reading, begin, finish, too_early

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online import Buffer, OnlineStore
    from towpath.features.online.plan import StatePlan

# So often is a key read whose parts another writer changes meanwhile.
ATTEMPTS = 20
Keys = Sequence[bytes | None]
# As quick as a plain tuple; there is one for each key of each view.
new_item: Callable[[tuple[str, bytes, bytes]], Item] = partial(tuple.__new__, Item)


class Distinct(NamedTuple):
    """Keys of rows.

    Args:
        keys: each once, None for one with a null.
        there: those that are none; the same list where all are.
        places: the place of each row's key in ``keys``; None where they are the same.
    """

    keys: Keys
    there: Sequence[bytes]
    places: Ints | None


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
        plans: the views.
        kinds: for each view the number of the keys by which it is asked.

    Attributes:
        store: where they are.
        views: each with its meta text, and the number of its keys.
    """

    def __init__(
        self, store: OnlineStore, plans: Sequence[StatePlan], kinds: Sequence[int]
    ) -> None:
        self.store = store
        self.views = tuple(
            (plan, Item(plan.area, META_KEY), kind) for plan, kind in zip(plans, kinds, strict=True)
        )
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

    def generations(self) -> dict[str, Generation | None]:
        """Return what all areas say about themselves by view; raises likewise."""
        metas = self.store.read([meta for _, meta, _ in self.views])
        return {
            plan.view: self.generation(plan, meta)
            for (plan, _, _), meta in zip(self.views, metas, strict=True)
        }

    def read(self, asked: Sequence[Keys], at: int) -> list[Answered]:
        """Read views at one time, with one look at the store, and one more for large keys.

        Args:
            asked: keys of the rows, of each kind.
            at: prediction time in microseconds.

        Raises:
            NotFound: a view is not there.
            Conflict: its state is of another release.
            Invalid: the time is before what is kept.
            Unavailable: keys change faster than they can be read.
        """
        distinct = [_distinct(keys) for keys in asked]
        return [
            _answered(reading, distinct[kind].places)
            for reading, (_, _, kind) in zip(self.readings(distinct, at), self.views, strict=True)
        ]

    def readings(self, distinct: Sequence[Distinct], at: int) -> list[Reading]:
        """Return what is found of keys in each view; raises as ``read`` does.

        Args:
            distinct: keys, of each kind.
            at: prediction time in microseconds.
        """
        for _ in range(ATTEMPTS):
            readings = self._roots(distinct, at)
            if self._parts(readings, distinct):
                return readings
        names = ", ".join(repr(plan.view) for plan, _, _ in self.views)
        message = f"Keys of the views {names} change faster than they can be read."
        raise Unavailable(message, hint="Retry.")

    def _roots(self, distinct: Sequence[Distinct], at: int) -> list[Reading]:
        """Read what areas say and the roots of keys, and compute what can be computed of those."""
        items: list[Item] = []
        for _, meta, kind in self.views:
            items.append(meta)
            items += map(new_item, zip(repeat(meta.area), distinct[kind].there, repeat(b"")))
        found, readings, place = self.store.read(items), [], 0
        for plan, _, kind in self.views:
            held = self.generation(plan, found[place])
            if held is not None and held.since > at:
                raise too_early(plan.view, at)
            keys, there, _ = distinct[kind]
            stop = place + 1 + len(there)
            roots = found[place + 1 : stop]
            if there is not keys:
                left = iter(roots)
                roots = [None if key is None else next(left) for key in keys]
            readings.append(begin(plan, roots, at))
            place = stop
        return readings

    def _parts(self, readings: Sequence[Reading], distinct: Sequence[Distinct]) -> bool:
        """Read the parts that large keys need; tell whether all were there."""
        if not any(reading.tiled for reading in readings):
            return True
        items: list[Item] = []
        sizes: list[int] = []
        for reading, (plan, _, kind) in zip(readings, self.views, strict=True):
            before = len(items)
            for one in reading.tiled:
                key = distinct[kind].keys[one.row] or b""
                items += [Item(plan.area, key, part) for part in one.parts]
            sizes.append(len(items) - before)
        parts, place = self.store.read(items) if items else [], 0
        for reading, size in zip(readings, sizes, strict=True):
            if not finish(reading, parts[place : place + size]):
                return False
            place += size
        return True


def _distinct(keys: Keys) -> Distinct:
    """Return each key once."""
    places = None
    if len(keys) > 1 and len(set(keys)) < len(keys):
        numbers = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        places = np.array([numbers[key] for key in keys], dtype=np.int64)
        keys = list(numbers)
    if None in keys:
        return Distinct(keys, [key for key in keys if key is not None], places)
    return Distinct(keys, cast("Sequence[bytes]", keys), places)


def _answered(reading: Reading, places: Ints | None) -> Answered:
    """Say what is known of each row."""
    newest, known = reading.newest, reading.known
    status = known if any(known.tobytes()) else None
    if places is not None:
        newest, status = newest[places], None if status is None else status[places]
    return Answered(reading, places, Known(newest, status))
