"""The report of each batch that went into a dataset, so that the same batch is known again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from towpath.catalog.database import Database


def record(db: Database, dataset: str, batch: str, *, version: int, report: str) -> None:
    """Keep the report (JSON text) of the batch that made a version; the last one counts."""
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO batches (dataset, batch, version, report) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (dataset, batch)"
            " DO UPDATE SET version = excluded.version, report = excluded.report",
            (dataset, batch, version, report),
        )


def get(db: Database, dataset: str, batch: str, *, version: int) -> str | None:
    """Return the report of the batch that made a version, or None."""
    rows = db.query(
        "SELECT report FROM batches WHERE dataset = ? AND batch = ? AND version = ?",
        (dataset, batch, version),
    )
    return str(rows[0]["report"]) if rows else None
