"""Registered definitions, versioned by content: what is active now and what was before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.instant import from_micros, to_micros
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.catalog.backend import Connection, Row
    from towpath.catalog.database import Database


class Definition(Record, frozen=True):
    """One version of one definition.

    Args:
        kind: such as ``dataset`` or ``feature_view``.
        name: its name, unique within the kind.
        version: fingerprint of the content.
        body: the definition as JSON text.
        applied_at: when it was registered.
        actor: who registered it.
    """

    kind: str
    name: str
    version: str
    body: str
    applied_at: datetime
    actor: str


def register(
    db: Database,
    definitions: Sequence[Definition],
    *,
    removed: Sequence[tuple[str, str]] = (),
) -> None:
    """Make the definitions active and retire the removed ones, all or nothing.

    A definition whose version is active already is left as it is.

    Args:
        db: the catalog.
        definitions: the new content.
        removed: kind and name of what is no longer defined.

    Raises:
        Invalid: one definition is given twice.
        NotFound: a removed definition is not active.
    """
    _refuse_duplicates(definitions, removed)
    with db.transaction() as connection:
        for kind, name in removed:
            _retire(connection, kind, name)
        for definition in definitions:
            _activate(connection, definition)


def active(db: Database, kind: str | None = None) -> tuple[Definition, ...]:
    """Return what is registered now, by kind and name."""
    rows = db.query(
        "SELECT * FROM definitions WHERE active = 1 AND kind = COALESCE(?, kind)"
        " ORDER BY kind, name",
        (kind,),
    )
    return tuple(_definition(row) for row in rows)


def history(db: Database, kind: str, name: str) -> tuple[Definition, ...]:
    """Return every version of a definition, the latest first."""
    rows = db.query(
        "SELECT * FROM definitions WHERE kind = ? AND name = ? ORDER BY id DESC", (kind, name)
    )
    return tuple(_definition(row) for row in rows)


def _refuse_duplicates(
    definitions: Sequence[Definition], removed: Sequence[tuple[str, str]]
) -> None:
    """Refuse a name that is given twice, or both given and removed."""
    seen: set[tuple[str, str]] = set()
    for kind, name in [*((one.kind, one.name) for one in definitions), *removed]:
        if (kind, name) in seen:
            message = f"The {kind} {name!r} is given twice."
            raise Invalid(message, hint="Define it once.")
        seen.add((kind, name))


def _retire(connection: Connection, kind: str, name: str) -> None:
    """Make the active version of a definition a past one."""
    changed = connection.execute(
        "UPDATE definitions SET active = 0 WHERE kind = ? AND name = ? AND active = 1",
        (kind, name),
    )
    if changed.rowcount == 0:
        rows = connection.execute(
            "SELECT name FROM definitions WHERE kind = ? AND active = 1", (kind,)
        )
        message = f"There is no active {kind} {name!r} to remove."
        raise NotFound(message, hint=did_you_mean(name, [row["name"] for row in rows]))


def _activate(connection: Connection, definition: Definition) -> None:
    """Add a version unless it is the active one."""
    identity = (definition.kind, definition.name)
    same = connection.execute(
        "SELECT 1 FROM definitions WHERE kind = ? AND name = ? AND active = 1 AND version = ?",
        (*identity, definition.version),
    ).fetchone()
    if same is not None:
        return
    connection.execute(
        "UPDATE definitions SET active = 0 WHERE kind = ? AND name = ? AND active = 1", identity
    )
    connection.execute(
        "INSERT INTO definitions (kind, name, version, body, applied_at, actor)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            *identity,
            definition.version,
            definition.body,
            to_micros(definition.applied_at),
            definition.actor,
        ),
    )


def _definition(row: Row) -> Definition:
    """Read a definition from its row."""
    return Definition(
        kind=row["kind"],
        name=row["name"],
        version=row["version"],
        body=row["body"],
        applied_at=from_micros(row["applied_at"]),
        actor=row["actor"],
    )
