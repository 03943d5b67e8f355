"""Brings rows into a dataset: read, held against the contract, each batch written once."""

from __future__ import annotations

import time
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog import batches, events
from towpath.core.errors import Invalid
from towpath.core.event import Event
from towpath.core.record import fingerprint, from_json, to_json
from towpath.lake.checks import Existing
from towpath.lake.intake import Intake
from towpath.lake.report import IngestReport, joined
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources import open_source
from towpath.lake.sources.watermark import watermark_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from towpath.core.event import Value
    from towpath.lake.dataset import Dataset, Mode
    from towpath.lake.lake import Lake
    from towpath.lake.sources import Part, Source

    Progress = Callable[[int, float], None]
    Values = pa.ChunkedArray[Any]

REJECTED = "__rejected"


class Request(NamedTuple):
    """What is to be taken in, and how.

    Args:
        source: what ``open_source`` takes; None for the dataset's own source.
        mode: how; None for the dataset's own mode.
        batch: the batch's name, under which it is known again; that of its content unless given.
        progress: hears how many rows were read so far, and the share of the bytes, 0 to 1.
    """

    source: object | None = None
    mode: Mode | None = None
    batch: str = ""
    progress: Progress | None = None


class Batch(NamedTuple):
    """Parts of a source that go in together, known again by their content or name."""

    key: str
    parts: tuple[Part, ...]

    @property
    def origin(self) -> str:
        """Where its rows are from."""
        first = self.parts[0].origin
        more = len(self.parts) - 1
        return f"{first} and {more} more" if more else first


def ingest(lake: Lake, dataset: Dataset, request: Request) -> IngestReport:
    """Take rows into a dataset, each batch once, however often it is tried.

    Args:
        lake: where to.
        dataset: the contract.
        request: from where, and how.

    Raises:
        Contract: a batch is empty, does not fit the contract, or has no valid row.
        Invalid: a time without a zone, a source of another kind, or a mode that the dataset has
            not what it takes for.
        NotFound: the source is not there.
        Conflict: another process ingests into the dataset for longer than a minute.
    """
    started = time.perf_counter()
    busy = f"Another process takes rows into dataset {dataset.name!r}."
    with lake.db.locked(f"ingest-{dataset.name}", busy=busy):
        reports = _Ingestion(lake, dataset, request).run()
    return joined(reports).replace(seconds=time.perf_counter() - started)


class _Ingestion:
    """One run: the batches of a source, one after the other, under the dataset's lock."""

    def __init__(self, lake: Lake, dataset: Dataset, request: Request) -> None:
        """Open the source; what an earlier run took in is not read again."""
        self._lake = lake
        self._dataset = dataset
        self._request = request
        self._mode = request.mode or dataset.mode
        self._incremental = self._mode == "incremental"
        self._merges = self._mode == "merge" or (self._incremental and bool(dataset.key))
        if self._merges and not dataset.key:
            message = f"Dataset {dataset.name!r} has no key by which rows are merged."
            raise Invalid(message, hint="Give it a key, or append.", dataset=dataset.name)
        since = _since(lake, dataset, request) if self._incremental else None
        self._source: Source = open_source(dataset, request.source, root=lake.root, since=since)
        self._lookup = cache(partial(_stored, lake))
        self._existing: Existing | None = None
        self._rows = 0
        self._done = self._size = 0

    def run(self) -> list[IngestReport]:
        """Take each batch in that is not there yet."""
        found = self._batches()
        self._size = sum(part.size or 0 for batch in found for part in batch.parts)
        return [self._known(batch) or self._take(batch) for batch in found]

    def _batches(self) -> list[Batch]:
        """Name the batches: each file is one where they add up, else all are one.

        What a dataset holds after it was replaced depends on its contract too.
        """
        parts = tuple(self._source.parts())
        apart = self._mode in {"append", "merge"} and not self._request.batch
        groups = [(part,) for part in parts] if apart else [parts]
        rules = _rules(self._dataset) if self._mode == "overwrite" else ()
        return [
            Batch(
                fingerprint(
                    {
                        "content": self._request.batch or [part.key for part in group],
                        "contract": rules,
                        "mode": self._mode,
                    }
                ),
                group,
            )
            for group in groups
        ]

    def _known(self, batch: Batch) -> IngestReport | None:
        """Return the report of a batch that is in place already."""
        name, store = self._dataset.name, self._lake.store
        version = store.version_of(name, batch.key)
        if version is None or (self._mode == "overwrite" and version != store.version(name)):
            return None
        report = batches.get(self._lake.db, name, batch.key, version=version)
        if report is None:
            return None
        self._done += sum(part.size or 0 for part in batch.parts)
        return from_json(report, IngestReport).replace(unchanged=True)

    def _take(self, batch: Batch) -> IngestReport:
        """Check a batch and write it; what an earlier try wrote is not written again."""
        lake, name = self._lake, self._dataset.name
        intake = Intake(
            self._dataset,
            batch.key,
            existing=self._compared(batch),
            lookup=self._lookup,
            now=lake.clock.now(),
        )
        rows = self._accepted(batch, intake)
        version = self._write(rows, batch)
        for _ in rows:
            # The store knew the batch and took nothing: the rest is still to be counted.
            pass
        current = lake.store.version(name) if version is None else version
        report = IngestReport(
            dataset=name,
            version=-1 if current is None else current,
            rows=intake.rows - intake.rejected_rows,
            rejected=intake.rejected_rows,
            findings=intake.findings(),
            seconds=0.0,
            unchanged=not intake.rows,
        )
        if intake.rows:
            self._record(batch, report)
        return report

    def _write(self, rows: Iterator[pa.Table], batch: Batch) -> int | None:
        """Write the rows as one version; None where none goes in."""
        first = next(rows, None)
        if first is None:
            return None
        name, store = self._dataset.name, self._lake.store
        if self._merges:
            table = pa.concat_tables([first, *rows])
            return store.merge(name, table, key=self._dataset.key, batch=batch.key)
        write = store.overwrite if self._mode == "overwrite" else store.append
        return write(name, chain([first], rows), batch=batch.key)

    def _accepted(self, batch: Batch, intake: Intake) -> Iterator[pa.Table]:
        """Give the rows that may go in; before they count, the others are set aside."""
        yield from intake.accept(self._read(batch))
        goes_on = self._incremental and self._lake.store.version(self._dataset.name) is not None
        if goes_on and not intake.rows:
            return
        intake.close(batch.origin, may_be_bad=goes_on)
        aside, store = f"{self._dataset.name}{REJECTED}", self._lake.store
        schema = intake.rejected[0].schema if intake.rejected else None
        if self._mode == "overwrite" and store.version(aside) is not None:
            schema = schema or store.schema(aside)
            empty = pa.schema([one for one in schema if one.name != "_seq"]).empty_table()
            store.overwrite(aside, pa.concat_tables([empty, *intake.rejected]), batch=batch.key)
        elif intake.rejected:
            store.append(aside, pa.concat_tables(intake.rejected), batch=batch.key)

    def _read(self, batch: Batch) -> Iterator[tuple[str, pa.Table]]:
        """Give the rows in the contract's types, with where they are from; tell how far it is."""
        for part in batch.parts:
            for piece in self._source.read(part):
                yield part.origin, piece
                self._rows += piece.num_rows
                self._tell()
            self._done += part.size or 0
            self._tell()

    def _tell(self) -> None:
        """Say how many rows were read."""
        if self._request.progress is not None:
            self._request.progress(self._rows, self._done / self._size if self._size else 0.0)

    def _compared(self, batch: Batch) -> Existing:
        """Return the rows that are there already, with which those of a batch are compared."""
        dataset, store = self._dataset, self._lake.store
        if not dataset.identity or self._mode == "overwrite":
            return Existing(dataset)
        made = store.version_of(dataset.name, batch.key)
        version = store.version(dataset.name) if made is None else made - 1
        if self._merges:
            return Existing(dataset, self._others(batch, version))
        if made is not None:
            # An earlier try wrote the rows: they are not to be compared with themselves.
            return Existing(dataset, self._stored(version))
        if self._existing is None:
            self._existing = Existing(dataset, self._stored(version))
        return self._existing

    def _stored(self, version: int | None) -> pa.Table | None:
        """Read the keys and unique values of a version."""
        if version is None or version < 0:
            return None
        columns, name = self._dataset.identity, self._dataset.name
        return self._lake.store.scan(name, columns=columns, version=version)

    def _others(self, batch: Batch, version: int | None) -> pa.Table | None:
        """Read the keys and unique values of the rows that a batch does not replace."""
        key = list(self._dataset.key)
        stored = None if set(key) == set(self._dataset.identity) else self._stored(version)
        if stored is None:
            return None
        pieces = [piece.select(key) for part in batch.parts for piece in self._source.read(part)]
        return stored.join(pa.concat_tables(pieces), key, join_type="left anti") if pieces else None

    def _record(self, batch: Batch, report: IngestReport) -> None:
        """Keep the report and tell the log of events."""
        lake = self._lake
        failed = [
            f"{one.check} {one.subject}: {one.observed}"
            for one in report.findings
            if not one.passed
        ]
        data: dict[str, Value] = {
            "version": report.version,
            "rows": report.rows,
            "rejected": report.rejected,
            "mode": self._mode,
            "batch": batch.key,
            "source": batch.origin,
            "failed": failed,
        }
        subject = f"dataset/{report.dataset}"
        event = Event(lake.clock.now(), lake.actor, "dataset.ingested", subject, data)
        kept = to_json(report).decode()
        with lake.db.transaction():
            batches.record(lake.db, report.dataset, batch.key, version=report.version, report=kept)
            events.emit(lake.db, event)


def _rules(dataset: Dataset) -> tuple[object, ...]:
    """Return all of a contract that decides which rows go in."""
    columns = tuple(column.replace(doc="") for column in dataset.columns)
    limits = (dataset.freshness, dataset.minimum_rows, dataset.maximum_rows, dataset.batch_severity)
    return (columns, dataset.key, dataset.event_time, dataset.checks, limits)


def _stored(lake: Lake, name: str, column: str) -> Values | None:
    """Read a column that another refers to, None where there is no data."""
    if lake.store.version(name) is None:
        return None
    return lake.store.scan(name, columns=[column])[column]


def _since(lake: Lake, dataset: Dataset, request: Request) -> object:
    """Return the highest watermark that was taken in, None where there is none."""
    source = dataset.source if request.source is None else request.source
    named = source.watermark if isinstance(source, SourceSpec) else ""
    column = watermark_column(dataset, named).name
    values = _stored(lake, dataset.name, column)
    return None if values is None else pc.max(values).as_py()
