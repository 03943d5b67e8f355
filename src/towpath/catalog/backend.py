"""What a kind of database must offer to keep the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from towpath.core.errors import TowpathError

BUSY_SECONDS = 10.0

Row = dict[str, Any]


class Cursor(Protocol):
    """The answer to one statement: its rows by column name, and how many it changed."""

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed."""

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Row]:
        """Go through the rows."""


class Connection(Protocol):
    """One connection, used by one thread of one process at a time."""

    @property
    def closed(self) -> bool:
        """Whether it is of no use any more: closed here, or dropped by the server."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Run one statement whose values are marked by question marks."""

    def close(self) -> None:
        """Close; an open transaction is undone."""


class TextIndex(Protocol):
    """Full text in the words that ``catalog.words`` makes: lower-case ASCII letters and digits.

    An entry has four fields, each weighing more than the next: names, columns, tags, texts.
    """

    @property
    def match(self) -> str:
        """A query of the ids that match one parameter, which ``pattern`` makes."""

    def pattern(self, words: Sequence[str], *, fields: int, prefix: bool) -> str:
        """Ask for entries with every word in the first so many fields.

        With ``prefix`` the last word may be the start of one.
        """

    def write(self, connection: Connection, entry: int, fields: Sequence[Sequence[str]]) -> None:
        """Replace an entry, inside a transaction."""

    def remove(self, connection: Connection, entry: int) -> None:
        """Take an entry out, inside a transaction; one that is not there is no error."""


class Backend(Protocol):
    """A kind of database.

    Attributes:
        place: where it is kept, for messages; without a password.
        migrations: the steps from an empty database, in its own SQL.
        errors: what its library raises.
        text: its full-text index.

    Writers exclude each other from ``begin`` to the end of the transaction, and readers outside
    of a transaction never wait. A connection is never used by two threads or processes. A
    transaction that is not committed when its process dies leaves nothing.
    """

    place: str
    migrations: tuple[tuple[str, ...], ...]
    errors: tuple[type[Exception], ...]
    text: TextIndex

    def connect(self) -> Connection:
        """Open a connection that commits each statement by itself until ``begin``."""

    def begin(self, connection: Connection) -> None:
        """Start to write, after waiting at most ``BUSY_SECONDS`` for another writer."""

    def version(self, connection: Connection) -> int:
        """Count the migrations that the database has seen; 0 for an empty one."""

    def set_version(self, connection: Connection, version: int) -> None:
        """Note the migrations, inside the transaction that ran them."""

    def explained(self, error: Exception) -> TowpathError:
        """Say what an error of the library means for the caller."""

    def locked(self, name: str, wait_seconds: float, busy: str) -> AbstractContextManager[None]:
        """Hold a named lock, freed when its holder dies; Conflict if another keeps it."""
