"""The catalog in a schema of a PostgreSQL database, shared by many machines."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from towpath.catalog import backend
from towpath.catalog.migrations.postgres import MIGRATIONS
from towpath.core.errors import Conflict, Denied, Invalid, TowpathError, Unavailable
from towpath.core.url import shown_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from towpath.catalog.backend import Connection, Cursor, Row, TextIndex

NUL = "\x00"
PORTS = re.compile(r"[0-9,]*")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Another schema of the same database is another catalog.
LOCK_KEY = "hashtextextended(concat('towpath/', current_schema(), '/', CAST(? AS TEXT)), 0)"
TAKE_WRITER_LOCK = f"SELECT pg_advisory_xact_lock({LOCK_KEY})"
TRY_LOCK = f"SELECT pg_try_advisory_lock({LOCK_KEY}) AS taken"
TAKE_LOCK = f"SELECT pg_advisory_lock({LOCK_KEY})"
WRITER = "writer"
# A refused connection has no SQLSTATE, only this text in it.
REFUSALS = ("authentication failed", "no pg_hba.conf entry", '" does not exist')
RETRY = "Retry: it was stopped so that another could go on."
MEANINGS: tuple[tuple[type[psycopg.Error], type[TowpathError], str, str], ...] = (
    (
        errors.RaiseException,
        Denied,
        "The log of events is append-only.",
        "Append another event.",
    ),
    (
        errors.UniqueViolation,
        Conflict,
        "The catalog {place} has that row already ({text}).",
        "Look again.",
    ),
    (
        errors.LockNotAvailable,
        Unavailable,
        "The catalog {place} was held by another writer for {seconds:.0f} seconds.",
        "Retry, or stop the other process.",
    ),
    (errors.DiskFull, Unavailable, "The disk of the catalog {place} is full.", "Free some space."),
    (errors.SerializationFailure, Conflict, "The catalog {place} was changed meanwhile.", RETRY),
    (errors.DeadlockDetected, Conflict, "The catalog {place} was changed meanwhile.", RETRY),
    (
        errors.InvalidSchemaName,
        Invalid,
        "There is no schema for the catalog {place} ({text}).",
        "Create it with CREATE SCHEMA, or mend search_path in the URL's options.",
    ),
)


class PostgresConnection:
    """A connection that understands question marks and answers in dicts."""

    def __init__(self, raw: psycopg.Connection[Row]) -> None:
        """Wrap an open connection."""
        self._raw = raw

    @property
    def closed(self) -> bool:
        """Whether it was closed here or dropped by the server."""
        return self._raw.closed

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._raw.info.transaction_status != TransactionStatus.IDLE

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Run one statement whose values are marked by question marks."""
        values = [_without_nul(value) for value in parameters]
        return self._raw.execute(_translated(sql), values)

    def close(self) -> None:
        """Close; an open transaction is undone."""
        self._raw.close()


class PostgresBackend:
    """A schema of a database: the first in the connection's ``search_path``.

    Args:
        url: such as ``postgresql://towpath@host/towpath``; what it leaves out comes from the
            variables of libpq (``PGHOST``, ``PGPASSWORD`` and so on).

    Raises:
        Invalid: the URL cannot be read.

    Example:
        >>> PostgresBackend("postgresql://ada:secret@db.example/lake").place
        'postgresql://db.example/lake'
    """

    migrations = MIGRATIONS
    errors: tuple[type[Exception], ...] = (psycopg.Error,)

    def __init__(self, url: str) -> None:
        """Read the URL; connect to nothing yet."""
        try:
            parts = _parts(url)
        except psycopg.ProgrammingError:
            # What the library says repeats parts of the URL, and maybe of the password.
            message = f"The URL of the catalog, {shown_url(url)!r}, cannot be read."
            hint = (
                "Write it as postgresql://USER@HOST/NAME in towpath.toml; in a password, a @ is"
                " written %40 and a / is written %2F."
            )
            raise Invalid(message, hint=hint) from None
        self._url = url
        self.place = f"postgresql://{parts.get('host', '')}/{parts.get('dbname', '')}"
        self.text: TextIndex = PostgresTextIndex()

    def connect(self) -> Connection:
        """Open a connection on which waiting ends in time and commits are on disk."""
        raw = psycopg.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=round(max(1, backend.BUSY_SECONDS)),
        )
        connection = PostgresConnection(raw)
        settings = {
            "lock_timeout": str(round(backend.BUSY_SECONDS * 1000)),
            "synchronous_commit": "on",
            # The planner takes reading all texts for cheap, though each is kept apart (TOAST).
            "enable_seqscan": "off",
        }
        for name, value in settings.items():
            connection.execute("SELECT set_config(?, ?, FALSE)", (name, value))
        return connection

    def begin(self, connection: Connection) -> None:
        """Take the one writer's lock, so that a transaction never has to be tried again."""
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        connection.execute(TAKE_WRITER_LOCK, (WRITER,))

    def version(self, connection: Connection) -> int:
        """Read the number in the table that the first migration makes."""
        # Not to_regclass(): that may remember from before another process made the table.
        there = connection.execute(
            "SELECT 1 AS there FROM pg_tables"
            " WHERE schemaname = current_schema() AND tablename = 'catalog_version'"
        ).fetchone()
        if there is None:
            return 0
        row = connection.execute("SELECT version FROM catalog_version").fetchone()
        return int(row["version"]) if row else 0

    def set_version(self, connection: Connection, version: int) -> None:
        """Write the number into its table."""
        connection.execute("UPDATE catalog_version SET version = ?", (version,))

    def explained(self, error: Exception) -> TowpathError:
        """Read the meaning from the class that stands for the SQLSTATE."""
        text = _text(error)
        for sign, kind, message, hint in MEANINGS:
            if isinstance(error, sign):
                filled = message.format(place=self.place, text=text, seconds=backend.BUSY_SECONDS)
                return kind(filled, hint=hint)
        if isinstance(error, psycopg.OperationalError):
            if any(sign in text for sign in REFUSALS):
                message = f"The catalog {self.place} lets nobody in that way ({text})."
                hint = "Mend the database, the user or the password in the URL of towpath.toml."
                return Denied(message, hint=hint)
            message = f"The catalog {self.place} does not answer ({text})."
            return Unavailable(message, hint="Start the server, or mend the URL in towpath.toml.")
        message = f"The catalog {self.place} cannot be read or written ({text})."
        return Denied(message, hint="Check what the user of its URL may do there.")

    @contextmanager
    def locked(self, name: str, wait_seconds: float, busy: str) -> Iterator[None]:
        """Hold an advisory lock on a connection of its own; the server frees it with that."""
        try:
            connection = self.connect()
        except psycopg.Error as error:
            raise self.explained(error) from error
        try:
            if not self._taken(connection, name, wait_seconds):
                message = busy or f"Another process holds the lock {name!r} of {self.place}."
                raise Conflict(message, hint="Wait for it to end, or stop it.")
            yield
        finally:
            # The server notices only after a while that a connection was closed.
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock_all()")
            connection.close()

    def _taken(self, connection: Connection, name: str, wait_seconds: float) -> bool:
        """Take a lock at once, or queue for it."""
        row = connection.execute(TRY_LOCK, (f"lock/{name}",)).fetchone()
        if row is not None and row["taken"]:
            return True
        if wait_seconds <= 0:
            return False
        milliseconds = str(max(1, round(wait_seconds * 1000)))
        connection.execute("SELECT set_config('lock_timeout', ?, FALSE)", (milliseconds,))
        try:
            connection.execute(TAKE_LOCK, (f"lock/{name}",))
        except errors.LockNotAvailable:
            return False
        except psycopg.Error as error:
            raise self.explained(error) from error
        return True


class PostgresTextIndex:
    """A tsvector under a GIN index.

    Each word stands there once for every number of fields in which it can be asked for, with the
    number before it. The weights of a tsvector would say the same, but are not in the index.
    """

    match = "SELECT id FROM asset_text WHERE words @@ CAST(? AS TSQUERY)"

    def pattern(self, words: Sequence[str], *, fields: int, prefix: bool) -> str:
        """Write a tsquery; the words hold nothing that could be its syntax."""
        return " & ".join(f"'{fields}{word}'" for word in words) + (":*" if prefix else "")

    def write(self, connection: Connection, entry: int, fields: Sequence[Sequence[str]]) -> None:
        """Replace an entry, inside a transaction."""
        numbers = range(1, len(fields) + 1)
        signs = {f"'{n}{word}'" for n in numbers for words in fields[:n] for word in words}
        connection.execute(
            "INSERT INTO asset_text (id, words) VALUES (?, CAST(? AS TSVECTOR))"
            " ON CONFLICT (id) DO UPDATE SET words = excluded.words",
            (entry, " ".join(sorted(signs))),
        )

    def remove(self, connection: Connection, entry: int) -> None:
        """Take an entry out, inside a transaction; one that is not there is no error."""
        connection.execute("DELETE FROM asset_text WHERE id = ?", (entry,))


def _parts(url: str) -> dict[str, str]:
    """Take a URL apart, as the library does; a password with odd signs falls into other parts.

    Raises:
        psycopg.ProgrammingError: it cannot be read.
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    odd = "@" in parts.get("host", "") + parts.get("dbname", "")
    if odd or not PORTS.fullmatch(parts.get("port", "")):
        raise psycopg.ProgrammingError
    return parts


@lru_cache(maxsize=1024)
def _translated(sql: str) -> str:
    """Mark values as psycopg wants them; quoted texts stay as they are.

    Example:
        >>> _translated("SELECT '?' WHERE a = ? AND b LIKE '%'")
        "SELECT '?' WHERE a = %s AND b LIKE '%%'"
    """
    parts = sql.replace("%", "%%").split("'")
    parts[::2] = [part.replace("?", "%s") for part in parts[::2]]
    return "'".join(parts)


def _without_nul(value: object) -> object:
    """Replace the one character that PostgreSQL keeps in no text."""
    return value.replace(NUL, REPLACEMENT) if isinstance(value, str) and NUL in value else value


def _text(error: Exception) -> str:
    """Return the first line of what the server or its library said."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
