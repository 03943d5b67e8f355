"""The one metadata database: SQLite in WAL mode, every commit synced to disk."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from towpath.catalog.migrations import MIGRATIONS
from towpath.core.errors import Conflict, Contract, Denied, Invalid, TowpathError, Unavailable
from towpath.core.plugins import scheme
from towpath.core.settings import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BUSY_SECONDS = 10.0
RETRY_SECONDS = 0.01


class Database:
    """An open catalog. Threads and forked processes each get a connection of their own.

    Args:
        path: the SQLite file; it and its folder are created when missing.

    Raises:
        Denied: the file or its folder cannot be written.
        Contract: the file is no database.
        Conflict: a newer release wrote it.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     db.query("SELECT count(*) AS events FROM events")[0]["events"]
        0
    """

    def __init__(self, path: Path) -> None:
        """Open the file and bring its tables up to date."""
        self.path = path
        self._local = threading.local()
        self._guard = threading.Lock()
        self._opened: list[tuple[int, sqlite3.Connection]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise _explained(error, path) from error

    @classmethod
    def open(cls, url: str, root: Path) -> Self:
        """Open the catalog that a URL such as ``sqlite:.towpath/catalog.db`` names.

        Raises:
            Invalid: the URL has another scheme.
        """
        if scheme(url) != "sqlite":
            message = f"The catalog cannot be kept at {url!r}."
            raise Invalid(message, hint="Write catalog = 'sqlite:PATH' in towpath.toml.")
        return cls(local_path(url, root))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write as one step: all or nothing. A transaction inside another joins it.

        Raises:
            Unavailable: another writer held the database for ten seconds, or the disk is full.
            Denied: the file is read-only.
        """
        connection = self._connection()
        if connection.in_transaction:
            yield connection
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _explained(error, self.path) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Read rows; columns are found by name."""
        try:
            return self._connection().execute(sql, tuple(parameters)).fetchall()
        except sqlite3.DatabaseError as error:
            raise _explained(error, self.path) from error

    def close(self) -> None:
        """Close the connections that this process opened."""
        with self._guard:
            for pid, connection in self._opened:
                if pid == os.getpid():
                    connection.close()
            self._opened.clear()
            self._local = threading.local()

    def __enter__(self) -> Self:
        """Return the open database."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection; one inherited through a fork is left alone."""
        held: tuple[int, sqlite3.Connection] | None = getattr(self._local, "held", None)
        if held is not None and held[0] == os.getpid():
            return held[1]
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        with self._guard:
            self._opened.append((os.getpid(), connection))
        connection.row_factory = sqlite3.Row
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        self._local.held = (os.getpid(), connection)
        return connection

    def _migrate(self) -> None:
        """Run the steps that the file has not seen, all in one transaction."""
        latest = len(MIGRATIONS)
        if _version(self._connection()) == latest:
            return
        with self.transaction() as connection:
            present = _version(connection)
            if present > latest:
                message = f"The catalog {self.path} was written by a newer release of towpath."
                raise Conflict(message, hint="Run: pip install --upgrade towpath")
            for step in MIGRATIONS[present:]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {latest:d}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL; while others do so too SQLite refuses at once, without waiting."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    """Count the steps that the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _explained(error: Exception, path: Path) -> TowpathError:
    """Say what an error of the database or the file system means for the caller."""
    text = str(error)
    if "locked" in text or "busy" in text:
        message = f"The catalog {path} was held by another writer for {BUSY_SECONDS:.0f} seconds."
        return Unavailable(message, hint="Retry, or stop the other process.")
    if "full" in text:
        return Unavailable(f"The disk of the catalog {path} is full.", hint="Free some space.")
    if "malformed" in text or "not a database" in text:
        message = f"{path} is not an intact SQLite database ({text})."
        return Contract(message, hint="Restore it from a backup, or move it away to start afresh.")
    message = f"The catalog {path} cannot be opened or written ({text})."
    return Denied(message, hint="Check the path and the permission to write there.")
