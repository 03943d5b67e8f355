"""The catalog in one SQLite file, in WAL mode, every commit synced to disk."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from towpath.catalog import backend
from towpath.catalog.migrations.sqlite import MIGRATIONS
from towpath.core.errors import Conflict, Contract, Denied, TowpathError, Unavailable
from towpath.core.lock import locked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from towpath.catalog.backend import Connection, Row, TextIndex

RETRY_SECONDS = 0.01
FIELDS = ("names", "columns", "tags", "texts")
MEANINGS = (
    ("append-only", Denied, "The log of events is append-only.", "Append another event."),
    ("UNIQUE", Conflict, "The catalog {place} has that row already ({text}).", "Look again."),
    (
        "locked",
        Unavailable,
        "The catalog {place} was held by another writer for {seconds:.0f} seconds.",
        "Retry, or stop the other process.",
    ),
    ("full", Unavailable, "The disk of the catalog {place} is full.", "Free some space."),
)


class SqliteConnection(sqlite3.Connection):
    """A connection whose rows are dicts."""

    closed = False


class SqliteBackend:
    """A file that one machine's processes share: many readers, one writer at a time.

    Args:
        path: the file; it and its folder are created when missing.

    Example:
        >>> from pathlib import Path
        >>> SqliteBackend(Path("catalog.db")).place
        'catalog.db'
    """

    migrations = MIGRATIONS
    errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path = path
        self.place = str(path)
        self.text: TextIndex = SqliteTextIndex()

    def connect(self) -> Connection:
        """Open the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path,
            timeout=backend.BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=SqliteConnection,
        )
        connection.row_factory = _row
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def begin(self, connection: Connection) -> None:
        """Take the file's write lock at once."""
        connection.execute("BEGIN IMMEDIATE")

    def version(self, connection: Connection) -> int:
        """Read the number that SQLite keeps in the file's head."""
        row = connection.execute("PRAGMA user_version").fetchone()
        return int(row["user_version"]) if row else 0

    def set_version(self, connection: Connection, version: int) -> None:
        """Write the number in the file's head; it falls with the transaction."""
        connection.execute(f"PRAGMA user_version = {version:d}")

    def explained(self, error: Exception) -> TowpathError:
        """Read the meaning from SQLite's text: it has no other codes for most."""
        text = str(error)
        for sign, kind, message, hint in MEANINGS:
            if sign in text:
                filled = message.format(place=self.place, text=text, seconds=backend.BUSY_SECONDS)
                return kind(filled, hint=hint)
        if "malformed" in text or "not a database" in text:
            message = f"{self.place} is not an intact SQLite database ({text})."
            hint = "Restore it from a backup, or move it away to start afresh."
            return Contract(message, hint=hint)
        message = f"The catalog {self.place} cannot be opened or written ({text})."
        return Denied(message, hint="Check the path and the permission to write there.")

    def locked(self, name: str, wait_seconds: float, busy: str) -> AbstractContextManager[None]:
        """Lock a file beside the database."""
        return locked(self.path.parent / ".locks" / name, wait_seconds=wait_seconds, busy=busy)


class SqliteTextIndex:
    """FTS5: a table with a column for each field."""

    match = "SELECT rowid AS id FROM asset_text WHERE asset_text MATCH ?"

    def pattern(self, words: Sequence[str], *, fields: int, prefix: bool) -> str:
        """Write an FTS5 query; the words hold nothing that could be its syntax."""
        text = " AND ".join(f'"{word}"' for word in words) + (" *" if prefix else "")
        return f"{{{' '.join(FIELDS[:fields])}}} : ({text})"

    def write(self, connection: Connection, entry: int, fields: Sequence[Sequence[str]]) -> None:
        """Replace an entry, inside a transaction."""
        self.remove(connection, entry)
        connection.execute(
            "INSERT INTO asset_text (rowid, names, columns, tags, texts) VALUES (?, ?, ?, ?, ?)",
            (entry, *(" ".join(words) for words in fields)),
        )

    def remove(self, connection: Connection, entry: int) -> None:
        """Take an entry out, inside a transaction; one that is not there is no error."""
        connection.execute("DELETE FROM asset_text WHERE rowid = ?", (entry,))


def _row(cursor: sqlite3.Cursor, values: tuple[object, ...]) -> Row:
    """Pair the values of a row with the names of its columns."""
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL; while others do so too SQLite refuses at once, without waiting."""
    deadline = time.monotonic() + backend.BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return
