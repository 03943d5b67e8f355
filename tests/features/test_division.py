from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.properties.test_kernel_oracle import Case, as_table, cases

from towpath.features.arrays import dtype_of
from towpath.features.engines.compile import compile_view
from towpath.features.engines.division import (
    count_buckets,
    divide,
    event_tasks,
    keyed_rows,
    label_tasks,
)
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.engines.parcel import EVENTS, LABELS, Parcel, pack, to_bytes, unpack
from towpath.features.engines.task import ROW, Fitted, compute_tasks
from towpath.features.view import Aggregate, FeatureView, Latest, aggregates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.engines.division import Division

HOUR = 3_600_000_000


def divided(
    view: FeatureView, pieces: Sequence[pa.Table], labels: pa.Table, size: int
) -> tuple[Division, list[Parcel]]:
    """Divide rows among tasks, as an engine does that carries them."""
    plan = compile_view(view, {name: dtype_of(pieces[0][name].type) for name in view.used})
    fitted = Fitted(view, labels)
    numbered = labels.select([*view.keys, "_t"])
    numbered = numbered.append_column(ROW, pa.array(np.arange(labels.num_rows)))
    asked = keyed_rows(numbered, view.keys)
    counts = sum(count_buckets(keyed_rows(fitted(one), view.keys)) for one in pieces)
    limits = {"reach": plan.reach, "unlimited": plan.unlimited}
    division = divide(asked, counts, size=size, **limits)  # type: ignore[arg-type]
    rows = [keyed_rows(fitted(one), view.keys) for one in pieces]
    parts = chain.from_iterable(event_tasks(one, view.keys, division) for one in rows)
    events = [Parcel(task, EVENTS, own) for task, own in parts]
    return division, [
        *(Parcel(task, LABELS, own) for task, own in label_tasks(asked, division)),
        *events,
    ]


def computed(view: FeatureView, parcels: Sequence[Parcel], nothing: pa.Table) -> pa.Table:
    found = compute_tasks(pack(parcels), view, to_bytes(nothing))
    table = pa.concat_tables([one.content for one in unpack(found)])
    return table.sort_by(ROW).drop_columns([ROW])


@given(cases(), st.integers(1, 12), st.integers(0, 25))
def test_divided_rows_have_the_features_of_all_rows(case: Case, size: int, cut: int) -> None:
    events, labels = as_table(case.events), as_table(case.labels)
    pieces = [events.slice(cut), events.slice(0, cut)]
    _, parcels = divided(case.view, pieces, labels, size)
    nothing = Fitted(case.view, labels)(events.slice(0, 0))
    found = computed(case.view, parcels, nothing)
    assert found.equals(EmbeddedEngine(1).compute(case.view, events, labels))


def giant_key(count: int) -> tuple[pa.Table, pa.Table]:
    """Nearly all events and labels are of one key."""
    random = np.random.default_rng(3)
    keys = np.where(random.random(count) < 0.95, 7, random.integers(100, 200, count))
    times = random.integers(0, 2000 * HOUR, count)
    values = random.normal(size=count)
    rows = pa.table({"k": keys, "v": values, "_t": times, "_seq": np.arange(count)})
    return rows, rows.select(["k", "_t"]).slice(0, count // 10)


WINDOWED = FeatureView(
    "v", "s", ("k",), (*aggregates("sum", "v", windows=["3h", "2d"]), Latest("v"))
)
LIFETIME = FeatureView("v", "s", ("k",), (Aggregate("sum", "v", None),))


def test_a_giant_key_is_spread_over_tasks_of_about_equal_size() -> None:
    events, labels = giant_key(20_000)
    division, parcels = divided(WINDOWED, [events], labels, 1000)
    sizes = np.zeros(division.tasks, dtype=np.int64)
    for one in parcels:
        sizes[one.task] += one.content.num_rows
    assert division.tasks > 15
    assert sizes.max() < 2500
    assert sizes.sum() < 1.6 * (events.num_rows + labels.num_rows)
    found = computed(WINDOWED, parcels, Fitted(WINDOWED, labels)(events.slice(0, 0)))
    assert found.equals(EmbeddedEngine(2).compute(WINDOWED, events, labels))


def test_a_giant_key_over_its_lifetime_is_not_copied_to_many_tasks() -> None:
    events, labels = giant_key(20_000)
    _, parcels = divided(LIFETIME, [events], labels, 1000)
    sent = sum(one.content.num_rows for one in parcels if one.kind == EVENTS)
    assert sent <= events.num_rows


def test_many_labels_of_one_key_are_spread_though_each_needs_all_events() -> None:
    labels, events = giant_key(20_000)
    events = events.rename_columns(["k", "_t"])
    events = events.append_column("v", events["_t"].cast(pa.float64()))
    events = events.append_column("_seq", pa.array(np.arange(events.num_rows)))
    division, parcels = divided(LIFETIME, [events], labels, 2000)
    assert division.tasks > 5
    found = computed(LIFETIME, parcels, Fitted(LIFETIME, labels)(events.slice(0, 0)))
    assert found.equals(EmbeddedEngine(2).compute(LIFETIME, events, labels))


@pytest.mark.parametrize("size", [1, 50, 700, 10**6])
def test_no_task_is_without_labels(size: int) -> None:
    events, labels = giant_key(5000)
    division, parcels = divided(WINDOWED, [events], labels, size)
    asked = {one.task for one in parcels if one.kind == LABELS}
    assert asked == set(range(division.tasks))


def test_events_that_nobody_asks_for_stay_behind() -> None:
    events, _ = giant_key(20_000)
    labels = pa.table({"k": pa.array([150], pa.int64()), "_t": [2000 * HOUR]})
    _, parcels = divided(WINDOWED, [events], labels, 1000)
    sent = sum(one.content.num_rows for one in parcels if one.kind == EVENTS)
    assert 0 < sent < 1000
