"""The append-only log of what happened: audit, usage and lineage are queries on it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from towpath.core.event import Event, Value
from towpath.core.instant import from_micros, to_micros
from towpath.core.record import Record, from_json, to_json

if TYPE_CHECKING:
    from towpath.catalog.backend import Row
    from towpath.catalog.database import Database

SELECT = "SELECT * FROM events WHERE {wanted} ORDER BY id DESC LIMIT ?"


class Selection(Record, frozen=True):
    """Which events are asked for; what is left out asks for nothing.

    Args:
        subject: this object and those below it: ``model/delay`` finds ``model/delay/3``.
        action: this action and those below it: ``model`` finds ``model.promoted``.
        actor: who did it.
        since: at this time or later.
        until: before this time.
    """

    subject: str = ""
    action: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


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
    return select(db, Selection(subject, action), limit=limit)


def select(db: Database, selection: Selection, *, limit: int = 100) -> tuple[Event, ...]:
    """Return the latest of the selected events, newest first.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> from towpath.core.instant import EPOCH
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     emit(db, Event(EPOCH, "ada", "model.promoted", "model/delay/3"))
        ...     [event.action for event in select(db, Selection(actor="ada", since=EPOCH))]
        ['model.promoted']
    """
    asked: list[tuple[str, list[object]]] = []
    if selection.subject:
        asked.append(_below("subject", selection.subject, "/"))
    if selection.action:
        asked.append(_below("action", selection.action, "."))
    if selection.actor:
        asked.append(("actor = ?", [selection.actor]))
    if selection.since is not None:
        asked.append(("at >= ?", [to_micros(selection.since)]))
    if selection.until is not None:
        asked.append(("at < ?", [to_micros(selection.until)]))
    wanted = " AND ".join(["1 = 1", *(sql for sql, _ in asked)])
    values = [value for _, given in asked for value in given]
    sql = SELECT.format(wanted=wanted)
    return tuple(_event(row) for row in db.query(sql, [*values, limit]))


def _below(column: str, name: str, separator: str) -> tuple[str, list[object]]:
    """Ask for a name and what lies below it: what begins with it and the separator."""
    after = chr(ord(separator) + 1)
    sql = f"({column} = ? OR ({column} >= ? AND {column} < ?))"
    return sql, [name, name + separator, name + after]


def _event(row: Row) -> Event:
    """Read an event from its row."""
    return Event(
        at=from_micros(row["at"]),
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        data=from_json(row["data"], dict[str, Value]),
    )
