"""The engine in this process: sort by key and time, then one sweep a feature, on threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.features.arrays import (
    Int64Array,
    MaskArray,
    dtype_of,
    to_arrow,
    to_bits,
)
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.compile import CompiledView, compile_view
from towpath.features.engines.kernel import COLUMN, FUNCTION, LATEST, sweep_groups
from towpath.features.engines.order import event_order, key_codes

if TYPE_CHECKING:
    from typing import Any

    from towpath.features.view import FeatureView

Events = tuple[Int64Array, Int64Array, MaskArray]
Result = tuple[Int64Array, MaskArray]
TASKS_PER_WORKER = 4


class EmbeddedEngine:
    """Computes features with the compiled kernel; see ``Engine`` for what it promises.

    Threads live only as long as one call, so a fork at any other moment is safe.

    Args:
        workers: threads to use; by default one for each processor.

    Example:
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> events = pa.table({"car": ["a"], "km": [7], "_t": [10], "_seq": [0]})
        >>> labels = pa.table({"car": ["a", "a"], "_t": [9, 10]})
        >>> EmbeddedEngine().compute(view, events, labels)["km"].to_pylist()
        [None, 7]
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))

    def compute(self, view: FeatureView, events: pa.Table, labels: pa.Table) -> pa.Table:
        """Return the view's features, row by row as the labels."""
        used = {one.column for one in view.features if one.column}
        plan = compile_view(view, {name: dtype_of(events[name].type) for name in used})
        if events[TIME].null_count:
            events = events.filter(pc.is_valid(events[TIME]))
        event_codes, label_codes = key_codes(events, labels, view.keys)
        order = event_order(event_codes, events[TIME].to_numpy(), events[SEQUENCE].to_numpy())
        order = order[np.searchsorted(event_codes[order], 0) :]
        label_times = labels[TIME].to_numpy()
        label_order = event_order(label_codes, label_times, np.arange(label_codes.size))
        sorted_codes = label_codes[label_order]
        groups = _groups(event_codes[order], sorted_codes)
        gathered, strings = _gather(plan, events, order)
        out, present = self._sweep(plan, gathered, label_times[label_order], groups)
        back = np.empty(label_order.size, dtype=np.int64)
        back[label_order] = np.arange(label_order.size)
        found = {}
        for number, name in enumerate(plan.names):
            result = out[number][back], present[number][back]
            if plan.specs[number][FUNCTION] == LATEST:
                result = _latest_values(plan.specs[number], gathered, result)
            found[name] = _column(plan, number, strings, result)
        return pa.table(found)

    def _sweep(
        self, plan: CompiledView, events: Events, at: Int64Array, groups: Int64Array
    ) -> tuple[Int64Array, MaskArray]:
        """Fill the results of all features, cut into tasks of about equal work."""
        out = np.zeros((len(plan.names), at.size), dtype=np.int64)
        present = np.zeros((len(plan.names), at.size), dtype=np.uint8)
        parts = _cut(groups, self._workers * TASKS_PER_WORKER)
        with ThreadPoolExecutor(self._workers) as pool:
            tasks = [
                pool.submit(
                    sweep_groups,
                    events,
                    at,
                    plan.specs[number],
                    (out[number], present[number]),
                    part,
                )
                for part in parts
                for number in range(len(plan.names))
            ]
            for task in tasks:
                task.result()
        return out, present


def _gather(
    plan: CompiledView, events: pa.Table, order: Int64Array
) -> tuple[Events, list[list[str]]]:
    """Return times, values and presence of the events in order, and what codes stand for."""
    strings = []
    bits = np.empty((len(plan.columns), order.size), dtype=np.int64)
    valid = np.empty((len(plan.columns), order.size), dtype=np.uint8)
    for number, (name, dtype) in enumerate(zip(plan.columns, plan.dtypes, strict=True)):
        values, present, distinct = to_bits(events[name], dtype)
        bits[number], valid[number] = values[order], present[order]
        strings.append(distinct)
    return (events[TIME].to_numpy()[order], bits, valid), strings


def _groups(event_codes: Int64Array, label_codes: Int64Array) -> Int64Array:
    """Return for each key of the labels the bounds of its events and of its labels."""
    starts = np.flatnonzero(np.diff(label_codes, prepend=-2))
    keys = label_codes[starts]
    groups = np.empty((starts.size, 4), dtype=np.int64)
    groups[:, 0] = np.searchsorted(event_codes, keys, side="left")
    groups[:, 1] = np.searchsorted(event_codes, keys, side="right")
    groups[:, 2] = starts
    groups[:, 3] = np.append(starts[1:], label_codes.size)
    return groups


def _cut(groups: Int64Array, parts: int) -> list[Int64Array]:
    """Cut the groups into at most ``parts`` runs of about equal work."""
    if not groups.size:
        return []
    work = np.cumsum(groups[:, 1] - groups[:, 0] + groups[:, 3] - groups[:, 2])
    edges = np.searchsorted(work, np.linspace(0, work[-1], parts + 1)[1:-1])
    return [part for part in np.split(groups, np.unique(edges)) if part.size]


def _latest_values(spec: Int64Array, events: Events, latest: Result) -> Result:
    """Return the values, and their presence, of the events that were found."""
    (rows, present), (_, bits, valid) = latest, events
    if not bits.shape[1]:
        return rows, present
    rows = np.where(present, rows, 0)
    return bits[spec[COLUMN]][rows], present & valid[spec[COLUMN]][rows]


def _column(
    plan: CompiledView, number: int, strings: list[list[str]], result: Result
) -> pa.Array[Any]:
    """Turn one feature's results into an Arrow column."""
    (out, present), dtype = result, plan.results[number]
    if dtype == "string":
        distinct = pa.array(strings[plan.specs[number][COLUMN]], pa.string())
        return distinct.take(pa.array(out, pa.int64(), mask=present == 0))
    return to_arrow(out.view(np.float64) if dtype == "float64" else out, present, dtype)
