"""Materialise: write what serving needs of a view, or of a spine, to the online store."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog import intervals
from towpath.core.errors import NotFound
from towpath.core.instant import MICROSECOND, from_micros, to_micros
from towpath.core.interval import Interval
from towpath.core.record import Record, fingerprint, to_json
from towpath.features.arrays import to_values
from towpath.features.bring import Work, bring
from towpath.features.engines import SEQUENCE
from towpath.features.feature_set import validate_view
from towpath.features.former import settle
from towpath.features.generation import NO_VERSION, Generation, read_generation, read_meta
from towpath.features.online.events import encode_keys
from towpath.features.online.plan import plan_of
from towpath.features.online.state import ROOT
from towpath.features.spine import latest_rows, require_key, spine_columns, spine_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from towpath.features.online import OnlineStore, Row
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake
    from towpath.lake.table import Table


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
    after the other, each of which is readable when it is done; where all of a view is written
    anew, some keys after the others. Areas of former definitions of the view are dropped when it is
    materialised a day after the present one was for the first time.

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
        history=history // MICROSECOND,
    )
    work = Work(lake, store, view, plan_of(view, lake.datasets[view.source]))
    present = read_generation(read_meta(store, work.plan.area))
    covered = present is not None and present.covers(wanted)
    found = present if present is not None and covered else bring(work, present, wanted)
    settle(store, view.name, work.plan.area, now=to_micros(lake.clock.now()))
    return _recorded(lake, view.name, found, started=started).replace(unchanged=covered)


def materialize_spine(
    lake: Lake, store: OnlineStore, dataset: str, *, until: datetime
) -> MaterializeReport:
    """Write the last row of each key of a spine, so that serving finds it by the key alone.

    Where the spine has an event time, rows after ``until`` are not yet known and left out. Of a
    spine that has no rows yet no key is known.

    Raises:
        Invalid: the spine has no key, or a naive time.
    """
    started = time.perf_counter()
    table = lake[dataset]
    require_key(table.dataset)
    version = table.version()
    wanted = Generation(
        version=fingerprint(table.dataset),
        source_version=NO_VERSION if version is None else version,
        since=0,
        until=to_micros(until),
    )
    name = spine_name(dataset)
    meta = read_meta(store, name)
    present = read_generation(meta)
    if present is not None and present.covers(wanted):
        return _recorded(lake, name, present, started=started).replace(unchanged=True)
    columns, rows = spine_columns(table.dataset), None
    if wanted.materialized:
        rows = _known_rows(table, columns, wanted)
    count = 0 if rows is None else rows.num_rows
    found = wanted.replace(keys=count, events=count)
    encoded = () if rows is None else _spine_rows(rows, columns, table.dataset.key)
    store.write(name, encoded, to_json(found), replaces=meta)
    return _recorded(lake, name, found, started=started)


def _known_rows(table: Table, columns: Sequence[str], wanted: Generation) -> pa.Table:
    """Read the last row of each key of a spine that is known by then."""
    limit = pa.scalar(wanted.until).cast(pa.timestamp("us", "UTC"))
    where = pc.field(table.dataset.event_time) <= limit if table.dataset.event_time else None
    rows = table.scan([*columns, SEQUENCE], where, version=wanted.source_version)
    return latest_rows(rows, table.dataset)


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
