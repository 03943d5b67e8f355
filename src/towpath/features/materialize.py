"""Materialise: write what serving needs of a view, or of a spine, to the online store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog import intervals
from towpath.core.errors import Conflict, NotFound
from towpath.core.instant import MICROSECOND, from_micros, to_micros
from towpath.core.interval import Interval
from towpath.core.record import Record, fingerprint, to_json
from towpath.features.arrays import micros_of, to_values
from towpath.features.engines import SEQUENCE
from towpath.features.feature_set import validate_view
from towpath.features.generation import Generation, read_generation, read_meta
from towpath.features.increment import last_sequence, newest_time, news, only_added
from towpath.features.online.build import build, reaching
from towpath.features.online.events import encode_keys, keyed_events
from towpath.features.online.plan import StatePlan, plan_of
from towpath.features.online.state import ROOT, add_events, replace_events
from towpath.features.snapshot import Snapshot, read_events
from towpath.features.spine import latest_rows, spine_columns, spine_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from towpath.features.online import Edit, Get, OnlineStore, Parts, Row
    from towpath.features.online.events import Keyed
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake

KEYS_AT_ONCE = 2_000
ROWS_AT_ONCE = 8_000_000


class MaterializeReport(Record, frozen=True):
    """What was written.

    Args:
        view: the view, or the spine's online name.
        version: fingerprint of its definition.
        keys: how many keys there are.
        events: how many rows of the source they hold.
        since: earliest time at which features can be read.
        until: event times up to here were seen.
        seconds: how long it took.
        unchanged: whether all of it was already there.
        newest: time of the latest event that is there; None where there is none, or for a spine.
    """

    view: str
    version: str
    keys: int
    events: int
    since: datetime
    until: datetime
    seconds: float
    unchanged: bool = False
    newest: datetime | None = None


def materialize(
    lake: Lake, store: OnlineStore, view: FeatureView, *, until: datetime, history: timedelta
) -> MaterializeReport:
    """Bring a view's events into the online store, beside those that were pushed.

    Features can then be read at any time from ``until - history`` on. Where rows were only added
    to the source since the last time, only they are read and only the keys that they are of are
    written. Each key is written as one step, and writing it again changes nothing: after a kill at
    any moment, the same call completes what was begun. Very many rows are taken one stretch of time
    after the other, each of which is readable when it is done.

    Args:
        lake: holds the source.
        store: where the view goes.
        view: the view.
        until: later events are left out.
        history: how far back before that features are to be readable.

    Raises:
        Invalid: the view does not fit its source, or a naive time.
        NotFound: the source has no rows yet.
    """
    started = time.perf_counter()
    validate_view(view, lake.datasets)
    wanted = Generation(
        version=fingerprint([view, lake.datasets[view.source]]),
        source_version=_source_version(lake, view.source),
        since=to_micros(until) - history // MICROSECOND,
        until=to_micros(until),
    )
    work = _Work(lake, store, view, plan_of(view, lake.datasets[view.source]))
    found = read_generation(read_meta(store, work.plan.area))
    if found is not None and found.covers(wanted):
        return _recorded(lake, view.name, found, started=started).replace(unchanged=True)
    for end in _ends(work, found, wanted):
        found = _brought(work, wanted.replace(until=end))
    return _recorded(lake, view.name, found or wanted, started=started)


def _ends(work: _Work, present: Generation | None, wanted: Generation) -> list[int]:
    """Return up to when events are brought at once, so that they are not too many for memory."""
    source, known = work.lake[work.view.source], present is not None and present.materialized
    if source.rows() <= ROWS_AT_ONCE:
        return [wanted.until]
    time = source.dataset.event_time
    where = pc.field(time) <= from_micros(wanted.until)
    if known and present is not None:
        where &= pc.field(time) > from_micros(present.until)
    rows = source.scan([time], where, version=wanted.source_version)
    times = np.sort(micros_of(rows[time]).to_numpy())
    ends = times[ROWS_AT_ONCE - 1 : -1 : ROWS_AT_ONCE].tolist()
    return [*dict.fromkeys(end for end in ends if end < wanted.until), wanted.until]


def _brought(work: _Work, wanted: Generation) -> Generation:
    """Bring into an area what is missing there."""
    meta = read_meta(work.store, work.plan.area)
    present = read_generation(meta)
    if meta is None:
        return _first(work, wanted)
    if present is None or not present.materialized:
        return _united(work, wanted, None)
    if only_added(work.lake, work.view, present, wanted):
        return _united(work, wanted, present)
    return _replaced(work, wanted)


@dataclass(frozen=True)
class _Work:
    """What materialising a view works on."""

    lake: Lake
    store: OnlineStore
    view: FeatureView
    plan: StatePlan

    def read(self, wanted: Generation, only: pc.Expression | None = None) -> pa.Table:
        """Read events of the source."""
        snapshot = Snapshot(self.lake, {self.view.source: wanted.source_version})
        return read_events(snapshot, self.view, until=wanted.until, only=only, identified=True)

    def change(self, keys: Sequence[bytes], edit: Edit) -> None:
        """Change keys, some at a time."""
        for start in range(0, len(keys), KEYS_AT_ONCE):
            self.store.change(self.plan.area, keys[start : start + KEYS_AT_ONCE], edit)

    def finish(self, found: Generation) -> Generation:
        """Say what the area holds now."""
        self.store.change(self.plan.area, (), _no_edit, meta=lambda _: to_json(found))
        return found


def _no_edit(key: bytes, get: Get) -> Parts:
    """Change nothing."""
    del key, get
    return {}


def _first(work: _Work, wanted: Generation) -> Generation:
    """Write an area that is not there; if one is by then, unite with it."""
    events = work.read(wanted)
    keyed = reaching(work.plan, keyed_events(work.plan, events, work.view.keys), wanted.since)
    found = _made_of(wanted, keyed, events)
    rows = build(work.plan, keyed, since=wanted.since)
    try:
        work.store.write(work.plan.area, rows, to_json(found), replaces=None)
    except Conflict:
        return _united(work, wanted, None)
    return found


def _united(work: _Work, wanted: Generation, present: Generation | None) -> Generation:
    """Unite an area with all that the lake has, or with what it has more than last time."""
    plan, before = work.plan, present or wanted
    whole = present is None or wanted.since < present.since
    cut = not whole and wanted.since > before.since and not before.keeps(wanted)
    wanted = wanted.replace(
        since=wanted.since if whole or cut else before.since, until=max(wanted.until, before.until)
    )
    events = work.read(wanted, None if whole else news(work.lake, work.view, before))
    keyed = keyed_events(plan, events, work.view.keys)
    if whole:
        keyed = reaching(plan, keyed, wanted.since)
    places, fresh = keyed.places, set()

    def edit(key: bytes, get: Get) -> Parts:
        own = keyed.events(places[key]) if key in places else keyed.none
        change = add_events(plan, get, own, since=wanted.since, whole=whole)
        fresh.discard(key)
        if change.first > before.sequence and key in places:
            fresh.add(key)
        return change.parts

    # Keys of which the lake has nothing are complete from then on as well.
    others = work.store.keys(plan.area) if cut or whole else ()
    work.change([*places, *(key for key in others if key not in places)], edit)
    return work.finish(
        wanted.replace(
            keys=before.keys + len(fresh),
            events=len(keyed.rows) if whole else before.events + len(keyed.rows),
            sequence=last_sequence(events, before.sequence),
            newest=newest_time(events, before.newest),
        )
    )


def _replaced(work: _Work, wanted: Generation) -> Generation:
    """Make every key anew of what the lake has, and of what only was pushed."""
    plan, events = work.plan, work.read(wanted)
    keyed = reaching(plan, keyed_events(plan, events, work.view.keys), wanted.since)
    places = keyed.places

    def edit(key: bytes, get: Get) -> Parts:
        own = keyed.events(places[key]) if key in places else keyed.none
        return replace_events(plan, get, own, since=wanted.since).parts

    others = work.store.keys(plan.area)
    work.change([*places, *(key for key in others if key not in places)], edit)
    return work.finish(_made_of(wanted, keyed, events))


def _made_of(wanted: Generation, keyed: Keyed, events: pa.Table) -> Generation:
    """Say what an area holds that was made at once."""
    return wanted.replace(
        keys=len(keyed.places),
        events=len(keyed.rows),
        sequence=last_sequence(events),
        newest=newest_time(events),
    )


def materialize_spine(
    lake: Lake, store: OnlineStore, dataset: str, *, until: datetime
) -> MaterializeReport:
    """Write the last row of each key of a spine, so that serving finds it by the key alone.

    Where the spine has an event time, rows after ``until`` are not yet known and left out.

    Raises:
        Invalid: the spine has no key, or a naive time.
        NotFound: the spine has no rows yet.
    """
    started = time.perf_counter()
    table = lake[dataset]
    wanted = Generation(
        version=fingerprint(table.dataset),
        source_version=_source_version(lake, dataset),
        since=0,
        until=to_micros(until),
    )
    name = spine_name(dataset)
    meta = read_meta(store, name)
    present = read_generation(meta)
    if present is not None and present.covers(wanted):
        return _recorded(lake, name, present, started=started).replace(unchanged=True)
    columns = spine_columns(table.dataset)
    limit = pa.scalar(wanted.until).cast(pa.timestamp("us", "UTC"))
    where = pc.field(table.dataset.event_time) <= limit if table.dataset.event_time else None
    rows = table.scan([*columns, SEQUENCE], where, version=wanted.source_version)
    rows = latest_rows(rows, table.dataset)
    found = wanted.replace(keys=rows.num_rows, events=rows.num_rows)
    encoded = _spine_rows(rows, columns, table.dataset.key)
    store.write(name, encoded, to_json(found), replaces=meta)
    return _recorded(lake, name, found, started=started)


def _spine_rows(rows: pa.Table, columns: Sequence[str], keys: Sequence[str]) -> Iterator[Row]:
    """Encode each row of a spine by its key."""
    encode = msgspec.msgpack.Encoder().encode
    values = zip(*(to_values(rows[name]) for name in columns), strict=True)
    for key, value in zip(encode_keys(rows, keys), values, strict=True):
        yield key, ROOT, encode(value)


def _source_version(lake: Lake, dataset: str) -> int:
    """Return the version of a table that must exist."""
    version = lake[dataset].version()
    if version is None:
        message = f"Dataset {dataset!r} has no rows yet."
        raise NotFound(message, hint=f"Ingest it first: towpath data ingest {dataset}")
    return version


def _recorded(lake: Lake, name: str, found: Generation, *, started: float) -> MaterializeReport:
    """Keep the interval in the catalog and report."""
    interval = Interval(from_micros(found.since), from_micros(found.until))
    intervals.record(lake.db, name, version=found.version, interval=interval, at=lake.clock.now())
    return MaterializeReport(
        view=name,
        version=found.version,
        keys=found.keys,
        events=found.events,
        since=interval.start,
        until=interval.end,
        seconds=time.perf_counter() - started,
        newest=None if found.newest is None else from_micros(found.newest),
    )
