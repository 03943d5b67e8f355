"""Features as a read of the online store found them: from the events that were there by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog.events import read as read_log
from towpath.core.instant import parse_instant, to_micros
from towpath.features.arrays import Int64Array, micros_of
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.order import event_order, key_codes
from towpath.features.identity import IDENTITY
from towpath.features.served import reach_of
from towpath.lake.intake import INGESTED_AT
from towpath.lake.system import PUSH_ARRIVALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from towpath.catalog.database import Database
    from towpath.features.engines import Engine
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake

# The action under which a materialisation is in the log of events.
MATERIALIZED = "feature_view.materialized"
MOST_MATERIALIZED = 100_000
# A read and a push at one time: which was first is not known any closer.
SLACK = 1_000_000
NEVER = 2**62
ALWAYS = -NEVER
LABEL = "_label"
PAIRS_AT_ONCE = 4_000_000
SECOND = 1_000_000


class Materialized(NamedTuple):
    """A materialisation of a view.

    Args:
        started: in microseconds; rows that came later may not be in it.
        finished: when all of it could be read.
        until: event times up to here were brought.
    """

    started: int
    finished: int
    until: int


@dataclass(frozen=True)
class Reads:
    """When labels were read online.

    Args:
        at: for each label, in microseconds.
        early: whether what was on its way into the online store at that time counts as there.
    """

    at: Int64Array
    early: bool


class Visible(NamedTuple):
    """Events of a view, and from when on a read may see each, in microseconds."""

    events: pa.Table
    since: Int64Array


def visible_events(lake: Lake, view: FeatureView, events: pa.Table, *, early: bool) -> Visible:
    """Find out from when on each of a view's events could be read online.

    An event that came through the log of pushes could be read from its arrival on, and any event
    from the first materialisation on that had its row. Where no materialisation is known, all could
    be read always.

    Args:
        lake: has the arrivals of pushed rows, and the log of materialisations.
        view: the view.
        events: as ``read_events`` gives them, with ``_id`` and ``_ingested_at``.
        early: count an event from when it was on its way, not from when it surely was there.
    """
    events = events.filter(pc.and_(events[TIME].is_valid(), events[INGESTED_AT].is_valid()))
    times, came = events[TIME].to_numpy(), micros_of(events[INGESTED_AT]).to_numpy()
    known = materializations(lake.db, view.name)
    since = np.full(times.size, NEVER if known else ALWAYS, dtype=np.int64)
    for one in known:
        limit, there = (one.finished, one.started) if early else (one.started, one.finished)
        brought = (came <= limit) & (times <= one.until)
        since[brought] = np.minimum(since[brought], there)
    return Visible(events, np.minimum(since, _arrivals(lake, view, events, early=early)))


def materializations(db: Database, view: str) -> tuple[Materialized, ...]:
    """Return the materialisations of a view that the log of events knows.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     materializations(db, "car")
        ()
    """
    subject = f"feature_view/{view}"
    found = []
    for event in read_log(db, subject=subject, action=MATERIALIZED, limit=MOST_MATERIALIZED):
        if event.subject == subject:
            finished, until = to_micros(event.at), parse_instant(str(event.data["until"]))
            took = round(float(str(event.data["seconds"])) * SECOND)
            found.append(Materialized(finished - took, finished, to_micros(until)))
    return tuple(found)


def was_pushed(lake: Lake, dataset: str) -> bool:
    """Tell whether rows of a dataset came through the log of pushes into the online store too."""
    return bool(_arrived(lake, dataset).num_rows)


def compute_as_read(
    engine: Engine, view: FeatureView, visible: Visible, *, labels: pa.Table, reads: Reads
) -> pa.Table:
    """Return the view's features for each label, from events that could be read at its time.

    Each label is computed from events of its own, so this is for not very many of them.

    Args:
        engine: computes features.
        view: what to compute.
        visible: the view's events.
        labels: key columns and ``_t``.
        reads: when they were read.

    Example:
        >>> from towpath.features.engines.embedded import EmbeddedEngine
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> rows = {"car": ["a", "a"], "km": [5, 6], "_t": [1, 2], "_seq": [0, 1]}
        >>> visible = Visible(pa.table(rows), np.array([1, 9]))
        >>> labels = pa.table({"car": ["a", "a"], "_t": [8, 8]})
        >>> reads = Reads(np.array([8, 9]), early=False)
        >>> compute_as_read(EmbeddedEngine(), view, visible, labels=labels, reads=reads)[
        ...     "km"
        ... ].to_pylist()
        [5, 6]
    """
    alone = view.replace(keys=(LABEL,), where="", columns={})
    needed = [*view.used, TIME, SEQUENCE]
    found = []
    for numbers, places, owners in _portions(view, visible, labels, reads.at):
        events = visible.events.select(needed).take(places).append_column(LABEL, pa.array(owners))
        asked = pa.table({LABEL: pa.array(numbers), TIME: labels[TIME].take(numbers)})
        found.append(engine.compute(alone, events, asked))
    return pa.concat_tables(found)


def _portions(
    view: FeatureView, visible: Visible, labels: pa.Table, read_at: Int64Array
) -> Iterator[tuple[Int64Array, Int64Array, Int64Array]]:
    """Yield runs of labels: their numbers, the places of their events, and whose each is."""
    events = visible.events
    codes, wanted = key_codes(events, labels, view.keys)
    times = events[TIME].to_numpy()
    order = event_order(codes, times, events[SEQUENCE].to_numpy())
    codes, times, since = codes[order], times[order], visible.since[order]
    starts, stops = np.searchsorted(codes, wanted), np.searchsorted(codes, wanted, side="right")
    reach, asked = reach_of(view), labels[TIME].to_numpy()
    first, places, owners, held = 0, [order[:0]], [order[:0]], 0
    for label in range(labels.num_rows):
        seen = order[:0]
        if wanted[label] >= 0:
            own = slice(int(starts[label]), int(stops[label]))
            seen = _seen(times[own], since[own], (asked[label], reach, read_at[label])) + own.start
        places.append(order[seen])
        owners.append(np.full(seen.size, label, dtype=np.int64))
        held += seen.size
        if held >= PAIRS_AT_ONCE or label == labels.num_rows - 1:
            yield np.arange(first, label + 1), np.concatenate(places), np.concatenate(owners)
            first, places, owners, held = label + 1, [order[:0]], [order[:0]], 0


def _seen(times: Int64Array, since: Int64Array, label: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return the places of a key's events that a label can see."""
    at, reach, read_at = label
    first = int(np.searchsorted(times, at - reach, side="left"))
    stop = int(np.searchsorted(times, at, side="right"))
    return first + np.flatnonzero(since[first:stop] <= read_at)


def _arrivals(lake: Lake, view: FeatureView, events: pa.Table, *, early: bool) -> Int64Array:
    """Return when each event was there as a pushed one."""
    arrived = _arrived(lake, view.source)
    found = np.full(events.num_rows, NEVER, dtype=np.int64)
    if not arrived.num_rows:
        return found
    codes, wanted = key_codes(arrived, events, (IDENTITY, TIME))
    came = micros_of(arrived["arrived"]).to_numpy() + (0 if early else SLACK)
    first = np.full(int(max(codes.max(), wanted.max(initial=-1))) + 1, NEVER, dtype=np.int64)
    np.minimum.at(first, codes, came)
    return first[wanted]


def _arrived(lake: Lake, dataset: str) -> pa.Table:
    """Read when rows of a dataset arrived; as ``_id`` and ``_t`` which they are."""
    table = lake[PUSH_ARRIVALS.name]
    columns = ["identity", "happened", "arrived"]
    if not table.exists():
        none = {name: pa.array([], pa.int64()) for name in (IDENTITY, TIME, "arrived")}
        return pa.table(none)
    rows = table.scan(columns, pc.field("dataset") == dataset)
    return pa.table(
        {
            IDENTITY: rows["identity"],
            TIME: micros_of(rows["happened"]),
            "arrived": rows["arrived"],
        }
    )
