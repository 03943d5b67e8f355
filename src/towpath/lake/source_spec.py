"""Where a dataset's rows come from, with what the file's name or the URL does not say."""

from __future__ import annotations

import codecs

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.record import Record
from towpath.core.url import check_no_login, check_password

DELIMITERS = (",", ";", "\t", "|")
DECIMAL_POINTS = (".", ",")
TEXT_CODECS = ("utf-8", "utf-16", "latin-1", "windows-1252")


class SourceSpec(Record, frozen=True):
    """Files or a database to read rows from; exactly one of ``path`` and ``url`` is given.

    Args:
        path: file, folder or glob, relative to the project's folder, or ``s3://BUCKET/PATH``.
        delimiter: what stands between the cells of a CSV; a tab in a ``.tsv`` unless given.
        decimal_point: what stands before the decimals in a CSV.
        encoding: how the text of a CSV or of JSON Lines is written in bytes.
        url: a database as SQLAlchemy names it; ``${NAME}`` stands for an environment variable, and
            a password can be given in no other way.
        table: the table or view to read, with its schema if need be, such as ``sales.orders``.
        query: a SELECT to read in its place.
        watermark: column by which rows are found that came since; the event time unless given.

    Raises:
        Invalid: the fields contradict each other, or hold a password.

    Example:
        >>> SourceSpec(path="sales.csv", delimiter=";", decimal_point=",").kind
        'files'
        >>> SourceSpec(url="sqlite:///shop.db", table="orders").kind
        'database'
    """

    path: str = ""
    delimiter: str = ""
    decimal_point: str = "."
    encoding: str = "utf-8"
    url: str = ""
    table: str = ""
    query: str = ""
    watermark: str = ""

    def __post_init__(self) -> None:
        """Check that the fields go together."""
        if bool(self.path) == bool(self.url):
            message = "A source is a path or a url, and not both."
            raise Invalid(message, hint="Give path: FILE, or url: DATABASE with a table or query.")
        if self.url and bool(self.table) == bool(self.query):
            message = "A source with a url has a table or a query, and not both."
            raise Invalid(message, hint="Give table: NAME, or query: SELECT ...")
        if self.path and (self.table or self.query):
            message = "A source with a path has no table and no query."
            raise Invalid(message, hint="Remove them, or give a url in place of the path.")
        check_no_login(self.path)
        check_password(self.url)
        self._check_text()

    @property
    def kind(self) -> str:
        """``files`` or ``database``."""
        return "files" if self.path else "database"

    def _check_text(self) -> None:
        """Refuse a form of text that cannot be read."""
        if self.delimiter and self.delimiter not in DELIMITERS:
            message = f"A source cannot be cut into cells at {self.delimiter!r}."
            known = ", ".join(repr(one) for one in DELIMITERS)
            raise Invalid(message, hint=f"Known: {known}.")
        if self.decimal_point not in DECIMAL_POINTS:
            message = f"{self.decimal_point!r} is no decimal point."
            raise Invalid(message, hint="Write '.' or ','.")
        if self.decimal_point == self.delimiter:
            message = f"A source has {self.delimiter!r} both as its delimiter and in numbers."
            raise Invalid(message, hint="Give another delimiter.")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            message = f"There is no encoding {self.encoding!r}."
            raise Invalid(message, hint=did_you_mean(self.encoding, TEXT_CODECS)) from None
