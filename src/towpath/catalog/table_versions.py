"""What each version of a dataset's table holds: its rows, its files and their hashes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from towpath.core.instant import from_micros, to_micros
from towpath.core.record import Record, from_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from towpath.catalog.backend import Row
    from towpath.catalog.database import Database


class TableVersion(Record, frozen=True):
    """One committed version of a table.

    Args:
        dataset: the dataset's name.
        version: counts from 0.
        rows: rows in this version.
        files: SHA-256 of each file that this version reads, by its path within the table; data
            files in order of arrival.
        at: when it was committed.
        schema: its columns, as the table's own log describes them; empty where an earlier
            release recorded the version.
        vacuumed: whether files that it needs were removed, so that it cannot be read any more.
    """

    dataset: str
    version: int
    rows: int
    files: dict[str, str]
    at: datetime
    schema: str = ""
    vacuumed: bool = False


def record(db: Database, version: TableVersion) -> None:
    """Keep a version; one that is kept already stays as it is."""
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO table_versions (dataset, version, rows, files, at, schema, vacuumed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dataset, version) DO NOTHING",
            (
                version.dataset,
                version.version,
                version.rows,
                json.dumps(version.files),
                to_micros(version.at),
                version.schema,
                int(version.vacuumed),
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


def mark_vacuumed(db: Database, dataset: str, versions: Iterable[int]) -> None:
    """Note that versions have lost files that they need."""
    with db.transaction() as connection:
        for version in versions:
            connection.execute(
                "UPDATE table_versions SET vacuumed = 1 WHERE dataset = ? AND version = ?",
                (dataset, version),
            )


def _table_version(row: Row) -> TableVersion:
    """Read a version from its row."""
    return TableVersion(
        dataset=row["dataset"],
        version=row["version"],
        rows=row["rows"],
        files=from_json(row["files"], dict[str, str]),
        at=from_micros(row["at"]),
        schema=row["schema"],
        vacuumed=bool(row["vacuumed"]),
    )
