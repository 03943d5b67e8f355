"""How each version of a table came to be."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from towpath.catalog.events import read
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from towpath.catalog.database import Database
    from towpath.catalog.table_versions import TableVersion
    from towpath.core.event import Event

COLUMNS, REARRANGED = "columns", "rearranged"
MOST = 100_000
MAKING = ("dataset.ingested", "dataset.compacted")


class Change(Record, frozen=True):
    """How one version came to be.

    Args:
        version: its number.
        at: when it was committed.
        rows: rows that it holds.
        added: how many more than the version before; negative for fewer.
        how: the mode of the batch; ``columns`` where only columns were added, ``rearranged`` where
            the same rows were written into other files, empty where no event tells.
        actor: who did it.
        source: where the rows came from.
        rejected: rows of the batch that were set aside.
        batch: the batch that made it.
        files: its data files.
        size: their bytes, None where nobody looked or some are gone.
        vacuumed: whether it cannot be read any more.
    """

    version: int
    at: datetime
    rows: int
    added: int
    how: str = ""
    actor: str = ""
    source: str = ""
    rejected: int = 0
    batch: str = ""
    files: int = 0
    size: int | None = None
    vacuumed: bool = False


def history(
    db: Database, versions: Iterable[TableVersion], sizes: Mapping[str, int] | None = None
) -> tuple[Change, ...]:
    """Tell how versions came to be, the newest first.

    Args:
        db: the catalog, whose events tell who brought the rows and where from.
        versions: all versions of one dataset, the oldest first.
        sizes: bytes of each data file, by its path within the table.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> from towpath.catalog.table_versions import TableVersion
        >>> from towpath.core.instant import EPOCH
        >>> first = TableVersion("trips", 0, 7, {"a.parquet": ""}, EPOCH)
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     [(one.version, one.added, one.size) for one in history(db, [first])]
        [(0, 7, None)]
    """
    told: list[Change] = []
    before: TableVersion | None = None
    events: dict[int, Event] | None = None
    for one in versions:
        events = _events(db, one.dataset) if events is None else events
        told.append(_change(one, before, events.get(one.version), sizes or {}))
        before = one
    return tuple(reversed(told))


def data_files(version: TableVersion) -> frozenset[str]:
    """Return the paths of a version's data files.

    Example:
        >>> from towpath.catalog.table_versions import TableVersion
        >>> from towpath.core.instant import EPOCH
        >>> files = {"a.parquet": "", "_delta_log/0.json": ""}
        >>> data_files(TableVersion("trips", 0, 7, files, EPOCH))
        frozenset({'a.parquet'})
    """
    return frozenset(file for file in version.files if file.endswith(".parquet"))


def only_columns(version: TableVersion, before: TableVersion | None) -> bool:
    """Tell whether a version differs from the one before by its columns alone.

    Example:
        >>> from towpath.catalog.table_versions import TableVersion
        >>> from towpath.core.instant import EPOCH
        >>> first = TableVersion("trips", 0, 7, {"a.parquet": ""}, EPOCH, schema="a")
        >>> only_columns(first.replace(version=1, schema="ab"), first)
        True
    """
    if before is None or version.schema == before.schema:
        return False
    return data_files(version) == data_files(before)


def _change(
    version: TableVersion,
    before: TableVersion | None,
    event: Event | None,
    sizes: Mapping[str, int],
) -> Change:
    """Tell of one version what the catalog knows."""
    facts = event.data if event is not None else {}
    files = data_files(version)
    rejected = facts.get("rejected", 0)
    return Change(
        version=version.version,
        at=version.at,
        rows=version.rows,
        added=version.rows - (before.rows if before is not None else 0),
        how=str(facts.get("mode", "")) or _how(version, before),
        actor=event.actor if event is not None else "",
        source=str(facts.get("source", "")),
        rejected=rejected if isinstance(rejected, int) else 0,
        batch=str(facts.get("batch", "")),
        files=len(files),
        size=sum(sizes[one] for one in files) if files <= sizes.keys() else None,
        vacuumed=version.vacuumed,
    )


def _how(version: TableVersion, before: TableVersion | None) -> str:
    """Say what a version without a batch did."""
    if before is None:
        return ""
    if only_columns(version, before):
        return COLUMNS
    same = version.rows == before.rows and version.schema == before.schema
    return REARRANGED if same and data_files(version) != data_files(before) else ""


def _events(db: Database, dataset: str) -> dict[int, Event]:
    """Return the event that made each version; the first where several name one."""
    found: dict[int, Event] = {}
    for event in read(db, subject=f"dataset/{dataset}", action="dataset", limit=MOST):
        version = event.data.get("version")
        if isinstance(version, int) and event.action in MAKING:
            found[version] = event
    return found
