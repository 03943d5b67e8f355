"""The engine in this process: arrange events by key and time, then sweep labels, on threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from towpath.features.arrays import words_of
from towpath.features.engines import TIME
from towpath.features.engines.arrange import Arranged, Piece, arrange, count_rows
from towpath.features.engines.compile import CompiledView, compile_view
from towpath.features.engines.kernel.form import COLUMN, FUNCTION, PARAMETER, SHARE
from towpath.features.engines.kernel.sweep import sweep
from towpath.features.engines.keys import LabelKeys
from towpath.features.engines.read import piece_size, read_events
from towpath.features.engines.result import to_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from towpath.features.arrays import Int64Array, MaskArray
    from towpath.features.engines import Report
    from towpath.features.engines.read import Texts
    from towpath.features.view import FeatureView

Result = tuple["Int64Array", "MaskArray"]
# Work is cut finer than there are threads, so that they end together and stay in their caches.
TASKS_PER_WORKER = 32
# Within a key with much work there are fewer cuts: each has to look back over a whole window.
COARSE = 8
LEAST_WORK = 1 << 15
# Events that are arranged at once, unless one key alone has more.
ROUND = 1 << 23


class EmbeddedEngine:
    """Computes features with the compiled kernel; see ``Engine`` for what it promises.

    Threads live only as long as one call, so a fork at any other moment is safe. Beyond what it is
    given and returns, a call needs for each of ``at_once`` events about 60 bytes, and 30 for each
    column that features read. Of events in pieces more than that many wait in a temporary file,
    which takes 12 bytes an event and 8 for each column.

    Args:
        workers: threads to use; by default one for each processor.
        at_once: how many events are sorted and swept at once; those of one key always are.

    Example:
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> events = pa.table({"car": ["a"], "km": [7], "_t": [10], "_seq": [0]})
        >>> labels = pa.table({"car": ["a", "a"], "_t": [9, 10]})
        >>> EmbeddedEngine().compute(view, events, labels)["km"].to_pylist()
        [None, 7]
    """

    def __init__(self, workers: int | None = None, *, at_once: int = ROUND) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._at_once = at_once

    def compute(
        self,
        view: FeatureView,
        events: pa.Table | Iterable[pa.Table],
        labels: pa.Table,
        *,
        report: Report | None = None,
    ) -> pa.Table:
        """Return the view's features, row by row as the labels."""
        with ThreadPoolExecutor(self._workers) as pool:
            keys = LabelKeys(labels, view.keys)
            read = read_events(events, keys, view.used, pool, in_memory=self._at_once)
            # What only held the pieces as they came is better used for arranging them.
            pa.default_memory_pool().release_unused()
            plan = _with_strings(view, compile_view(view, read.dtypes), read.texts)
            # One key more than there are, without events: that of labels whose key has a null.
            counts = count_rows(read.pieces, keys.count + 1, pool)
            asked = _label_pieces(labels, keys)
            label_counts = count_rows(asked, keys.count + 1, pool)
            found = (
                np.zeros((plan.slots, labels.num_rows), dtype=np.int64),
                np.zeros((plan.slots, labels.num_rows), dtype=np.uint8),
            )
            done = 0
            for span in _rounds(counts, self._at_once):
                own = arrange(read.pieces, counts, span, pool)
                rows = arrange(asked, label_counts, span, pool)
                tasks = [
                    pool.submit(_sweep, plan, (own, rows), cut, found)
                    for cut in _cut(own, rows, self._workers * TASKS_PER_WORKER)
                ]
                # Room for the next round.
                del own, rows
                for task in as_completed(tasks):
                    done += task.result()
                    if report is not None:
                        report(done, labels.num_rows)
        return to_columns(plan, read.texts, found)


def _label_pieces(labels: pa.Table, keys: LabelKeys) -> list[Piece]:
    """Return the labels as rows to arrange, each with its number."""
    none, every = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
    times, numbers = words_of(labels[TIME])[0], np.arange(labels.num_rows)
    numbers.flags.writeable = False
    size = piece_size(labels.num_rows)
    spans = [slice(start, start + size) for start in range(0, max(labels.num_rows, 1), size)]
    return [Piece(keys.codes[one], times[one], none, [numbers[one]], [every]) for one in spans]


def _with_strings(view: FeatureView, plan: CompiledView, texts: Sequence[Texts]) -> CompiledView:
    """Let shares of a string look for its number among the events'."""
    specs = plan.specs.copy()
    for number, feature in enumerate(view.features):
        column = specs[number, COLUMN]
        if specs[number, FUNCTION] == SHARE and plan.dtypes[column] == "string":
            specs[number, PARAMETER] = texts[column].index(getattr(feature, "value", "")).as_py()
    return plan.replace(specs=specs)


def _rounds(counts: Int64Array, most: int) -> Iterator[tuple[int, int]]:
    """Cut the keys into runs with at most so many events, but at least one key each."""
    ends, first = np.cumsum(counts), 0
    while first < counts.size:
        before = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, before + most, side="right")), first + 1)
        yield first, last
        first = last


def _cut(events: Arranged, labels: Arranged, parts: int) -> Iterator[tuple[int, int]]:
    """Cut the labels into runs of about equal work; a key with much of it is cut as well."""
    if not labels.codes.size:
        return
    of_events, of_labels = np.diff(events.starts), np.diff(labels.starts)
    share = of_events / np.maximum(of_labels, 1) + 1
    work = np.cumsum(share[labels.codes])
    parts = min(parts, int(work[-1]) // LEAST_WORK + 1)
    edges = np.searchsorted(work, np.linspace(0, work[-1], parts + 1)[1:-1])
    large = of_events[labels.codes[edges]] > work[-1] / parts
    edges = edges[~large | (np.arange(edges.size) % COARSE == COARSE - 1)]
    edges = np.unique(np.concatenate(([0], edges, [labels.codes.size])))
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _sweep(
    plan: CompiledView, arranged: tuple[Arranged, Arranged], cut: tuple[int, int], found: Result
) -> int:
    """Compute the features of a run of labels; return how many they are."""
    (events, labels), (start, stop) = arranged, cut
    values = (events.words, events.marks, events.masks)
    rows = (labels.codes[start:stop], labels.times[start:stop])
    sweep(
        (events.times, events.starts, values),
        rows,
        (plan.specs, plan.windows),
        (labels.words[0][start:stop], *found),
    )
    return stop - start
