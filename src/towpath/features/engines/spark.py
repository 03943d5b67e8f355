"""The engine on Spark: the same kernel in its workers, rows divided by key, a hot key by time."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from towpath.core.errors import Invalid, Unavailable
from towpath.features.arrays import dtype_of
from towpath.features.engines import TIME
from towpath.features.engines.compile import compile_view
from towpath.features.engines.division import (
    Division,
    count_buckets,
    divide,
    keyed_rows,
    label_tasks,
    present,
    sieve_of,
    sifted,
)
from towpath.features.engines.files import EventFiles
from towpath.features.engines.parcel import COLUMNS, LABELS, SCHEMA, Parcel, pack, to_bytes, unpack
from towpath.features.engines.task import (
    ROW,
    Fitted,
    compute_tasks,
    count_files,
    in_one_process,
    send_files,
    sent,
)
from towpath.spark.session import FAILURES, open_session
from towpath.spark.settings import SparkSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from towpath.features.engines import Report
    from towpath.features.engines.compile import CompiledView
    from towpath.features.engines.division import Rows
    from towpath.features.engines.kernel.form import Ints
    from towpath.features.engines.task import Batches
    from towpath.features.view import FeatureView

# Rows of a task: about 300 MB while they are sorted. Less where that leaves cores idle.
TASK_ROWS = 2_000_000
LEAST_ROWS = 50_000
TASKS_PER_CORE = 2
PIECE = 1 << 20
POLL_SECONDS = 0.5


class SparkEngine:
    """Computes features on Spark; see ``Engine`` for what it promises.

    Events that are files of the lake are read by the workers, each file by one; tables are sent
    to them. Neither Spark's own readers nor its types of rows are used.

    Args:
        url: ``spark:local[2]`` or ``spark://host:port``.
        settings: of the session.
        environ: the environment's variables.
        task_rows: how many rows of events and labels a task should have.
    """

    def __init__(
        self,
        url: str,
        settings: SparkSettings | None = None,
        *,
        environ: Mapping[str, str],
        task_rows: int = TASK_ROWS,
    ) -> None:
        """Keep what a session needs; it opens at the first use."""
        self._url = url
        self._settings = settings or SparkSettings()
        self._environ = environ
        self._task_rows = task_rows

    def compute(
        self,
        view: FeatureView,
        events: pa.Table | Iterable[pa.Table],
        labels: pa.Table,
        *,
        report: Report | None = None,
    ) -> pa.Table:
        """Return the view's features, row by row as the labels.

        Raises:
            Invalid: a function cannot be computed of a column, or there is no piece of events.
            Unavailable: Spark cannot be reached, or it failed.
        """
        source = events if isinstance(events, EventFiles) else _pieces(events)
        nothing = source.nothing() if isinstance(source, EventFiles) else source[0].slice(0, 0)
        plan = compile_view(view, {name: dtype_of(nothing[name].type) for name in view.used})
        if not labels.num_rows:
            return in_one_process().compute(view, nothing, labels)
        fitted = Fitted(view, labels)
        numbered = labels.select([*view.keys, TIME])
        numbered = numbered.append_column(ROW, pa.array(np.arange(labels.num_rows)))
        asked = keyed_rows(_plain(numbered), view.keys)
        session = open_session(self._url, self._settings, environ=self._environ)
        try:
            division, frame = self._divided(session, plan, source, fitted=fitted, asked=asked)
            compute = partial(compute_tasks, view=view, nothing=to_bytes(fitted(nothing)))
            frame = frame.repartitionById(max(division.tasks, 1), "task")
            batches = _collected(session, _mapped(frame, compute), labels.num_rows, report)
        except FAILURES as error:
            message = f"Spark at {self._url} failed at view {view.name!r}: {_reason(error)}."
            hint = "See whether it runs: towpath spark status; its logs are beside its state."
            raise Unavailable(message, hint=hint, view=view.name) from error
        return _in_order([one.content for one in unpack(batches)], labels.num_rows)

    def _divided(
        self,
        session: SparkSession,
        plan: CompiledView,
        source: EventFiles | list[pa.Table],
        *,
        fitted: Fitted,
        asked: Rows,
    ) -> tuple[Division, DataFrame]:
        """Divide labels and events among tasks; return the parcels with both."""
        counts = _counts(session, source, fitted, asked)
        total = int(counts.sum()) + asked.times.size
        cores = session.sparkContext.defaultParallelism
        even = -(-total // (TASKS_PER_CORE * cores))
        size = min(self._task_rows, max(LEAST_ROWS, even))
        unlimited = plan.unlimited
        division = divide(asked, counts, size=size, reach=plan.reach, unlimited=unlimited)
        own = (Parcel(task, LABELS, rows) for task, rows in label_tasks(asked, division))
        if isinstance(source, EventFiles):
            frame = _frame(session, pack(own))
            send = partial(send_files, events=source, fitted=fitted, division=division)
            return division, frame.unionAll(_mapped(_files(session, source), send))
        tables = (fitted(table) for table in source)
        events = sent(tables, fitted.keys, division)
        return division, _frame(session, pack(_both(own, events)))


def _reason(error: Exception) -> str:
    """Return what was raised where it failed: the last line of a trace of Python's, if any."""
    told = str(error).partition("JVM stacktrace")[0].strip().splitlines()
    plain = [line for line in told if line and not line[0].isspace()]
    return (plain[-1] if plain else repr(error)).rstrip(".")


def _pieces(events: pa.Table | Iterable[pa.Table]) -> list[pa.Table]:
    """Cut a table into pieces; those that are given stay as they are."""
    if isinstance(events, pa.Table):
        return [events.slice(start, PIECE) for start in range(0, max(events.num_rows, 1), PIECE)]
    tables = list(events)
    if not tables:
        raise Invalid("There is no piece of events.", hint="Give at least one, if without rows.")
    return tables


def _plain(labels: pa.Table) -> pa.Table:
    """Return columns of plain values, where some are held by dictionary."""
    for place, field in enumerate(labels.schema):
        if pa.types.is_dictionary(field.type):
            column = labels[field.name].cast(field.type.value_type)
            labels = labels.set_column(place, field.name, column)
    return labels


def _both(labels: Iterable[Parcel], events: Iterable[Parcel]) -> Iterator[Parcel]:
    """Go through labels, then events."""
    yield from labels
    yield from events


def _counts(
    session: SparkSession, source: EventFiles | list[pa.Table], fitted: Fitted, asked: Rows
) -> Ints:
    """Count the events that labels may ask for, by bucket."""
    total = np.zeros_like(count_buckets(asked))
    sieve = sieve_of(asked)
    if not isinstance(source, EventFiles):
        for table in source:
            rows = present(keyed_rows(fitted(table), fitted.keys), fitted.keys)
            total += count_buckets(sifted(rows, sieve))
    elif source.files.paths:
        count = partial(count_files, events=source, fitted=fitted, sieve=sieve)
        batches = _mapped(_files(session, source), count).toArrow().to_batches()
        for one in unpack(batches):
            total += one.content["events"].to_numpy()
    return total


def _files(session: SparkSession, source: EventFiles) -> DataFrame:
    """Return the numbers of the files, each in a task of its own."""
    count = len(source.files.paths)
    return session.range(0, count, 1, max(count, 1))


def _frame(session: SparkSession, batches: Iterable[pa.RecordBatch]) -> DataFrame:
    """Hand parcels to Spark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return session.createDataFrame(pa.Table.from_batches(batches, SCHEMA))


def _mapped(frame: DataFrame, function: Callable[[Batches], Batches]) -> DataFrame:
    """Run a function over the batches of each task."""
    with warnings.catch_warnings():
        # It warns of a pandas that none of our rows passes through.
        warnings.simplefilter("ignore", FutureWarning)
        return frame.mapInArrow(function, COLUMNS)


def _collected(
    session: SparkSession, frame: DataFrame, labels: int, report: Report | None
) -> list[pa.RecordBatch]:
    """Run the tasks and return their parcels, telling how far they are."""
    # Without pyspark's own types, the table is of any.
    table: pa.Table
    if report is None:
        table = frame.toArrow()
        return table.to_batches()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(frame.toArrow)
        while not wait([running], POLL_SECONDS).done:
            report(int(labels * _share_done(session)), labels)
        table = running.result()
    report(labels, labels)
    return table.to_batches()


def _share_done(session: SparkSession) -> float:
    """Return which part of the tasks of the running stages is done."""
    tracker = session.sparkContext.statusTracker()
    known = [tracker.getStageInfo(one) for one in tracker.getActiveStageIds()]
    stages = [one for one in known if one is not None and one.numTasks]
    tasks = sum(one.numTasks for one in stages)
    return sum(one.numCompletedTasks for one in stages) / tasks if tasks else 0.0


def _in_order(found: list[pa.Table], labels: int) -> pa.Table:
    """Bring features to the order of their labels."""
    table = pa.concat_tables(found)
    back = np.empty(labels, dtype=np.int64)
    back[table[ROW].to_numpy()] = np.arange(labels)
    return table.drop_columns([ROW]).take(back)
