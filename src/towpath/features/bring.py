"""Bringing a view's events from the lake into its area of the online store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Conflict
from towpath.core.instant import from_micros
from towpath.core.record import to_json
from towpath.features.arrays import micros_of
from towpath.features.generation import Generation, change_meta, read_generation, read_meta
from towpath.features.increment import last_sequence, newest_time, news, only_added
from towpath.features.online.build import build, reaching
from towpath.features.online.events import Events, keyed_events
from towpath.features.online.state import add_events, replace_events
from towpath.features.portions import portions
from towpath.features.snapshot import Snapshot, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from towpath.features.online import Edit, Get, OnlineStore, Parts
    from towpath.features.online.events import Keyed
    from towpath.features.online.plan import StatePlan
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake

KEYS_AT_ONCE = 2_000
ROWS_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class Work:
    """What materialising a view works on."""

    lake: Lake
    store: OnlineStore
    view: FeatureView
    plan: StatePlan

    def read(self, wanted: Generation, only: pc.Expression | None = None) -> pa.Table:
        """Read events of the source."""
        snapshot = Snapshot(self.lake, {self.view.source: wanted.source_version})
        return read_events(snapshot, self.view, until=wanted.until, only=only, identified=True)

    def ends(self, wanted: Generation, *, since: int | None = None) -> list[int]:
        """Return up to when events are read at once, so that they are not too many for memory."""
        source = self.lake[self.view.source]
        if source.rows() <= ROWS_AT_ONCE:
            return [wanted.until]
        time = source.dataset.event_time
        where = pc.field(time) <= from_micros(wanted.until)
        if since is not None:
            where &= pc.field(time) > from_micros(since)
        rows = source.scan([time], where, version=wanted.source_version)
        times = np.sort(micros_of(rows[time]).to_numpy())
        ends = times[ROWS_AT_ONCE - 1 : -1 : ROWS_AT_ONCE].tolist()
        return [*dict.fromkeys(end for end in ends if end < wanted.until), wanted.until]

    def portions(self, wanted: Generation) -> Iterator[pa.Table]:
        """Read events of the source, all those of some keys at a time."""
        ends = self.ends(wanted)
        if len(ends) == 1 or not self.view.keys:
            yield self.read(wanted)
            return
        time = pc.field(self.lake.datasets[self.view.source].event_time)
        later = [None, *(time > from_micros(end) for end in ends)]
        stretches = (
            self.read(wanted.replace(until=end), only)
            for end, only in zip(ends, later, strict=False)
        )
        yield from portions(stretches, self.view.keys, len(ends))

    def keyed(self, events: pa.Table, since: int) -> Keyed:
        """Sort events by key, and keep those that some feature reaches from a time on."""
        return reaching(self.plan, keyed_events(self.plan, events, self.view.keys), since)

    def change(self, keys: Sequence[bytes], edit: Edit) -> None:
        """Change keys, some at a time."""
        for start in range(0, len(keys), KEYS_AT_ONCE):
            self.store.change(self.plan.area, keys[start : start + KEYS_AT_ONCE], edit)

    def finish(self, found: Generation) -> Generation:
        """Say what the area holds now."""
        change_meta(self.store, self.plan.area, lambda _: to_json(found))
        return found


def bring(work: Work, present: Generation | None, wanted: Generation) -> Generation:
    """Bring into an area what is missing there; return what it holds then.

    Args:
        work: what it is done with.
        present: what the area holds, None where there is none.
        wanted: what it is to hold.
    """
    found = wanted
    for end in _ends(work, present, wanted):
        found = _brought(work, wanted.replace(until=end))
    return found


def _ends(work: Work, present: Generation | None, wanted: Generation) -> list[int]:
    """Return up to when events are brought at once, so that they are not too many for memory."""
    if present is None or not present.materialized:
        return work.ends(wanted)
    if not _grows(work, present, wanted):
        # Each key is made of all that there is of it: some keys are taken after the others.
        return [wanted.until]
    return work.ends(wanted, since=present.until)


def _grows(work: Work, present: Generation, wanted: Generation) -> bool:
    """Tell whether an area only needs what came since it was made."""
    return wanted.since >= present.since and only_added(work.lake, work.view, present, wanted)


def _brought(work: Work, wanted: Generation) -> Generation:
    """Bring into an area what is missing there."""
    meta = read_meta(work.store, work.plan.area)
    present = read_generation(meta)
    if meta is None:
        return _first(work, wanted)
    if present is None or not present.materialized:
        return _whole(work, wanted, None)
    if _grows(work, present, wanted):
        return _extended(work, wanted, present)
    if only_added(work.lake, work.view, present, wanted):
        return _whole(work, wanted, present)
    return _replaced(work, wanted)


@dataclass
class _Found:
    """What the lake has, as far as it was read."""

    keys: set[bytes] = field(default_factory=set)
    rows: int = 0
    sequence: int = -1
    newest: int | None = None

    def note(self, keyed: Keyed, events: pa.Table) -> None:
        """Count in what was read."""
        self.keys.update(keyed.places)
        self.rows += len(keyed.rows)
        self.sequence = last_sequence(events, self.sequence)
        self.newest = newest_time(events, self.newest)

    def told(self, wanted: Generation) -> Generation:
        """Say what an area holds that has all of it."""
        return wanted.replace(
            keys=len(self.keys), events=self.rows, sequence=self.sequence, newest=self.newest
        )


def _first(work: Work, wanted: Generation) -> Generation:
    """Write an area that is not there; if one is by then, unite with it."""
    events, found = work.read(wanted), _Found()
    keyed = work.keyed(events, wanted.since)
    found.note(keyed, events)
    rows = build(work.plan, keyed, since=wanted.since)
    try:
        work.store.write(work.plan.area, rows, to_json(found.told(wanted)), replaces=None)
    except Conflict:
        return _whole(work, wanted, None)
    return found.told(wanted)


def _whole(work: Work, wanted: Generation, present: Generation | None) -> Generation:
    """Unite an area with all that the lake has."""
    plan, since, found = work.plan, wanted.since, _Found()
    if present is not None:
        wanted = wanted.replace(until=max(wanted.until, present.until))
        found = _Found(sequence=present.sequence, newest=present.newest)

    def add(get: Get, events: Events) -> Parts:
        return add_events(plan, get, events, since=since, whole=True).parts

    _each(work, wanted, found, add)
    return work.finish(found.told(wanted))


def _replaced(work: Work, wanted: Generation) -> Generation:
    """Make every key anew of what the lake has, and of what only was pushed."""
    plan, since, found = work.plan, wanted.since, _Found()

    def replace(get: Get, events: Events) -> Parts:
        return replace_events(plan, get, events, since=since).parts

    _each(work, wanted, found, replace)
    return work.finish(found.told(wanted))


def _each(
    work: Work, wanted: Generation, found: _Found, change: Callable[[Get, Events], Parts]
) -> None:
    """Change every key by all that the lake has of it, be it nothing; note what that is."""
    for events in work.portions(wanted):
        keyed = work.keyed(events, wanted.since)
        found.note(keyed, events)
        places = keyed.places

        def edit(
            key: bytes, get: Get, keyed: Keyed = keyed, places: Mapping[bytes, int] = places
        ) -> Parts:
            return change(get, keyed.events(places[key]))

        work.change([*places], edit)
    # Keys of which the lake has nothing are complete from then on as well.
    none = Events(np.empty((0, work.plan.width), dtype=np.int64))
    others = [key for key in work.store.keys(work.plan.area) if key not in found.keys]
    work.change(others, lambda _, get: change(get, none))


def _extended(work: Work, wanted: Generation, before: Generation) -> Generation:
    """Unite an area with what the lake has more than last time."""
    plan, cut = work.plan, wanted.since > before.since and not before.keeps(wanted)
    wanted = wanted.replace(
        since=wanted.since if cut else before.since, until=max(wanted.until, before.until)
    )
    events = work.read(wanted, news(work.lake, work.view, before))
    keyed = keyed_events(plan, events, work.view.keys)
    places, fresh = keyed.places, set()

    def edit(key: bytes, get: Get) -> Parts:
        own = keyed.events(places[key]) if key in places else keyed.none
        change = add_events(plan, get, own, since=wanted.since)
        fresh.discard(key)
        if change.first > before.sequence and key in places:
            fresh.add(key)
        return change.parts

    others = work.store.keys(plan.area) if cut else ()
    work.change([*places, *(key for key in others if key not in places)], edit)
    return work.finish(
        wanted.replace(
            keys=before.keys + len(fresh),
            events=before.events + len(keyed.rows),
            sequence=last_sequence(events, before.sequence),
            newest=newest_time(events, before.newest),
        )
    )
