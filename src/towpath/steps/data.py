"""Bringing data into the lake."""

from __future__ import annotations

import time
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from towpath.core.errors import Conflict, Invalid
from towpath.core.record import to_builtins
from towpath.project.load import pick
from towpath.steps.catalog import downstream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from towpath.lake.dataset import Dataset, Mode
    from towpath.lake.ingest import Progress
    from towpath.lake.report import IngestReport
    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace


def ingest(
    workspace: Workspace,
    report: Report,
    *,
    datasets: Sequence[str] = (),
    source: str | None = None,
    mode: Mode | None = None,
) -> Mapping[str, object]:
    """Read the source of each dataset into the lake, checked against its contract.

    A dataset comes after those that its columns refer to.

    Args:
        workspace: the project.
        report: hears of the progress.
        datasets: names; all datasets with a source unless given.
        source: a path, folder, glob or ``s3://`` URL in place of the dataset's own source.
        mode: in place of the dataset's own mode.

    Returns:
        ``rows``, ``rejected`` and ``versions`` by dataset, the failed ``findings``, the datasets
        that were ``unchanged``, and the ``reports``.

    Raises:
        Contract: a source does not fit its contract at all.
        NotFound: no such dataset or source.
        Invalid: a source is given, but not for which dataset, or there is none at all.
    """
    known = workspace.project.datasets
    chosen = [pick(known, name, "dataset") for name in datasets] or [
        one for one in known.values() if one.source
    ]
    if not chosen:
        message = "No dataset of this project has a source."
        raise Invalid(message, hint="Add source: PATH to a file in datasets/.")
    if source is not None and len(datasets) != 1:
        message = "A source is given, but not for which dataset."
        raise Invalid(message, hint="Name one: towpath data ingest NAME --from SOURCE")
    reports = []
    for done, dataset in enumerate(_in_order(chosen)):
        progress = _told(report, dataset.name, done, count=len(chosen))
        with _naming_readers(workspace):
            reports.append(
                workspace.lake.ingest(dataset.name, source, mode=mode, progress=progress)
            )
    return _ingested(reports)


@contextmanager
def _naming_readers(workspace: Workspace) -> Iterator[None]:
    """Where a column does not fit the stored ones, name all that reads it."""
    try:
        yield
    except Conflict as error:
        if "column" not in error.data:
            raise
        dataset, column = str(error.data["dataset"]), str(error.data["column"])
        readers = downstream_of(workspace, dataset, column)
        told = f" It is read by {', '.join(readers)}." if readers else ""
        message, facts = f"{error.message}{told}", {**error.data, "affects": readers}
        raise Conflict(message, where=error.where, hint=error.hint, **facts) from error


def _ingested(reports: Sequence[IngestReport]) -> Mapping[str, object]:
    """Sum up what became of the rows."""
    failed = [one for each in reports for one in each.findings if not one.passed]
    return {
        "rows": {one.dataset: one.rows for one in reports},
        "rejected": {one.dataset: one.rejected for one in reports},
        "versions": {one.dataset: one.version for one in reports},
        "unchanged": [one.dataset for one in reports if one.unchanged],
        "findings": to_builtins(failed),
        "reports": to_builtins([one.replace(findings=()) for one in reports]),
    }


def _in_order(datasets: Iterable[Dataset]) -> list[Dataset]:
    """Put datasets behind those they refer to; those that refer to each other stay as they are."""
    chosen = {one.name: one for one in datasets}
    graph = {
        name: [
            column.reference()[0]
            for column in one.columns
            if column.references and column.reference()[0] in chosen.keys() - {name}
        ]
        for name, one in chosen.items()
    }
    try:
        return [chosen[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError:
        return list(chosen.values())


def _told(report: Report, name: str, done: int, *, count: int) -> Progress:
    """Return what hears of one dataset's rows and tells how far all of them are."""
    started = time.perf_counter()
    report(done / count, name)

    def progress(rows: int, share: float) -> None:
        speed = rows / max(time.perf_counter() - started, 1e-9)
        report((done + share) / count, f"{name}: {rows:,} rows, {speed:,.0f} rows/s")

    return progress
