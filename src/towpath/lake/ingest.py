"""Brings rows into a dataset: read, held against the contract, each batch written once."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from towpath.catalog import events
from towpath.core.errors import Contract, Invalid
from towpath.core.event import Event
from towpath.core.finding import Finding
from towpath.lake.aside import Aside
from towpath.lake.checks import Existing, counted
from towpath.lake.increment import Increment
from towpath.lake.intake import Beside, Intake
from towpath.lake.report import IngestReport, joined
from towpath.lake.sources import open_source
from towpath.lake.stored import stored_column
from towpath.lake.taken import Memory, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from towpath.core.event import Value
    from towpath.lake.dataset import Dataset, Mode
    from towpath.lake.lake import Lake
    from towpath.lake.sources import Part, Source

    Progress = Callable[[int, float], None]
    Values = pa.ChunkedArray[Any]

SHOWN = 3


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
    contents: tuple[str, ...]
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
        Contract: a batch is empty, does not fit the contract, or has no valid row. Of several,
            the others were taken in.
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
        self._merges = self._mode == "merge" or (self._mode == "incremental" and bool(dataset.key))
        if self._merges and not dataset.key:
            message = f"Dataset {dataset.name!r} has no key by which rows are merged."
            raise Invalid(message, hint="Give it a key, or append.", dataset=dataset.name)
        self._whole = self._merges or any(one.refers_to(dataset.name) for one in dataset.columns)
        self._memory = Memory(lake.db, lake.store, dataset)
        self._aside = Aside(lake.store, dataset.name)
        self._increment: Increment | None = None
        if self._mode == "incremental":
            given = dataset.source if request.source is None else request.source
            self._increment = Increment(dataset, lake.store, given)
        since = self._increment.since if self._increment else None
        self._source: Source = open_source(dataset, request.source, root=lake.root, since=since)
        self._existing: Existing | None = None
        self._looked_up: dict[tuple[str, str], Values | None] = {}
        self._rows = 0
        self._done = self._size = 0

    def run(self) -> list[IngestReport]:
        """Take each batch in that is not there yet; one that is refused stops no other."""
        parts = tuple(self._source.parts())
        self._size = sum(part.size or 0 for part in parts)
        apart = self._mode in {"append", "merge"} and not self._request.batch
        groups = [(part,) for part in parts] if apart else [parts]
        changed = self._memory.changed(parts) if not self._dataset.key and apart else []
        reports, refused = [], []
        for group in groups:
            try:
                reports.append(self._ingested(group, changed))
            except Contract as error:
                if len(groups) == 1:
                    raise
                refused.append(error)
        if refused:
            raise self._refusal(refused, len(groups))
        return reports

    def _ingested(self, parts: tuple[Part, ...], changed: list[str]) -> IngestReport:
        """Take a batch in, unless it is there already."""
        name = self._request.batch
        contents = (name,) if name else tuple(part.key for part in parts)
        key = self._memory.key(parts, self._mode, name=name)
        batch = Batch(key, contents, parts)
        known = self._memory.known(key, self._mode, contents)
        if known is None:
            return self._take(batch, [one for one in changed if one == batch.origin])
        self._done += sum(part.size or 0 for part in parts)
        return _again(known, batch, rules=self._memory.rules)

    def _take(self, batch: Batch, changed: list[str]) -> IngestReport:
        """Check a batch and write it; what an earlier try wrote is not written again."""
        lake, name = self._lake, self._dataset.name
        made = lake.store.version_of(name, batch.key)
        beside = Beside(self._compared(batch, made), self._lookup, keep_last=self._merges)
        intake = Intake(self._dataset, batch.key, beside=beside, now=lake.clock.now())
        rows = self._accepted(batch, intake, tried=made is not None)
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
            findings=(*intake.findings(), *map(self._changed, changed)),
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

    def _accepted(self, batch: Batch, intake: Intake, *, tried: bool) -> Iterator[pa.Table]:
        """Give the rows that may go in; before they count, the others are set aside."""
        yield from intake.accept(self._read(batch))
        exists = self._lake.store.version(self._dataset.name) is not None
        if self._increment and exists and not intake.rows:
            return
        intake.close(batch.origin, may_be_bad=self._mode != "overwrite" and exists)
        if self._mode == "overwrite":
            self._aside.replace(intake.rejected, batch=batch.key)
        elif not tried:
            self._aside.add(intake.rejected, batch=batch.key)

    def _read(self, batch: Batch) -> Iterator[tuple[str, pa.Table]]:
        """Give the rows in the contract's types, with where they are from."""
        pieces = self._pieces(batch)
        if not self._whole:
            yield from pieces
            return
        found = [piece for _, piece in pieces]
        if found:
            yield batch.origin, pa.concat_tables(found)

    def _pieces(self, batch: Batch) -> Iterator[tuple[str, pa.Table]]:
        """Read a batch piece by piece, and tell how far it is."""
        if self._increment:
            self._increment.start(self._aside, self._memory.keys())
        for part in batch.parts:
            rows = self._source.read(part)
            for piece in self._increment.news(rows) if self._increment else rows:
                yield part.origin, piece
                self._rows += piece.num_rows
                self._tell()
            self._done += part.size or 0
            self._tell()

    def _tell(self) -> None:
        """Say how many rows were read."""
        if self._request.progress is not None:
            self._request.progress(self._rows, self._done / self._size if self._size else 0.0)

    def _compared(self, batch: Batch, made: int | None) -> Existing:
        """Return the rows that are there already, with which those of a batch are compared.

        Those that the batch made itself, in an earlier try, are not among them.
        """
        dataset, store = self._dataset, self._lake.store
        if not dataset.identity or self._mode == "overwrite":
            return Existing(dataset)
        version = store.version(dataset.name) if made is None else made - 1
        if self._merges:
            return Existing(dataset, self._others(batch, version))
        if made is not None:
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

    def _lookup(self, name: str, column: str) -> Values | None:
        """Read a column that another refers to, None where there is no data.

        That of the dataset itself is what stays of it, and so not kept from batch to batch.
        """
        if name == self._dataset.name:
            replaced = self._mode == "overwrite"
            return None if replaced else stored_column(self._lake.store, name, column)
        if (name, column) not in self._looked_up:
            self._looked_up[name, column] = stored_column(self._lake.store, name, column)
        return self._looked_up[name, column]

    def _record(self, batch: Batch, report: IngestReport) -> None:
        """Keep the report and tell the log of events."""
        lake, now = self._lake, self._lake.clock.now()
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
        origins = tuple(part.origin for part in batch.parts)
        rules = self._memory.rules
        with lake.db.transaction():
            self._memory.add(
                Taken(batch.key, report, self._mode, rules, batch.contents, origins, now)
            )
            events.emit(lake.db, Event(now, lake.actor, "dataset.ingested", subject, data))

    def _changed(self, origin: str) -> Finding:
        """Warn of a file that was taken in before, with other content."""
        message = f"{origin} was taken in before with other content: rows of both are there"
        return _warning(self._dataset.name, "changed_source", message)

    def _refusal(self, refused: list[Contract], count: int) -> Contract:
        """Say which of several batches were refused."""
        first = refused[0]
        if len(refused) == count:
            message = f"None of the {count} files could be taken in. {first.message}"
        else:
            message = f"{len(refused)} of {count} files were refused, the others are taken in. "
            message += " ".join(
                [first.message, *(f"{one.where}: {one.message}" for one in refused[1:SHOWN])]
            )
        return Contract(message, where=first.where, hint=first.hint, **first.data)


def _again(known: Taken, batch: Batch, *, rules: str) -> IngestReport:
    """Return the report of a batch that is there already."""
    report, origin = known.report, batch.parts[0].origin
    extra = []
    if known.key != batch.key or origin not in known.origins:
        message = f"{batch.origin} has the content of {known.origins[0]}, which is in place"
        extra.append(_warning(report.dataset, "same_content", message))
        report = report.replace(rows=0, rejected=0, findings=())
    if known.rules != rules and report.rejected:
        message = (
            f"{counted(report.rejected)} of {batch.origin} were rejected by an earlier contract: "
            "to judge them again, ingest with mode overwrite or merge"
        )
        extra.append(_warning(report.dataset, "earlier_contract", message))
        report = report.replace(findings=())
    return report.replace(unchanged=True, findings=(*report.findings, *extra))


def _warning(dataset: str, check: str, message: str) -> Finding:
    """Report what is odd about a source."""
    return Finding(
        check, dataset, passed=False, observed=None, limit=None, severity="warn", message=message
    )
