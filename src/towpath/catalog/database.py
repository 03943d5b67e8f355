"""The one metadata database, on SQLite or PostgreSQL: what every part of the catalog sees."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from towpath.catalog.sqlite import SqliteBackend
from towpath.core.errors import Conflict, Invalid, MissingExtra
from towpath.core.plugins import scheme
from towpath.core.settings import local_path
from towpath.core.url import shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from towpath.catalog.backend import Backend, Connection, Row

POSTGRES_SCHEMES = {"postgresql", "postgres"}


class Database:
    """An open catalog. Threads and forked processes each get a connection of their own.

    SQL marks its values by ``?`` and keeps to what both kinds of database understand.

    Args:
        backend: the kind of database.

    Attributes:
        backend: the kind of database.

    Raises:
        Denied: the database cannot be written.
        Contract: the file is no database.
        Conflict: a newer release wrote it.
        Unavailable: the server does not answer.

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

    def __init__(self, backend: Backend) -> None:
        """Open the database and bring its tables up to date."""
        self.backend = backend
        self._local = threading.local()
        self._guard = threading.Lock()
        self._opened: list[tuple[int, threading.Thread, Connection]] = []
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, url: str, root: Path) -> Self:
        """Open the catalog that a URL names.

        Args:
            url: such as ``sqlite:.towpath/catalog.db`` or ``postgresql://towpath@host/towpath``.
            root: the project's folder, where relative paths begin.

        Raises:
            Invalid: the URL has another scheme.
            MissingExtra: the library for PostgreSQL is not installed.
        """
        if scheme(url) == "sqlite":
            return cls(SqliteBackend(local_path(url, root)))
        if scheme(url) in POSTGRES_SCHEMES:
            return cls(_postgres(url))
        message = f"The catalog cannot be kept at {shown_url(url)!r}."
        hint = "Write catalog = 'sqlite:PATH' or 'postgresql://USER@HOST/NAME' in towpath.toml."
        raise Invalid(message, hint=hint)

    @property
    def path(self) -> Path:
        """The SQLite file.

        Raises:
            Invalid: the catalog is on a server.
        """
        if isinstance(self.backend, SqliteBackend):
            return self.backend.path
        message = f"The catalog {self.backend.place} is not a file."
        raise Invalid(message, hint="Keep files in the project's state folder.")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write as one step: all or nothing. A transaction inside another joins it.

        Raises:
            Unavailable: another writer held the database for ten seconds, or the disk is full.
            Denied: the database is read-only, or the rows may not be changed.
            Conflict: the row is there already.
        """
        connection = self._connection()
        if connection.in_transaction:
            yield connection
            return
        try:
            connection = self._begun(connection)
            yield connection
            connection.execute("COMMIT")
        except self.backend.errors as error:
            raise self.backend.explained(error) from error
        finally:
            if not connection.closed and connection.in_transaction:
                connection.execute("ROLLBACK")

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Read rows; columns are found by name."""
        connection = self._connection()
        inside = connection.in_transaction
        try:
            return connection.execute(sql, parameters).fetchall()
        except self.backend.errors as error:
            if inside or not connection.closed:
                raise self.backend.explained(error) from error
        # The server was started anew since this thread last asked.
        try:
            return self._connection().execute(sql, parameters).fetchall()
        except self.backend.errors as error:
            raise self.backend.explained(error) from error

    def locked(
        self, name: str, *, wait_seconds: float = 60.0, busy: str = ""
    ) -> AbstractContextManager[None]:
        """Hold a lock that all who share this catalog know, on whatever machine they are.

        Args:
            name: what is locked, such as ``ingest-trips``.
            wait_seconds: how long to wait for another holder.
            busy: what to tell the user if another keeps it for longer.

        Raises:
            Conflict: another holder kept it for longer.
        """
        return self.backend.locked(name, wait_seconds, busy)

    def close(self) -> None:
        """Close the connections that this process opened."""
        with self._guard:
            self._close_those(lambda _: True)
            self._local = threading.local()

    def __enter__(self) -> Self:
        """Return the open database."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _connection(self) -> Connection:
        """Return this thread's connection; one inherited through a fork is left alone."""
        held: tuple[int, Connection] | None = getattr(self._local, "held", None)
        if held is not None and held[0] == os.getpid() and not held[1].closed:
            return held[1]
        try:
            connection = self.backend.connect()
        except self.backend.errors as error:
            raise self.backend.explained(error) from error
        with self._guard:
            self._close_those(lambda thread: not thread.is_alive())
            self._opened.append((os.getpid(), threading.current_thread(), connection))
        self._local.held = (os.getpid(), connection)
        return connection

    def _close_those(self, chosen: Callable[[threading.Thread], bool]) -> None:
        """Close this process's connections of the chosen threads; those inherited are kept.

        An inherited connection that were closed here would break the one of the parent.
        """
        kept = []
        for pid, thread, connection in self._opened:
            if pid == os.getpid() and chosen(thread):
                connection.close()
            else:
                kept.append((pid, thread, connection))
        self._opened = kept

    def _begun(self, connection: Connection) -> Connection:
        """Start a transaction, on a new connection if the server dropped this one."""
        try:
            self.backend.begin(connection)
        except self.backend.errors:
            if not connection.closed:
                raise
            connection = self._connection()
            self.backend.begin(connection)
        return connection

    def _migrate(self) -> None:
        """Run the steps that the database has not seen, all in one transaction."""
        steps = self.backend.migrations
        if self._version() == len(steps):
            return
        with self.transaction() as connection:
            present = self.backend.version(connection)
            if present > len(steps):
                message = f"The catalog {self.backend.place} was written by a newer release."
                raise Conflict(message, hint="Run: pip install --upgrade towpath")
            for step in steps[present:]:
                for statement in step:
                    connection.execute(statement)
            self.backend.set_version(connection, len(steps))

    def _version(self) -> int:
        """Count the steps that the database has seen."""
        try:
            return self.backend.version(self._connection())
        except self.backend.errors as error:
            raise self.backend.explained(error) from error


def _postgres(url: str) -> Backend:
    """Load the backend whose library is an extra."""
    try:
        from towpath.catalog.postgres import PostgresBackend
    except ImportError as error:
        message = "A catalog on PostgreSQL needs the library psycopg."
        raise MissingExtra(message, hint="Run: pip install 'towpath[postgres]'") from error
    return PostgresBackend(url)
