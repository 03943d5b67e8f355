"""Who used what, and when last: one row for each subject, person, action and day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from towpath.core.instant import EPOCH, from_micros, to_micros
from towpath.core.record import Record

if TYPE_CHECKING:
    from towpath.catalog.backend import Row
    from towpath.catalog.database import Database

DAY = timedelta(days=1)

# An asset is used by its own subject and by what lies below it, such as model/delay/3; the sign
# after the slash is 0.
UNUSED = """
    SELECT * FROM (
        SELECT a.kind AS kind, a.name AS name, a.owner AS owner, (
            SELECT max(u.last_at) FROM uses AS u WHERE u.subject = a.kind || '/' || a.name OR (
                u.subject >= a.kind || '/' || a.name || '/'
                AND u.subject < a.kind || '/' || a.name || '0'
            )
        ) AS last_at FROM assets AS a
    ) AS every WHERE last_at IS NULL OR last_at < ? ORDER BY kind, name
"""


class Use(Record, frozen=True):
    """What one person did with a subject on one day.

    Args:
        subject: such as ``dataset/flights``.
        actor: who used it: a person, a token or ``towpath``.
        action: such as ``dataset.read``.
        times: how often that day.
        at: when last.
    """

    subject: str
    actor: str
    action: str
    times: int
    at: datetime


class Unused(Record, frozen=True):
    """An asset that nobody used for some time.

    Args:
        kind: such as ``dataset``.
        name: its name.
        owner: who answers for it.
        last_at: when it was used last; None if it never was.
    """

    kind: str
    name: str
    owner: str
    last_at: datetime | None = None


def used(db: Database, subject: str, *, actor: str, action: str, at: datetime) -> None:
    """Count one use.

    Args:
        db: the catalog.
        subject: such as ``dataset/flights``.
        actor: who used it.
        action: what for, such as ``dataset.read``.
        at: when.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     for _ in range(2):
        ...         used(db, "dataset/trips", actor="ada", action="dataset.read", at=EPOCH)
        ...     [(one.actor, one.times) for one in uses(db, "dataset/trips")]
        [('ada', 2)]
    """
    day = (at - EPOCH) // DAY
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO uses (subject, actor, action, day, times, last_at)"
            " VALUES (?, ?, ?, ?, 1, ?)"
            " ON CONFLICT (subject, actor, action, day) DO UPDATE SET times = uses.times + 1,"
            " last_at = CASE WHEN uses.last_at < excluded.last_at"
            " THEN excluded.last_at ELSE uses.last_at END",
            (subject, actor, action, day, to_micros(at)),
        )


def last_use(db: Database, subject: str) -> Use | None:
    """Return the latest use of exactly this subject, or None."""
    found = uses(db, subject, limit=1)
    return found[0] if found else None


def uses(db: Database, subject: str, *, limit: int = 100) -> tuple[Use, ...]:
    """Return the uses of exactly this subject by person, action and day, the latest first."""
    rows = db.query(
        "SELECT * FROM uses WHERE subject = ? ORDER BY last_at DESC, actor, action LIMIT ?",
        (subject, limit),
    )
    return tuple(_use(row) for row in rows)


def unused(db: Database, *, since: datetime) -> tuple[Unused, ...]:
    """Return the assets that nobody used at ``since`` or later, nor anything below them."""
    return tuple(
        Unused(
            kind=row["kind"],
            name=row["name"],
            owner=row["owner"],
            last_at=None if row["last_at"] is None else from_micros(row["last_at"]),
        )
        for row in db.query(UNUSED, [to_micros(since)])
    )


def _use(row: Row) -> Use:
    """Read a use from its row."""
    return Use(
        subject=row["subject"],
        actor=row["actor"],
        action=row["action"],
        times=row["times"],
        at=from_micros(row["last_at"]),
    )
