"""Databases, by way of SQLAlchemy: names are quoted, values bound, and nothing is written."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import quoted_name

from towpath.core.errors import (
    Contract,
    Denied,
    Invalid,
    MissingExtra,
    NotFound,
    TowpathError,
    Unavailable,
    did_you_mean,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from towpath.lake.sources.watermark import Watermark

FETCHED_ROWS = 10_000
CONNECT_SECONDS = 10
VARIABLE = re.compile(r"\$\{(\w+)\}")
ONE_STATE = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# What the names that people write stand for.
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
REFUSALS = ("authentication failed", "permission denied", "no pg_hba.conf", "access denied")
AWAY = ("connection", "could not", "timeout", "locked", "closed")
HINT = "Write it as postgresql://USER:${PASSWORD}@HOST/DATABASE or sqlite:///FILE."


class Selection(NamedTuple):
    """What to read.

    Args:
        table: a table or view, with its schema if need be, or empty.
        query: a SELECT, or empty.
        columns: the columns to read of a table.
        order: columns to sort by.
        mark: rows below it are left out; None for all rows.
    """

    table: str
    query: str
    columns: Sequence[str]
    order: Sequence[str]
    mark: Watermark | None


class SqlDatabase:
    """A database to read from.

    Args:
        url: as SQLAlchemy writes it; ``${NAME}`` stands for a variable.
        root: folder from which a file of SQLite is found.
        environ: the environment's variables.

    Raises:
        Invalid: the URL cannot be understood, or names a variable that is not set.
        NotFound: there is no such file.
        MissingExtra: the database's driver is not installed.

    Example:
        >>> from pathlib import Path
        >>> url = "postgresql://reader:${SHOP_PASSWORD}@localhost/shop"
        >>> SqlDatabase(url, Path(), {"SHOP_PASSWORD": "secret"}).name
        'postgresql://localhost/shop'
    """

    def __init__(self, url: str, root: Path, environ: Mapping[str, str]) -> None:
        """Understand the URL; the database is not asked yet."""
        self._url = _parsed(url, environ)
        plain = sa.URL.create(
            self._url.get_backend_name(),
            host=self._url.host,
            port=self._url.port,
            database=self._url.database,
        )
        self.name = plain.render_as_string()
        self.dialect = self._url.get_backend_name()
        if self.dialect == "sqlite":
            self._url = _existing_file(self._url, root)
        options = {"connect_timeout": CONNECT_SECONDS} if self.dialect == "postgresql" else {}
        try:
            engine = sa.create_engine(self._url, poolclass=NullPool, connect_args=options)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            message = f"No driver is installed for {self.name}: {error}."
            raise MissingExtra(message, hint="pip install 'towpath[postgres]'") from error
        state = ONE_STATE if self.dialect == "postgresql" else {}
        self._engine = engine.execution_options(**state)

    def fetch(self, selection: Selection) -> Iterator[tuple[list[str], Sequence[sa.Row[Any]]]]:
        """Give the columns' names, alone and then with some rows at a time.

        All rows are of one state of the database.

        Raises:
            NotFound: there is no such table.
            Contract: the table lacks a column.
            Invalid: the database does not understand the query.
            Denied: reading is not allowed.
            Unavailable: the database does not answer.
        """
        with self._connected() as connection:
            statement = self._statement(connection, selection)
            fetching = connection.execution_options(yield_per=FETCHED_ROWS)
            with fetching.execute(statement) as result:
                names = list(result.keys())
                yield names, []
                for rows in result.partitions():
                    yield names, rows

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """Open a connection that reads one state of the database and writes nothing."""
        try:
            with self._engine.connect() as connection:
                if self.dialect == "sqlite":
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                yield connection
        except DBAPIError as error:
            raise self._explained(error) from error

    def _statement(self, connection: sa.Connection, wanted: Selection) -> sa.Select[Any]:
        """Build the SELECT."""
        rows: sa.FromClause
        if wanted.table:
            rows = self._table(connection, wanted)
            statement = sa.select(*(_column(name) for name in wanted.columns))
        else:
            # A colon would name a value to be bound; a query here has none.
            text = wanted.query.strip().rstrip(";").replace(":", "\\:")
            rows = sa.text(text).columns().subquery(quoted_name("source", quote=True))
            statement = sa.select(sa.text("*"))
        statement = statement.select_from(rows).order_by(*(_column(one) for one in wanted.order))
        if wanted.mark is None:
            return statement
        column = _column(wanted.mark.column)
        return statement.where(sa.or_(column >= wanted.mark.since, column.is_(None)))

    def _table(self, connection: sa.Connection, wanted: Selection) -> sa.TableClause:
        """Find the table or view, and see that it has the columns."""
        schema, _, name = wanted.table.rpartition(".")
        inspector = sa.inspect(connection)
        try:
            there = [one["name"] for one in inspector.get_columns(name, schema or None)]
        except NoSuchTableError:
            message = f"There is no table {wanted.table!r} in {self.name}."
            tables = inspector.get_table_names(schema or None)
            views = inspector.get_view_names(schema or None)
            raise NotFound(message, hint=did_you_mean(name, [*tables, *views])) from None
        for column in wanted.columns:
            if column not in there:
                message = f"Table {wanted.table} of {self.name} lacks the column {column!r}."
                raise Contract(message, hint=did_you_mean(column, there), column=column)
        quoted = quoted_name(schema, quote=True) if schema else None
        return sa.table(quoted_name(name, quote=True), schema=quoted)

    def _explained(self, error: DBAPIError) -> TowpathError:
        """Say what an error means for the caller, without the password."""
        reason = str(error.orig).partition("\n")[0].rstrip(".")
        if self._url.password:
            reason = reason.replace(self._url.password, "***")
        if any(sign in reason.lower() for sign in REFUSALS):
            message = f"{self.name} may not be read: {reason}."
            return Denied(message, hint="Check the user, the password and what they may read.")
        if any(sign in reason.lower() for sign in AWAY):
            message = f"{self.name} does not answer: {reason}."
            return Unavailable(message, hint="Check that it runs and can be reached, and retry.")
        message = f"{self.name} cannot be read as the source says: {reason}."
        return Invalid(message, hint="Mend the table or query of the source.")


def _column(name: str) -> sa.ColumnClause[Any]:
    """Name a column in quotes, so that it is taken as it is written."""
    return sa.column(quoted_name(name, quote=True))


def _parsed(url: str, environ: Mapping[str, str]) -> sa.URL:
    """Understand a URL; variables are filled in after that, for they may hold any sign."""
    whole = VARIABLE.fullmatch(url)
    text = _filled(url, environ) if whole else url
    try:
        parsed = sa.make_url(text)
    except (ArgumentError, ValueError):
        # The text may hold a password: it is not repeated.
        raise Invalid("The url of a source cannot be understood.", hint=HINT) from None
    if "+" not in parsed.drivername:
        parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    if whole:
        return parsed
    return parsed.set(
        username=_filled(parsed.username or "", environ) or None,
        password=_filled(parsed.password or "", environ) or None,
        host=_filled(parsed.host or "", environ) or None,
        database=_filled(parsed.database or "", environ) or None,
    )


def _filled(text: str, environ: Mapping[str, str]) -> str:
    """Put variables' values in the place of their names."""
    for name in VARIABLE.findall(text):
        if name not in environ:
            message = f"The url of a source asks for the variable {name}, which is not set."
            raise Invalid(message, hint=f"export {name}=...", variable=name)
    return VARIABLE.sub(lambda found: environ[found[1]], text)


def _existing_file(url: sa.URL, root: Path) -> sa.URL:
    """Find the file of an SQLite database, which SQLite would make if it were not there."""
    path = root / (url.database or "")
    if not path.is_file():
        message = f"There is no database {path}."
        raise NotFound(message, hint="Check the url; it starts from the project's folder.")
    return url.set(database=str(path))
