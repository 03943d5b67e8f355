"""Brings a batch of rows into a dataset: read, held against the contract, written once."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from towpath.catalog import batches, events
from towpath.core.durable import file_hash
from towpath.core.errors import Contract
from towpath.core.event import Event
from towpath.core.finding import Finding
from towpath.core.lock import locked
from towpath.core.record import Record, fingerprint, from_json, to_json
from towpath.lake.contract import blocked_rows, check_rows, conform, findings, reasons
from towpath.lake.source import find_files, read_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from towpath.lake.contract import Failure
    from towpath.lake.dataset import Dataset
    from towpath.lake.lake import Lake

ACTOR = "towpath"
INGESTED_AT = "_ingested_at"
REJECTED = "__rejected"
TABLE_ORIGIN = "The given table"

Mode = Literal["append", "overwrite"]


class IngestReport(Record, frozen=True):
    """What became of a batch.

    Args:
        dataset: where it went.
        version: the table's version that holds it.
        rows: rows taken in.
        rejected: rows set aside in ``DATASET__rejected``, with their reasons.
        findings: one for each check of the contract.
        seconds: time it took.
        unchanged: the same batch was in place already and nothing was written.
    """

    dataset: str
    version: int
    rows: int
    rejected: int
    findings: tuple[Finding, ...]
    seconds: float
    unchanged: bool = False


class Batch(Record, frozen=True):
    """Rows to take in, known by their content, the contract and the mode."""

    key: str
    mode: Mode
    origin: str


def ingest(
    lake: Lake, dataset: Dataset, source: Path | pa.Table | None, *, mode: Mode, root: Path
) -> IngestReport:
    """Take a batch into a dataset once, however often it is tried.

    Args:
        lake: where to.
        dataset: the contract.
        source: a file or glob, a table, or None for the dataset's own source.
        mode: ``overwrite`` replaces the dataset's rows, ``append`` adds to them.
        root: the project's folder.

    Raises:
        Contract: the batch is empty, does not fit the contract, or has no valid row.
        Invalid: a time without a zone, or a source of another kind.
        NotFound: the source is not there.
    """
    started = time.perf_counter()
    given = _given(dataset, source, root)
    batch = _batch(dataset, given, mode)
    with locked(lake.db.path.parent / ".locks" / f"ingest-{dataset.name}"):
        known = _known(lake, dataset, batch)
        if known is not None:
            return known.replace(seconds=time.perf_counter() - started, unchanged=True)
        report = _take_in(lake, dataset, batch, _read(dataset, given))
        report = report.replace(seconds=time.perf_counter() - started)
        _record(lake, batch, report)
    return report


def _given(dataset: Dataset, source: Path | pa.Table | None, root: Path) -> list[Path] | pa.Table:
    """Return the files to read, or the table in the contract's types."""
    if isinstance(source, pa.Table):
        return conform(dataset, source, origin=TABLE_ORIGIN)
    return find_files(dataset, source, root)


def _read(dataset: Dataset, given: list[Path] | pa.Table) -> pa.Table:
    """Return the rows in the contract's types."""
    if isinstance(given, pa.Table):
        return given
    return pa.concat_tables([read_file(dataset, path) for path in given])


def _batch(dataset: Dataset, given: list[Path] | pa.Table, mode: Mode) -> Batch:
    """Name a batch by all that decides what it leaves in the lake."""
    columns = tuple(column.replace(doc="") for column in dataset.columns)
    rules = (columns, dataset.key, dataset.event_time)
    if isinstance(given, pa.Table):
        content, origin = [_table_hash(given)], TABLE_ORIGIN
    else:
        content, origin = [file_hash(path) for path in given], ", ".join(map(str, given))
    key = fingerprint({"content": content, "contract": rules, "mode": mode})
    return Batch(key, mode, origin)


def _table_hash(table: pa.Table) -> str:
    """Hash a table's content, whatever pieces it is made of."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _known(lake: Lake, dataset: Dataset, batch: Batch) -> IngestReport | None:
    """Return the report of a batch that is in place already."""
    version = lake.store.version_of(dataset.name, batch.key)
    if version is None:
        return None
    if batch.mode == "overwrite" and version != lake.store.version(dataset.name):
        return None
    report = batches.get(lake.db, dataset.name, batch.key, version=version)
    return None if report is None else from_json(report, IngestReport)


def _take_in(lake: Lake, dataset: Dataset, batch: Batch, table: pa.Table) -> IngestReport:
    """Check the rows and write the valid ones; the others are set aside first.

    Both writes know the batch, so that either is skipped when it was done by an earlier try.
    """
    if table.num_rows == 0:
        message = f"{batch.origin} has no rows for dataset {dataset.name!r}."
        raise Contract(message, hint="Check how the file was made.", dataset=dataset.name)
    existing = _stored_keys(lake, dataset, batch) if batch.mode == "append" else None
    failures = check_rows(dataset, table, existing=existing)
    blocked = blocked_rows(failures, table.num_rows)
    if blocked.all():
        raise _nothing_valid(dataset, batch, failures)
    write = lake.store.append if batch.mode == "append" else lake.store.overwrite
    stamped = _stamped(table, lake.clock.now())
    rejected = stamped.filter(pa.array(blocked))
    aside = f"{dataset.name}{REJECTED}"
    replaces = batch.mode == "overwrite" and lake.store.version(aside) is not None
    if rejected.num_rows or replaces:
        told = pa.array(reasons(failures, blocked), pa.string())
        rejected = rejected.append_column("_reasons", told)
        keys = pa.repeat(pa.scalar(batch.key), rejected.num_rows)
        write(aside, rejected.append_column("_batch", keys), batch=batch.key)
    version = write(dataset.name, stamped.filter(pa.array(~blocked)), batch=batch.key)
    return IngestReport(
        dataset=dataset.name,
        version=version,
        rows=table.num_rows - rejected.num_rows,
        rejected=rejected.num_rows,
        findings=findings(failures),
        seconds=0.0,
    )


def _stored_keys(lake: Lake, dataset: Dataset, batch: Batch) -> pa.Table | None:
    """Read the keys that were stored before this batch."""
    made = lake.store.version_of(dataset.name, batch.key)
    before = lake.store.version(dataset.name) if made is None else made - 1
    if not dataset.key or before is None or before < 0:
        return None
    return lake.store.scan(dataset.name, columns=dataset.key, version=before)


def _stamped(table: pa.Table, now: datetime) -> pa.Table:
    """Add the time of ingestion."""
    stamp = pa.scalar(now, pa.timestamp("us", "UTC"))
    return table.append_column(INGESTED_AT, pa.repeat(stamp, table.num_rows))


def _nothing_valid(dataset: Dataset, batch: Batch, failures: list[Failure]) -> Contract:
    """Say why no row of a batch can be taken in."""
    told = ", ".join(one.message for one in findings(failures) if not one.passed)
    message = f"No row of {batch.origin} keeps the contract of dataset {dataset.name!r} ({told})."
    return Contract(message, hint="Mend the data or the contract.", dataset=dataset.name)


def _record(lake: Lake, batch: Batch, report: IngestReport) -> None:
    """Keep the report and tell the log of events."""
    failed = [
        f"{one.check} {one.subject}: {one.observed}" for one in report.findings if not one.passed
    ]
    event = Event(
        at=lake.clock.now(),
        actor=ACTOR,
        action="dataset.ingested",
        subject=f"dataset/{report.dataset}",
        data={
            "version": report.version,
            "rows": report.rows,
            "rejected": report.rejected,
            "mode": batch.mode,
            "batch": batch.key,
            "source": batch.origin,
            "failed": failed,
        },
    )
    kept = to_json(report).decode()
    with lake.db.transaction():
        batches.record(lake.db, report.dataset, batch.key, version=report.version, report=kept)
        events.emit(lake.db, event)
