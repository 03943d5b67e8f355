"""What the tasks of another engine do, each in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from towpath.core.plugins import load_plugin
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.division import (
    Division,
    count_buckets,
    event_tasks,
    keyed_rows,
    present,
    sifted,
)
from towpath.features.engines.parcel import (
    COUNTS,
    EVENTS,
    FEATURES,
    LABELS,
    Parcel,
    from_bytes,
    guarded,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from towpath.features.engines import Engine
    from towpath.features.engines.files import EventFiles
    from towpath.features.view import FeatureView

    Batches = Iterator[pa.RecordBatch]

ROW = "_row"
BY_CORE = "embedded"


def count_files(
    batches: Batches, events: EventFiles, fitted: Fitted, sieve: npt.NDArray[np.bool_]
) -> Batches:
    """Count the events of files that labels may ask for, by bucket.

    Args:
        batches: the numbers of the files.
        events: the files.
        fitted: brings events to the types of labels.
        sieve: which keys labels ask for.
    """

    def found() -> Iterator[Parcel]:
        total = np.zeros(0, dtype=np.int64)
        for table in _read(batches, events):
            rows = present(keyed_rows(fitted(table), fitted.keys), fitted.keys)
            counts = count_buckets(sifted(rows, sieve))
            total = counts if not total.size else total + counts
        if total.size:
            yield Parcel(0, COUNTS, pa.table({"events": total}))

    return guarded(pack(found()))


def send_files(batches: Batches, events: EventFiles, fitted: Fitted, division: Division) -> Batches:
    """Read files and send their events to the tasks that need them.

    Args:
        batches: the numbers of the files.
        events: the files.
        fitted: brings events to the types of labels.
        division: which tasks need which events.
    """
    tables = (fitted(table) for table in _read(batches, events))
    return guarded(pack(sent(tables, fitted.keys, division)))


def sent(tables: Iterable[pa.Table], keys: Sequence[str], division: Division) -> Iterator[Parcel]:
    """Divide events among the tasks that need them."""
    for table in tables:
        for task, own in event_tasks(keyed_rows(table, keys), keys, division):
            yield Parcel(task, EVENTS, own)


def compute_tasks(batches: Batches, view: FeatureView, nothing: bytes) -> Batches:
    """Compute the features of the labels that came to a task, by the engine of one process.

    Args:
        batches: the parcels of events and labels of one task or more.
        view: what to compute.
        nothing: no events, of the types that events have.
    """

    def found() -> Iterator[Parcel]:
        engine = in_one_process()
        held: dict[int, tuple[list[pa.Table], list[pa.Table]]] = {}
        for task, kind, content in unpack(batches):
            held.setdefault(task, ([], []))[int(kind == LABELS)].append(content)
        for task in list(held):
            events, labels = held.pop(task)
            if labels:
                asked = pa.concat_tables(labels)
                events.sort(key=_first_sequence)
                features = engine.compute(view, [from_bytes(nothing), *events], asked)
                yield Parcel(task, FEATURES, features.append_column(ROW, asked[ROW]))

    return guarded(pack(found()))


def in_one_process() -> Engine:
    """Return the engine that a task computes with, on the one core that it has."""
    return cast("Engine", load_plugin("engines", BY_CORE)(1))


class Fitted:
    """Brings events to the columns and types that travel: keys as labels have them.

    Args:
        view: whose events they are.
        labels: the rows that ask.

    Example:
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> fitted = Fitted(view, pa.table({"car": pa.array([1], pa.int64()), "_t": [1]}))
        >>> rows = {"car": pa.array([1], pa.int32()), "km": [2], "_t": [3], "_seq": [4], "x": [5]}
        >>> fitted(pa.table(rows)).schema.names
        ['car', 'km', '_t', '_seq']
    """

    def __init__(self, view: FeatureView, labels: pa.Table) -> None:
        """Note the types of the labels' keys."""
        self.keys = view.keys
        self._kinds = {key: _value_type(labels[key].type) for key in view.keys}
        self._used = tuple(name for name in view.used if name not in self._kinds)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the columns that features need."""
        keys = {key: table[key].cast(kind) for key, kind in self._kinds.items()}
        others = {name: table[name] for name in (*self._used, TIME, SEQUENCE)}
        return pa.table({**keys, **others})


def _read(batches: Batches, events: EventFiles) -> Iterator[pa.Table]:
    """Read the files whose numbers came."""
    for batch in batches:
        for number in batch.column(0).to_numpy():
            yield from events.read(events.files.paths[int(number)])


def _first_sequence(table: pa.Table) -> int:
    """Return the sequence of a piece's first row: pieces of a file ascend within."""
    return int(table[SEQUENCE][0].as_py() or 0) if table.num_rows else -1


def _value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of plain values, where a column holds them by dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
