"""Push: events straight into the online store, before the lake has them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from towpath.core.errors import Contract, Invalid
from towpath.core.instant import to_micros
from towpath.core.record import Record, to_json
from towpath.features.arrays import micros_of
from towpath.features.condition import satisfying
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.kernel.block import PUSHED
from towpath.features.generation import NO_VERSION, Generation, read_generation, read_meta
from towpath.features.identity import IDENTITY, identities
from towpath.features.online.events import keyed_events
from towpath.features.online.plan import plan_of
from towpath.features.online.state import Change, add_events
from towpath.lake.checks import check_rows
from towpath.lake.checks.failure import blocked_rows, reasons
from towpath.lake.contract import conform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from towpath.features.online import Get, OnlineStore, Parts
    from towpath.features.online.plan import StatePlan
    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset

# Where pushed rows go: the online store, the lake or both.
Target = Literal["online", "offline", "online_and_offline"]
SHOWN = 5
NAMELESS = "a part of its key or its event time is missing"


class Arrivals:
    """Numbers what arrives, ascending within a process even where the clock stands still.

    Example:
        >>> arrivals = Arrivals()
        >>> arrivals.next(100, 3), arrivals.next(100, 1), arrivals.next(200, 1)
        (100, 103, 200)
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._next = 0

    def next(self, now: int, count: int) -> int:
        """Return the first of so many numbers."""
        with self._turn:
            first = max(now, self._next)
            self._next = first + count
        return first


ARRIVALS = Arrivals()


class PushReport(Record, frozen=True):
    """What became of pushed rows; each is counted once for each view that it is an event of.

    Args:
        rows: how many were pushed.
        accepted: events that are new.
        repeated: events that were there.
        expired: events too old to be kept.
    """

    rows: int
    accepted: int = 0
    repeated: int = 0
    expired: int = 0

    def __add__(self, other: PushReport) -> PushReport:
        """Count what two views made of the same rows."""
        return PushReport(
            self.rows,
            self.accepted + other.accepted,
            self.repeated + other.repeated,
            self.expired + other.expired,
        )


class Judged(NamedTuple):
    """Rows held against their contract.

    Args:
        rows: all of them, in the contract's types.
        wrong: why a row may not be pushed, by its number from 0, ascending.
    """

    rows: pa.Table
    wrong: Mapping[int, str]


def push(
    store: OnlineStore,
    dataset: Dataset,
    views: Iterable[FeatureView],
    rows: pa.Table,
    *,
    now: datetime,
) -> PushReport:
    """Add rows of a dataset to the online state of views of it.

    What returned is durable, and in every later read. An event is known by its event time and the
    dataset's key: to push it again changes nothing, and when the lake's copy of it comes by
    materialisation, that takes its place. Late events are put where they belong. If the call fails
    half-way, some views or keys may have the rows already: push them again.

    Args:
        store: holds the states.
        dataset: the contract of the rows.
        views: views of the dataset.
        rows: as the contract says; all are refused if one does not keep it.
        now: when they came.

    Raises:
        Invalid: the dataset has no key or event time.
        Contract: a row does not keep the contract; the message names the rows, from 0.
        Unavailable: the store is.

    Example:
        >>> from towpath.core.instant import from_micros
        >>> from towpath.features.online.memory import MemoryStore
        >>> from towpath.features.view import FeatureView, Latest
        >>> from towpath.lake.dataset import Column, Dataset
        >>> columns = (Column("id", "int64"), Column("car", "string"), Column("at", "timestamp"))
        >>> trips = Dataset("trips", columns, key=("id",), event_time="at")
        >>> view = FeatureView("car", "trips", ("car",), (Latest("id"),))
        >>> at = pa.array([5], pa.timestamp("us", "UTC"))
        >>> rows, store = pa.table({"id": [1], "car": ["a"], "at": at}), MemoryStore()
        >>> push(store, trips, [view], rows, now=from_micros(6)).accepted
        1
        >>> push(store, trips, [view], rows, now=from_micros(7)).repeated
        1
    """
    return Pusher(store, dataset, views).push(rows, now=now)


class Pusher:
    """Pushes rows of one dataset; made once, it spares each push what does not change.

    Any thread may push. What is promised is as for ``push``.

    Args:
        store: holds the states.
        dataset: the contract of the rows.
        views: views of the dataset.

    Raises:
        Invalid: the dataset has no key or event time.
    """

    def __init__(self, store: OnlineStore, dataset: Dataset, views: Iterable[FeatureView]) -> None:
        """Plan the views."""
        if not dataset.key or not dataset.event_time:
            lacks = "event time" if dataset.key else "key"
            message = f"Rows of dataset {dataset.name!r} cannot be pushed: it has no {lacks}."
            hint = "Give it a key and an event_time: they make a repeated push one event."
            raise Invalid(message, hint=hint, dataset=dataset.name)
        self._store = store
        self._dataset = dataset
        self._plans = [(view, plan_of(view, dataset)) for view in views]
        self._rules = _rules(dataset)

    def push(self, rows: pa.Table, *, now: datetime) -> PushReport:
        """Add rows; raises as ``push``."""
        return self.add(self.checked(rows), now=now)

    def checked(self, rows: pa.Table) -> pa.Table:
        """Return rows in the contract's types.

        Raises:
            Contract: a row does not keep the contract; the message names the rows, from 0.
        """
        given, wrong = self.judged(rows)
        if not wrong:
            return given
        told = "; ".join(f"row {row}: {wrong[row]}" for row in [*wrong][:SHOWN])
        name = self._dataset.name
        message = (
            f"{len(wrong)} of {given.num_rows} rows pushed to {name!r} do not keep its "
            f"contract: {told}."
        )
        hint = "Mend them and push all again; none was taken in."
        raise Contract(message, hint=hint, dataset=name, rows=[*wrong])

    def judged(self, rows: pa.Table) -> Judged:
        """Hold rows against the contract.

        Raises:
            Contract: the columns are not those of the contract.
        """
        return _judged(self._dataset, self._rules, rows)

    def add(self, given: pa.Table, *, now: datetime) -> PushReport:
        """Add rows that ``checked`` returned.

        Raises:
            Unavailable: the store is.
        """
        arrived, count = to_micros(now), given.num_rows
        sequence = PUSHED + ARRIVALS.next(arrived, count) + np.arange(count)
        events = given.append_column(SEQUENCE, pa.array(sequence, pa.int64()))
        events = events.append_column(IDENTITY, identities(given, self._dataset))
        events = events.append_column(TIME, micros_of(given[self._dataset.event_time]))
        found = PushReport(count)
        for view, plan in self._plans:
            found += _push(self._store, view, plan, events, arrived=arrived)
        return found


def _rules(dataset: Dataset) -> Dataset:
    """Return what rows are checked for when they are pushed."""
    # Whether a row comes twice is told by the state, and what it refers to may be on its way.
    columns = tuple(one.replace(unique=False, references="") for one in dataset.columns)
    return dataset.replace(columns=columns, key=())


def _judged(dataset: Dataset, rules: Dataset, rows: pa.Table) -> Judged:
    """Say of each row that is wrong why it is."""
    given = conform(dataset, rows, origin="what is pushed")
    failures = check_rows(rules, given)
    blocked = blocked_rows(failures, given.num_rows)
    nameless = np.zeros(given.num_rows, dtype=bool)
    for name in (*dataset.key, dataset.event_time):
        if given[name].null_count:
            nameless |= np.array(given[name].is_null())
    wrong = np.flatnonzero(blocked | nameless)
    if not wrong.size:
        return Judged(given, {})
    texts = dict(zip(np.flatnonzero(blocked).tolist(), reasons(failures, blocked), strict=True))
    return Judged(given, {row: texts.get(row, NAMELESS) for row in wrong.tolist()})


def _push(
    store: OnlineStore, view: FeatureView, plan: StatePlan, events: pa.Table, *, arrived: int
) -> PushReport:
    """Add events to the state of one view."""
    if view.where:
        events = events.filter(pa.array(satisfying(events, view)))
    named = {name: events[view.source_column(name)] for name in (*view.keys, *view.used)}
    named |= {name: events[name] for name in (SEQUENCE, IDENTITY, TIME)}
    keyed = keyed_events(plan, pa.table(named), view.keys)
    places = keyed.places
    held = read_generation(read_meta(store, plan.area))
    since = arrived if held is None else held.kept_since(arrived)
    changes: dict[bytes, Change] = {}

    def edit(key: bytes, get: Get) -> Parts:
        changes[key] = add_events(plan, get, keyed.events(places[key]), since=since)
        return changes[key].parts

    if places or held is None:
        meta = None if held is not None else (lambda before: _meta(before, arrived))
        store.change(plan.area, list(places), edit, meta=meta)
    accepted = sum(one.added for one in changes.values())
    expired = sum(one.expired for one in changes.values())
    return PushReport(0, accepted, len(keyed.rows) - accepted - expired, expired)


def _meta(before: bytes | None, arrived: int) -> bytes:
    """Say of an area that it holds nothing but what was pushed, if nothing is said yet."""
    if before is not None and read_generation(before) is not None:
        return before
    return to_json(Generation("", NO_VERSION, since=arrived, until=arrived))
