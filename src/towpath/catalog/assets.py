"""What people look for: datasets, views, feature sets, models, endpoints, with their columns."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from towpath.catalog.words import indexed_words
from towpath.core.instant import from_micros, to_micros
from towpath.core.record import Record, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.catalog.backend import Connection, Row
    from towpath.catalog.database import Database

Sensitivity = Literal["public", "internal", "confidential", "personal"]

# What hits are counted by is kept apart from what is shown of few of them.
UPSERT = (
    "INSERT INTO assets (kind, name, owner, updated_at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (kind, name) DO UPDATE SET owner = excluded.owner,"
    " updated_at = excluded.updated_at"
    " RETURNING id"
)
DETAILS = (
    "INSERT INTO asset_details (asset, description, tags, columns) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (asset) DO UPDATE SET description = excluded.description,"
    " tags = excluded.tags, columns = excluded.columns"
)
INSERT = "INSERT INTO {table} VALUES {marks} ON CONFLICT DO NOTHING"
ROWS_AT_ONCE = 500
SELECT = (
    "SELECT a.*, d.description AS description, d.tags AS tags, d.columns AS columns"
    " FROM assets AS a JOIN asset_details AS d ON d.asset = a.id"
)


class AssetColumn(Record, frozen=True):
    """One column or feature of an asset.

    Args:
        name: its name.
        dtype: its type, such as ``float64``.
        doc: what it says.
        sensitivity: who may see it.
    """

    name: str
    dtype: str = ""
    doc: str = ""
    sensitivity: Sensitivity = "internal"


class Asset(Record, frozen=True):
    """One thing that is registered, as it is found and shown.

    Args:
        kind: such as ``dataset`` or ``model``.
        name: its name, unique within the kind.
        description: what it is.
        owner: who answers for it.
        tags: free words to group it by.
        columns: its columns or features.
        updated_at: when it was registered last.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> Asset("dataset", "trips", updated_at=EPOCH, owner="ada").subject
        'dataset/trips'
    """

    kind: str
    name: str
    updated_at: datetime
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    columns: tuple[AssetColumn, ...] = msgspec.field(default=())

    @property
    def subject(self) -> str:
        """The name under which events and uses know it."""
        return f"{self.kind}/{self.name}"


def index(
    db: Database, assets: Sequence[Asset], *, removed: Sequence[tuple[str, str]] = ()
) -> None:
    """Make assets findable as they are now, all or nothing.

    Call it inside the transaction that registers the definitions.

    Args:
        db: the catalog.
        assets: the new content; what was known under the same kind and name is replaced.
        removed: kind and name of what is no longer there; one that never was is no error.
    """
    with db.transaction() as connection:
        for kind, name in removed:
            _remove(db, connection, kind, name)
        for asset in assets:
            _write(db, connection, asset)


def get(db: Database, kind: str, name: str) -> Asset | None:
    """Return one asset, or None."""
    rows = db.query(SELECT + " WHERE a.kind = ? AND a.name = ?", (kind, name))
    return asset_of(rows[0]) if rows else None


def every(db: Database) -> tuple[Asset, ...]:
    """Return all assets, by kind and name."""
    return tuple(asset_of(row) for row in db.query(SELECT + " ORDER BY a.kind, a.name"))


def asset_of(row: Row) -> Asset:
    """Read an asset from its row."""
    return Asset(
        kind=row["kind"],
        name=row["name"],
        updated_at=from_micros(row["updated_at"]),
        description=row["description"],
        owner=row["owner"],
        tags=from_json(row["tags"], tuple[str, ...]),
        columns=from_json(row["columns"], tuple[AssetColumn, ...]),
    )


def _write(db: Database, connection: Connection, asset: Asset) -> None:
    """Write the row, the tags and the words of an asset."""
    values = (asset.kind, asset.name, asset.owner, to_micros(asset.updated_at))
    entry = int(connection.execute(UPSERT, values).fetchall()[0]["id"])
    tags, columns = to_json(asset.tags).decode(), to_json(asset.columns).decode()
    connection.execute(DETAILS, (entry, asset.description, tags, columns))
    connection.execute("DELETE FROM asset_tags WHERE asset = ?", (entry,))
    _insert(connection, "asset_tags (asset, tag)", [(entry, tag) for tag in set(asset.tags)])
    fields = (
        indexed_words([asset.name]),
        indexed_words(column.name for column in asset.columns),
        indexed_words([*asset.tags, asset.owner]),
        indexed_words([asset.description, *(column.doc for column in asset.columns)]),
    )
    db.backend.text.write(connection, entry, fields)
    words = {word for words in fields for word in words}
    _insert(connection, "asset_words (word, reversed)", [(word, word[::-1]) for word in words])


def _insert(connection: Connection, table: str, rows: Sequence[tuple[object, str]]) -> None:
    """Add pairs that are not there yet, many with one statement."""
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        sql = INSERT.format(table=table, marks=", ".join(["(?, ?)"] * len(some)))
        connection.execute(sql, [value for row in some for value in row])


def _remove(db: Database, connection: Connection, kind: str, name: str) -> None:
    """Take out the row, the tags and the words of an asset."""
    sql = "SELECT id FROM assets WHERE kind = ? AND name = ?"
    for row in connection.execute(sql, (kind, name)).fetchall():
        db.backend.text.remove(connection, row["id"])
        connection.execute("DELETE FROM assets WHERE id = ?", (row["id"],))
