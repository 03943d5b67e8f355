"""Features as they would have been served: what came late is not seen before it came."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.instant import MICROSECOND
from towpath.features.arrays import Int64Array, micros_of
from towpath.features.engines import TIME
from towpath.features.engines.order import key_codes
from towpath.features.view import Latest
from towpath.lake.intake import INGESTED_AT

if TYPE_CHECKING:
    from towpath.features.engines import Engine
    from towpath.features.view import FeatureView

# Further back than there are times.
FOREVER = 2**62
Flags = npt.NDArray[np.bool_]


class Arrivals(NamedTuple):
    """Events and labels as numbers: which key, when it happened, from when on it is seen."""

    codes: Int64Array
    times: Int64Array
    seen: Int64Array
    label_codes: Int64Array
    label_times: Int64Array


def compute_as_served(
    engine: Engine,
    view: FeatureView,
    events: pa.Table,
    *,
    labels: pa.Table,
    visible_after: timedelta,
) -> pa.Table:
    """Return the view's features for each label, from events that had been ingested by then.

    Most labels have no event of their key on its way: those are computed together. The others
    are computed once for each time at which something that they may miss came in, and only with
    the events of their keys.

    Args:
        engine: computes features.
        view: what to compute.
        events: as ``read_events`` gives them, with ``_ingested_at``.
        labels: key columns and ``_t``.
        visible_after: a label at time t sees what was ingested by ``t + visible_after``.

    Example:
        >>> from datetime import timedelta
        >>> from towpath.features.engines.embedded import EmbeddedEngine
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> came = pa.array([1, 9], pa.int64()).cast(pa.timestamp("us", "UTC"))
        >>> rows = {"car": ["a", "a"], "km": [5, 6], "_t": [1, 2], "_seq": [0, 1]}
        >>> labels = pa.table({"car": ["a", "a"], "_t": [8, 9]})
        >>> found = compute_as_served(
        ...     EmbeddedEngine(), view, pa.table({**rows, "_ingested_at": came}),
        ...     labels=labels, visible_after=timedelta(),
        ... )
        >>> found["km"].to_pylist()
        [5, 6]
    """
    events = events.filter(pc.and_(events[TIME].is_valid(), events[INGESTED_AT].is_valid()))
    codes, label_codes = key_codes(events, labels, view.keys)
    times = events[TIME].to_numpy()
    came = micros_of(events[INGESTED_AT]).to_numpy() - visible_after // MICROSECOND
    arrivals = Arrivals(codes, times, np.maximum(came, times), label_codes, labels[TIME].to_numpy())
    late = arrivals.seen > times
    waiting = _waiting(arrivals, late)
    moments = np.unique(arrivals.seen[late])
    turns = np.searchsorted(moments, arrivals.label_times, side="right")
    parts = [np.flatnonzero(~waiting)]
    found = [engine.compute(view, events, labels.take(parts[0]))]
    by_key = np.argsort(codes, kind="stable")
    ordered = codes[by_key]
    reach = reach_of(view)
    for turn in np.unique(turns[waiting]):
        rows = np.flatnonzero(waiting & (turns == turn))
        near = np.sort(by_key[_places(ordered, np.unique(label_codes[rows]))])
        near = near[~late[near] | (turn > 0) & (arrivals.seen[near] <= moments[turn - 1])]
        at = arrivals.label_times[rows]
        near = near[(times[near] <= at.max()) & (times[near] >= at.min() - reach)]
        parts.append(rows)
        found.append(engine.compute(view, events.take(near), labels.take(rows)))
    back = np.argsort(np.concatenate(parts), kind="stable")
    return pa.concat_tables(found).take(back)


def _waiting(arrivals: Arrivals, late: Flags) -> Flags:
    """Tell which labels have an event of their key that happened, but had not come."""
    instants = np.concatenate((arrivals.times[late], arrivals.seen[late], arrivals.label_times))
    distinct, ranks = np.unique(instants, return_inverse=True)
    count = int(late.sum())
    own = arrivals.codes[late] * distinct.size
    at = arrivals.label_codes * distinct.size + ranks[2 * count :]
    happened = np.searchsorted(np.sort(own + ranks[:count]), at, side="right")
    came = np.searchsorted(np.sort(own + ranks[count : 2 * count]), at, side="right")
    return (happened > came) & (arrivals.label_codes >= 0)


def _places(ordered: Int64Array, keys: Int64Array) -> Int64Array:
    """Return where some keys stand in an order."""
    starts, ends = np.searchsorted(ordered, keys), np.searchsorted(ordered, keys, side="right")
    counts = ends - starts
    places: Int64Array = np.repeat(starts - np.cumsum(counts) + counts, counts)
    return places + np.arange(places.size)


def reach_of(view: FeatureView) -> int:
    """Return how many microseconds back from its time a feature may look.

    Example:
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),), timedelta(seconds=1))
        >>> reach_of(view)
        1000000
    """
    spans = [view.ttl if isinstance(one, Latest) else one.window for one in view.features]
    longest = max((span for span in spans if span is not None), default=timedelta())
    return FOREVER if None in spans else longest // MICROSECOND
