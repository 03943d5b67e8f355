"""A dataset: the contract that its rows keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.finding import Severity
from towpath.core.instant import parse_span
from towpath.core.name import checked_name
from towpath.core.record import Record
from towpath.core.url import check_no_login
from towpath.lake.column_types import Bound, arrow_type, bound_value
from towpath.lake.pattern import checked_pattern
from towpath.lake.source_spec import SourceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

Mode = Literal["overwrite", "append", "merge", "incremental"]
Sensitivity = Literal["public", "internal", "confidential", "personal"]
LISTED = {"string": str, "int64": int}
LIST = "list<float64>"


class Column(Record, frozen=True):
    """One column of a contract and the checks on its values.

    Args:
        name: the column's name, the same in the source and in the lake.
        dtype: type of the values: ``bool``, ``int64``, ``float64``, ``decimal(p,s)``,
            ``string``, ``timestamp`` (microseconds in UTC), ``date``, ``binary`` or
            ``list<float64>``.
        nullable: whether a value may be missing.
        minimum: least value of a number, date or timestamp; dates and times as ISO text.
        maximum: greatest value, likewise.
        allowed: the only values of a string or int64; empty for any.
        severity: ``block`` sets a failing row aside, ``warn`` keeps it and reports.
        doc: what the values mean, with their unit.
        pattern: regular expression (RE2) that a whole string must match.
        unique: whether a value may occur once only; missing values do not count.
        references: ``dataset.column`` whose values are the only ones.
        max_length: most characters of a string.
        sensitivity: who may see the values; ``personal`` tells of people.

    Raises:
        Invalid: an illegal name, or a check that does not fit the type.

    Example:
        >>> Column("fare", "float64", minimum=0.0).nullable
        False
    """

    name: str
    dtype: str
    nullable: bool = False
    minimum: Bound | None = None
    maximum: Bound | None = None
    allowed: tuple[str | int, ...] = ()
    severity: Severity = "block"
    doc: str = ""
    pattern: str = ""
    unique: bool = False
    references: str = ""
    max_length: int | None = None
    sensitivity: Sensitivity = "internal"

    def __post_init__(self) -> None:
        """Check the name and that each check fits the type."""
        checked_name(self.name, "column")
        arrow_type(self.dtype)
        self._check_bounds()
        self._check_allowed()
        for field, given in (("pattern", self.pattern), ("max_length", self.max_length)):
            if given not in ("", None) and self.dtype != "string":
                message = f"Column {self.name!r} is {self.dtype}: it has no {field}."
                raise Invalid(message, hint=f"Give a {field} to string columns only.")
        if self.max_length is not None and self.max_length < 0:
            message = f"Column {self.name!r} has a negative max_length."
            raise Invalid(message, hint="Count characters from 0.")
        for field, set_ in (("unique", self.unique), ("references", bool(self.references))):
            if set_ and self.dtype == LIST:
                message = f"Column {self.name!r} is {LIST}: it cannot be checked for {field}."
                raise Invalid(message, hint="Lists are not compared: remove the check.")
        if self.references:
            self.reference()
        if self.pattern:
            self._check_pattern()

    def refers_to(self, dataset: str) -> bool:
        """Tell whether it refers to a column of that dataset."""
        return bool(self.references) and self.reference()[0] == dataset

    def reference(self) -> tuple[str, str]:
        """Return the dataset and the column that the values refer to.

        Raises:
            Invalid: they are not named as ``dataset.column``.

        Example:
            >>> Column("plane", "string", references="planes.tailnum").reference()
            ('planes', 'tailnum')
        """
        dataset, _, column = self.references.partition(".")
        try:
            return checked_name(dataset, "dataset"), checked_name(column, "column")
        except Invalid as error:
            message = f"Column {self.name!r} references {self.references!r}, which names no column."
            hint = "Write it as dataset.column, such as planes.tailnum."
            raise Invalid(message, hint=hint) from error

    def _check_bounds(self) -> None:
        """Refuse bounds that are no values of the type, or the wrong way round."""
        try:
            bounds = [
                None if bound is None else bound_value(self.dtype, bound)
                for bound in (self.minimum, self.maximum)
            ]
        except Invalid as error:
            message = f"Column {self.name!r}: {error.message}"
            raise Invalid(message, hint=error.hint) from error
        least, greatest = bounds
        # Both come from one dtype, and so from one type of Python's.
        if least is not None and greatest is not None and least > greatest:  # type: ignore[operator]
            message = f"Column {self.name!r} has a minimum above its maximum."
            raise Invalid(message, hint="Swap the two.")

    def _check_allowed(self) -> None:
        """Refuse a list of values that are not of the column's type."""
        if not self.allowed:
            return
        kind = LISTED.get(self.dtype)
        if kind is None:
            message = f"Column {self.name!r} is {self.dtype}: it has no list of allowed values."
            raise Invalid(message, hint="List allowed values for string and int64 columns only.")
        for value in self.allowed:
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not isinstance(value, kind) or (kind is int and not whole):
                message = f"Column {self.name!r} is {self.dtype}: it cannot allow {value!r}."
                raise Invalid(message, hint="Quote texts, and write whole numbers plainly.")
            if kind is int:
                bound_value(self.dtype, value)

    def _check_pattern(self) -> None:
        """Refuse a pattern that the engine cannot run."""
        try:
            checked_pattern(self.pattern)
        except Invalid as error:
            message = f"Column {self.name!r}: {error.message}"
            raise Invalid(message, hint=error.hint) from error


class Check(Record, frozen=True):
    """A rule over the columns of a row.

    Args:
        name: the rule's name.
        predicate: one SQL expression over the row's columns that is true of a good row; a row
            for which it is NULL fails.
        severity: ``block`` sets a failing row aside, ``warn`` keeps it and reports.
        doc: why the rule holds.

    Raises:
        Invalid: an illegal name. The predicate is held against the columns by its dataset.

    Example:
        >>> Check("lands_later", "landed > departed").severity
        'block'
    """

    name: str
    predicate: str
    severity: Severity = "block"
    doc: str = ""

    def __post_init__(self) -> None:
        """Check the name."""
        checked_name(self.name, "check")


class Dataset(Record, frozen=True):
    """A named table with a contract.

    Args:
        name: the dataset's name.
        columns: the columns, in the order of the stored table.
        key: columns that identify a row; empty where rows are events without identity.
        event_time: the timestamp column that says when a row became known.
        source: path, folder, glob or ``s3://`` URL of files (CSV, JSON Lines, Parquet), relative to
            the project, or a ``SourceSpec`` that says more: a delimiter, or a database.
        mode: what ingesting does: ``overwrite`` replaces the rows, ``append`` adds to them,
            ``merge`` replaces those of the same key and adds the others, ``incremental`` takes
            rows from the highest watermark on.
        owner: who answers for the data.
        description: what a row is.
        tags: words to find it by.
        checks: rules over several columns.
        freshness: span such as ``2d``: when a batch comes, its latest event is not older.
        minimum_rows: fewest rows of a batch.
        maximum_rows: most rows of a batch.
        batch_severity: ``block`` refuses a batch that is stale or of another size, ``warn``
            takes it and reports.

    Raises:
        Invalid: duplicate or unknown columns, an event time that is not a timestamp, or a check
            that cannot be made.

    Example:
        >>> trips = Dataset("trips", (Column("id", "string"),), key=("id",))
        >>> trips.names
        ('id',)
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    event_time: str = ""
    source: str | SourceSpec = ""
    mode: Mode = "overwrite"
    owner: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    freshness: str = ""
    minimum_rows: int | None = None
    maximum_rows: int | None = None
    batch_severity: Severity = "block"

    def __post_init__(self) -> None:
        """Check names, key, event time and the checks of batches and rows."""
        checked_name(self.name, "dataset")
        if not self.columns:
            message = f"Dataset {self.name!r} has no columns."
            raise Invalid(message, hint="List at least one column.")
        _refuse_duplicates(self.name, "column", self.names)
        _refuse_duplicates(self.name, "key column", self.key)
        _refuse_duplicates(self.name, "check", (check.name for check in self.checks))
        for name in self.key:
            self._check_key(self._known("key", name))
        if self.event_time and self._known("event_time", self.event_time).dtype != "timestamp":
            message = f"The event_time {self.event_time!r} of {self.name!r} is not a timestamp."
            raise Invalid(message, hint=f"Declare the column {self.event_time!r} as timestamp.")
        if isinstance(self.source, str):
            check_no_login(self.source)
        self._check_mode()
        self._check_batches()
        if self.checks:
            self._check_predicates()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def identity(self) -> tuple[str, ...]:
        """Names of the columns whose stored values a new row is compared with.

        Example:
            >>> columns = (Column("id", "int64"), Column("mail", "string", unique=True))
            >>> Dataset("users", columns, key=("id",)).identity
            ('id', 'mail')
        """
        return tuple(one.name for one in self.columns if one.unique or one.name in self.key)

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            NotFound: there is none; a close name is suggested.
        """
        for column in self.columns:
            if column.name == name:
                return column
        message = f"Dataset {self.name!r} has no column {name!r}."
        raise NotFound(message, hint=did_you_mean(name, self.names), dataset=self.name, column=name)

    def without_checks(self, name: str) -> Dataset:
        """Return a dataset of the same columns that takes any row, under another name.

        Example:
            >>> trips = Dataset("trips", (Column("id", "string"),), key=("id",))
            >>> trips.without_checks("trips__rejected").column("id").nullable
            True
        """
        columns = tuple(
            Column(one.name, one.dtype, nullable=True, doc=one.doc, sensitivity=one.sensitivity)
            for one in self.columns
        )
        return Dataset(name, columns, owner=self.owner, tags=self.tags)

    def _known(self, field: str, name: str) -> Column:
        """Return the column that a field of the contract names."""
        try:
            return self.column(name)
        except NotFound as error:
            message = f"The {field} of dataset {self.name!r} names an unknown column {name!r}."
            raise Invalid(message, hint=error.hint) from None

    def _check_key(self, column: Column) -> None:
        """Refuse a key column that cannot identify a row."""
        if column.nullable:
            message = f"The key column {column.name!r} of dataset {self.name!r} is nullable."
            raise Invalid(message, hint="A key identifies a row: remove nullable.")
        if column.dtype == LIST:
            message = f"The key column {column.name!r} of dataset {self.name!r} is {LIST}."
            raise Invalid(message, hint="Lists are not compared: choose another key.")

    def _check_mode(self) -> None:
        """Refuse a mode that has not what it takes."""
        if self.mode == "merge" and not self.key:
            message = f"Dataset {self.name!r} merges rows, but has no key to merge by."
            raise Invalid(message, hint="Add key: [COLUMN], or write mode: append.")
        watermark = self.source.watermark if isinstance(self.source, SourceSpec) else ""
        if watermark:
            self._known("watermark", watermark)
        if self.mode == "incremental" and not (watermark or self.event_time):
            message = f"Dataset {self.name!r} has no column that tells which rows are new."
            raise Invalid(message, hint="Add event_time: COLUMN, or watermark: to its source.")

    def _check_batches(self) -> None:
        """Refuse limits of a batch that cannot hold."""
        if self.freshness:
            parse_span(self.freshness)
            if not self.event_time:
                message = f"Dataset {self.name!r} has a freshness, but no event_time to judge by."
                raise Invalid(message, hint="Add event_time: COLUMN, or remove freshness.")
        least = self.minimum_rows if self.minimum_rows is not None else 0
        most = self.maximum_rows if self.maximum_rows is not None else max(least, 0)
        if not 0 <= least <= most:
            message = f"Dataset {self.name!r} takes batches of {least} to {most} rows: none."
            raise Invalid(message, hint="Give 0 <= minimum_rows <= maximum_rows.")

    def _check_predicates(self) -> None:
        """Refuse a predicate that cannot be run over the columns."""
        # The engine costs a tenth of a second to load, which few contracts need.
        from towpath.lake.predicate import checked_predicate

        columns = tuple((column.name, column.dtype) for column in self.columns)
        for check in self.checks:
            try:
                checked_predicate(check.predicate, columns)
            except Invalid as error:
                message = f"Check {check.name!r} of dataset {self.name!r}: {error.message}"
                raise Invalid(message, hint=error.hint) from error


def _refuse_duplicates(dataset: str, what: str, names: Iterable[str]) -> None:
    """Refuse a name that is listed twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            message = f"Dataset {dataset!r} lists the {what} {name!r} twice."
            raise Invalid(message, hint="Remove one of the two.")
        seen.add(name)
