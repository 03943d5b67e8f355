"""Materialise: write what serving needs of a view, or of a spine, to the online store."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog import intervals
from towpath.core.errors import NotFound
from towpath.core.instant import MICROSECOND, from_micros, to_micros
from towpath.core.interval import Interval
from towpath.core.record import Record, fingerprint, from_json, to_json
from towpath.features.arrays import Int64Array, dtype_of, to_bits, to_values
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.compile import CompiledView, compile_view
from towpath.features.engines.kernel.form import NO_LIMIT
from towpath.features.engines.order import event_order, key_codes
from towpath.features.feature_set import validate_view
from towpath.features.generation import Generation
from towpath.features.increment import can_extend, last_sequence, newest_time, news
from towpath.features.online.codec import NOTHING, Block, check_held, encode_key, pack
from towpath.features.snapshot import Snapshot, read_events
from towpath.features.spine import latest_rows, spine_columns, spine_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from towpath.features.online import OnlineStore
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake

Rows = list[tuple[bytes, bytes]]


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
    """Bring a view's events into the online store, as one new generation.

    Features can then be read at any time from ``until - history`` on. Where rows were only added
    to the source since the last time, only the keys that they are of are written. A kill at any
    moment leaves the generation before in place; the same call again does nothing more than what
    is missing.

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
    present = _present(store, view.name)
    if present is not None and present.covers(wanted):
        return _recorded(lake, view.name, present, started=started).replace(unchanged=True)
    if present is not None and can_extend(lake, view, present, wanted):
        found = _extend(lake, store, view, present=present, wanted=wanted)
    else:
        found = _rewrite(lake, store, view, wanted)
    return _recorded(lake, view.name, found, started=started)


def _extend(
    lake: Lake,
    store: OnlineStore,
    view: FeatureView,
    *,
    present: Generation,
    wanted: Generation,
) -> Generation:
    """Write the keys that have news; all of the history that is there stays readable."""
    events, added = news(lake, view, present, wanted)
    rows, _ = view_rows(view, events, since=present.since)
    known = store.read(view.name, [key for key, _ in rows])
    found = wanted.replace(
        since=present.since,
        keys=present.keys + sum(value is None for value in known),
        events=present.events + added,
        sequence=last_sequence(events, present.sequence),
        newest=newest_time(events, present.newest),
    )
    store.update(view.name, rows, to_json(found))
    return found


def _rewrite(lake: Lake, store: OnlineStore, view: FeatureView, wanted: Generation) -> Generation:
    """Write all keys of a view."""
    events = read_events(
        Snapshot(lake, {view.source: wanted.source_version}), view, until=wanted.until
    )
    rows, kept = view_rows(view, events, since=wanted.since)
    found = wanted.replace(
        keys=len(rows) - 1,
        events=kept,
        sequence=last_sequence(events),
        newest=newest_time(events),
    )
    store.write(view.name, rows, to_json(found))
    return found


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
    present = _present(store, name)
    if present is not None and present.covers(wanted):
        return _recorded(lake, name, present, started=started).replace(unchanged=True)
    columns = spine_columns(table.dataset)
    limit = pa.scalar(wanted.until).cast(pa.timestamp("us", "UTC"))
    where = pc.field(table.dataset.event_time) <= limit if table.dataset.event_time else None
    rows = table.scan([*columns, SEQUENCE], where, version=wanted.source_version)
    rows = latest_rows(rows, table.dataset)
    found = wanted.replace(keys=rows.num_rows, events=rows.num_rows)
    store.write(name, _spine_rows(rows, columns, table.dataset.key), to_json(found))
    return _recorded(lake, name, found, started=started)


def view_rows(view: FeatureView, events: pa.Table, *, since: int) -> tuple[Rows, int]:
    """Return a view's events as rows of the online store, and how many events they hold.

    Args:
        view: the view.
        events: its source's rows as ``read_events`` returns them.
        since: earliest time, in microseconds, at which features will be read.
    """
    events = events.filter(pc.is_valid(events[TIME]))
    plan = compile_view(view, {name: dtype_of(events[name].type) for name in view.used})
    check_held(view.name, plan)
    codes, _ = key_codes(events, events.slice(0, 0), view.keys)
    order = event_order(codes, events[TIME].to_numpy(), events[SEQUENCE].to_numpy())
    order = _needed(plan, order, (codes, events[TIME].to_numpy()), since)
    kept, kept_codes = events.take(order), codes[order]
    starts = np.flatnonzero(np.diff(kept_codes, prepend=-1))
    names = _keys(kept.take(starts), view.keys)
    rows = list(zip(names, _blocks(plan, kept, starts, since), strict=True))
    none = next(_blocks(plan, kept.slice(0, 0), np.zeros(1, dtype=np.int64), since))
    return [*rows, (NOTHING, none)], order.size


def _needed(
    plan: CompiledView, order: Int64Array, codes_times: tuple[Int64Array, Int64Array], since: int
) -> Int64Array:
    """Keep events of whole keys that some window or ttl can reach from ``since`` on."""
    codes, times = codes_times[0][order], codes_times[1][order]
    keep = codes >= 0 if plan.reach == NO_LIMIT else times >= since - plan.reach
    if plan.unlimited:
        # The last event before the cut still counts as the latest one.
        keep[:-1] |= (codes[1:] == codes[:-1]) & keep[1:]
        keep |= np.diff(codes, append=-1) != 0
    return order[keep & (codes >= 0)]


def _blocks(
    plan: CompiledView, events: pa.Table, starts: Int64Array, since: int
) -> Iterator[bytes]:
    """Pack the events of each key, which begin at ``starts``."""
    times, sequence = events[TIME].to_numpy(), events[SEQUENCE].to_numpy()
    columns = [
        to_bits(events[name], dtype) for name, dtype in zip(plan.columns, plan.dtypes, strict=True)
    ]
    bits = np.array([values for values, _, _ in columns]).reshape(len(columns), times.size)
    valid = np.array([present for _, present, _ in columns], dtype=np.uint8).reshape(bits.shape)
    strings = {number: texts for number, (_, _, texts) in enumerate(columns) if texts}
    for start, stop in zip(starts, np.append(starts, times.size)[1:], strict=True):
        own = bits[:, start:stop].copy()
        texts: list[str] = []
        for number, known in strings.items():
            used, own[number] = np.unique(own[number], return_inverse=True)
            own[number] += len(texts)
            texts += [known[code] for code in used]
        yield pack(
            Block(
                times[start:stop],
                sequence[start:stop],
                own,
                valid[:, start:stop],
                tuple(texts),
                plan.layout,
                since,
            )
        )


def _keys(rows: pa.Table, keys: Sequence[str]) -> list[bytes]:
    """Encode the key of each row."""
    if not keys:
        return [encode_key(())] * rows.num_rows
    columns = [to_values(rows[key]) for key in keys]
    return [encode_key(values) for values in zip(*columns, strict=True)]


def _spine_rows(
    rows: pa.Table, columns: Sequence[str], keys: Sequence[str]
) -> Iterator[tuple[bytes, bytes]]:
    """Encode each row of a spine by its key."""
    encode = msgspec.msgpack.Encoder().encode
    values = zip(*(to_values(rows[name]) for name in columns), strict=True)
    return zip(_keys(rows, keys), map(encode, values), strict=True)


def _source_version(lake: Lake, dataset: str) -> int:
    """Return the version of a table that must exist."""
    version = lake[dataset].version()
    if version is None:
        message = f"Dataset {dataset!r} has no rows yet."
        raise NotFound(message, hint=f"Ingest it first: towpath data ingest {dataset}")
    return version


def _present(store: OnlineStore, name: str) -> Generation | None:
    """Return what the generation that is there says about itself."""
    meta = store.meta(name)
    return None if meta is None else from_json(meta, Generation)


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
