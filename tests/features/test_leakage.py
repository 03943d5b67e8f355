from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.view import Aggregate, AggregateFunction, FeatureView, Latest

ENGINE = EmbeddedEngine(workers=1)
FUNCTIONS: tuple[AggregateFunction, ...] = ("count", "sum", "mean", "min", "max")
MICROSECOND = timedelta(microseconds=1)


def view_of(*, exclusive: bool = False) -> FeatureView:
    found = [
        Aggregate(
            function, "delay", width * MICROSECOND, f"{function}_{width}", exclude_current=exclusive
        )
        for function in FUNCTIONS
        for width in (3, 20, 100)
    ]
    return FeatureView("v", "arrivals", ("carrier",), (*found, Latest("delay")))


def events_of(rows: list[tuple[str, int, float]]) -> pa.Table:
    return pa.table(
        {
            "carrier": pa.array([row[0] for row in rows], pa.string()),
            "_t": pa.array([row[1] for row in rows], pa.int64()),
            "delay": pa.array([row[2] for row in rows], pa.float64()),
            "_seq": pa.array(range(len(rows)), pa.int64()),
        }
    )


def features(events: pa.Table, at: int, view: FeatureView) -> pa.Table:
    labels = pa.table({"carrier": ["UA", "AA", "DL"], "_t": [at, at, at]})
    return ENGINE.compute(view, events, labels)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Compile before the first example is timed."""
    features(events_of([("UA", 1, 0.1), ("UA", 1, 0.3)]), 2, view_of())


rows = st.tuples(st.sampled_from(["UA", "AA", "DL"]), st.integers(0, 60), st.floats(-1e6, 1e6))


@given(st.lists(rows, max_size=30), st.lists(rows, max_size=30), st.integers(0, 60), st.data())
def test_events_after_the_label_time_change_no_feature(
    present: list[tuple[str, int, float]],
    others: list[tuple[str, int, float]],
    at: int,
    data: st.DataObject,
) -> None:
    """Values, keys, order and number of later events may be anything."""
    before = features(events_of(present), at, view_of())
    past = [row for row in present if row[1] <= at]
    later = [row for row in present if row[1] > at]
    changed = [(key, time, -value) for key, time, value in later]
    invented = [(key, at + 1 + time, value) for key, time, value in others]
    for future in ([], changed, later[::-1], invented):
        order = data.draw(st.permutations(range(len(past) + len(future))))
        kept = iter(past)
        mixed = [next(kept) if place < len(past) else future[place - len(past)] for place in order]
        assert features(events_of(mixed), at, view_of()).equals(before)


@given(st.lists(rows, max_size=30), st.integers(0, 60), st.floats(-1e6, 1e6))
def test_an_event_at_the_label_time_is_left_out_by_exclude_current(
    others: list[tuple[str, int, float]], at: int, delay: float
) -> None:
    """A label that is itself an event does not feed its own windows."""
    view = view_of(exclusive=True)
    view = view.replace(features=view.features[:-1])
    without = features(events_of(others), at, view)
    assert features(events_of([*others, ("UA", at, delay)]), at, view).equals(without)


def test_own_flight_never_feeds_its_features() -> None:
    """Each flight departs and arrives after its prediction time: its own events are not seen."""
    random = np.random.default_rng(3)
    flights, lead = 400, 2_000
    at = np.sort(random.integers(0, 50_000, flights))
    landed = at + lead + random.integers(0, 9_000, flights)
    carriers = random.choice(["UA", "AA"], flights)
    delays = random.normal(0, 10, flights)
    labels = pa.table({"carrier": carriers, "_t": at})
    view = view_of()
    wide = view.replace(features=(Aggregate("sum", "delay", 20_000 * MICROSECOND), Latest("delay")))
    events = pa.table(
        {"carrier": carriers, "_t": landed, "delay": delays, "_seq": np.arange(flights)}
    )
    found = ENGINE.compute(wide, events, labels)
    for own in range(0, flights, 7):
        loud = np.where(np.arange(flights) == own, 1e9, delays)
        shouted = events.set_column(2, "delay", pa.array(loud))
        again = ENGINE.compute(wide, shouted, labels.slice(own, 1))
        assert again.equals(found.slice(own, 1))
    assert pc.count_distinct(found["delay"]).as_py() > flights / 4
