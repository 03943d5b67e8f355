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


def every(db: Database, dataset: str) -> dict[str, str]:
    """Return the reports of all batches of a dataset, by batch."""
    rows = db.query("SELECT batch, report FROM batches WHERE dataset = ?", (dataset,))
    return {str(row["batch"]): str(row["report"]) for row in rows}
