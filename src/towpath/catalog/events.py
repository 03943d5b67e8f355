"""The append-only log of what happened: audit, usage and lineage are queries on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.event import Event, Value
from towpath.core.instant import from_micros, to_micros
from towpath.core.record import from_json, to_json

if TYPE_CHECKING:
    from towpath.catalog.database import Database


def emit(db: Database, event: Event) -> None:
    """Append one event; inside a transaction it stands or falls with it."""
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO events (at, actor, action, subject, data) VALUES (?, ?, ?, ?, ?)",
            (
                to_micros(event.at),
                event.actor,
                event.action,
                event.subject,
                to_json(event.data).decode(),
            ),
        )


def read(
    db: Database, *, subject: str = "", action: str = "", limit: int = 100
) -> tuple[Event, ...]:
    """Return the latest events, newest first.

    Args:
        db: the catalog.
        subject: only this object and those below it: ``model/delay`` finds ``model/delay/3``.
        action: only this action and those below it: ``model`` finds ``model.promoted``.
        limit: at most so many.
    """
    rows = db.query(
        "SELECT * FROM events"
        " WHERE (?1 = '' OR subject = ?1"
        "  OR substr(subject, 1, length(?1) + 1) = ?1 || '/')"
        " AND (?2 = '' OR action = ?2"
        "  OR substr(action, 1, length(?2) + 1) = ?2 || '.')"
        " ORDER BY id DESC LIMIT ?3",
        (subject, action, limit),
    )
    return tuple(
        Event(
            at=from_micros(row["at"]),
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
            data=from_json(row["data"], dict[str, Value]),
        )
        for row in rows
    )
