"""Which intervals of each feature view have been written to the online store."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from towpath.core.instant import from_micros, to_micros
from towpath.core.interval import Interval
from towpath.core.record import Record

if TYPE_CHECKING:
    from towpath.catalog.database import Database


class Materialized(Record, frozen=True):
    """One interval that was materialised.

    Args:
        view: the view's name.
        version: the view's version.
        interval: the event times covered.
        at: when it was done.
    """

    view: str
    version: str
    interval: Interval
    at: datetime


def record(db: Database, view: str, *, version: str, interval: Interval, at: datetime) -> None:
    """Keep that an interval of a view was materialised; the same interval again adds nothing."""
    identity = (view, version, to_micros(interval.start), to_micros(interval.end))
    with db.transaction() as connection:
        known = connection.execute(
            "SELECT 1 AS known FROM intervals"
            " WHERE view = ? AND version = ? AND start_at = ? AND end_at = ?",
            identity,
        ).fetchone()
        if known is not None:
            return
        connection.execute(
            "INSERT INTO intervals (view, version, start_at, end_at, at) VALUES (?, ?, ?, ?, ?)",
            (*identity, to_micros(at)),
        )


def read(db: Database, view: str) -> tuple[Materialized, ...]:
    """Return the intervals of a view, the latest written first."""
    rows = db.query("SELECT * FROM intervals WHERE view = ? ORDER BY id DESC", (view,))
    return tuple(
        Materialized(
            view=row["view"],
            version=row["version"],
            interval=Interval(from_micros(row["start_at"]), from_micros(row["end_at"])),
            at=from_micros(row["at"]),
        )
        for row in rows
    )
