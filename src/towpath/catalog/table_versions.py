"""What each version of a dataset's table holds: its rows, its files and their hashes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from towpath.core.instant import from_micros, to_micros
from towpath.core.record import Record, from_json, to_json

if TYPE_CHECKING:
    import sqlite3

    from towpath.catalog.database import Database


class TableVersion(Record, frozen=True):
    """One committed version of a table.

    Args:
        dataset: the dataset's name.
        version: counts from 0.
        rows: rows in this version.
        files: SHA-256 of each file that this version reads, by its path within the table.
        at: when it was committed.
    """

    dataset: str
    version: int
    rows: int
    files: dict[str, str]
    at: datetime


def record(db: Database, version: TableVersion) -> None:
    """Keep a version; one that is kept already stays as it is."""
    with db.transaction() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO table_versions (dataset, version, rows, files, at)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                version.dataset,
                version.version,
                version.rows,
                to_json(version.files).decode(),
                to_micros(version.at),
            ),
        )


def latest(db: Database, dataset: str) -> TableVersion | None:
    """Return the newest version of a dataset, or None where it has none."""
    rows = db.query(
        "SELECT * FROM table_versions WHERE dataset = ? ORDER BY version DESC LIMIT 1", (dataset,)
    )
    return _table_version(rows[0]) if rows else None


def get(db: Database, dataset: str, version: int) -> TableVersion | None:
    """Return one version of a dataset, or None where there is no such version."""
    rows = db.query(
        "SELECT * FROM table_versions WHERE dataset = ? AND version = ?", (dataset, version)
    )
    return _table_version(rows[0]) if rows else None


def every(db: Database, dataset: str) -> tuple[TableVersion, ...]:
    """Return all versions of a dataset, the oldest first."""
    rows = db.query("SELECT * FROM table_versions WHERE dataset = ? ORDER BY version", (dataset,))
    return tuple(_table_version(row) for row in rows)


def _table_version(row: sqlite3.Row) -> TableVersion:
    """Read a version from its row."""
    return TableVersion(
        dataset=row["dataset"],
        version=row["version"],
        rows=row["rows"],
        files=from_json(row["files"], dict[str, str]),
        at=from_micros(row["at"]),
    )
