"""A dataset: the contract that its rows keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.finding import Severity
from towpath.core.name import checked_name
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

ColumnType = Literal["bool", "int64", "float64", "string", "timestamp", "date"]
NUMERIC = ("int64", "float64")


class Column(Record, frozen=True):
    """One column of a contract and the checks on its values.

    Args:
        name: the column's name, the same in the source and in the lake.
        dtype: type of the values; ``timestamp`` is microseconds in UTC.
        nullable: whether a value may be missing.
        minimum: least value of a number.
        maximum: greatest value of a number.
        allowed: the only values of a string; empty for any.
        severity: ``block`` sets a failing row aside, ``warn`` keeps it and reports.
        doc: what the values mean, with their unit.

    Raises:
        Invalid: an illegal name, or a check that does not fit the type.

    Example:
        >>> Column("fare", "float64", minimum=0.0).nullable
        False
    """

    name: str
    dtype: ColumnType
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    severity: Severity = "block"
    doc: str = ""

    def __post_init__(self) -> None:
        """Check the name and that each check fits the type."""
        checked_name(self.name, "column")
        bounded = self.minimum is not None or self.maximum is not None
        if bounded and self.dtype not in NUMERIC:
            message = f"Column {self.name!r} is {self.dtype}: it has no minimum or maximum."
            raise Invalid(message, hint="Give bounds to int64 and float64 columns only.")
        if self.allowed and self.dtype != "string":
            message = f"Column {self.name!r} is {self.dtype}: it has no list of allowed values."
            raise Invalid(message, hint="List allowed values for string columns only.")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            message = f"Column {self.name!r} has a minimum above its maximum."
            raise Invalid(message, hint="Swap the two.")


class Dataset(Record, frozen=True):
    """A named table with a contract.

    Args:
        name: the dataset's name.
        columns: the columns, in the order of the stored table.
        key: columns that identify a row; empty where rows are events without identity.
        event_time: the timestamp column that says when a row became known.
        source: path or glob of the files, relative to the project: CSV, CSV.GZ or Parquet.
        owner: who answers for the data.
        description: what a row is.
        tags: words to find it by.

    Raises:
        Invalid: duplicate or unknown columns, or an event time that is not a timestamp.

    Example:
        >>> trips = Dataset("trips", (Column("id", "string"),), key=("id",))
        >>> trips.names
        ('id',)
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    event_time: str = ""
    source: str = ""
    owner: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check names, key and event time."""
        checked_name(self.name, "dataset")
        if not self.columns:
            message = f"Dataset {self.name!r} has no columns."
            raise Invalid(message, hint="List at least one column.")
        _refuse_duplicates(self.name, "column", self.names)
        _refuse_duplicates(self.name, "key column", self.key)
        for name in self.key:
            if self._known("key", name).nullable:
                message = f"The key column {name!r} of dataset {self.name!r} is nullable."
                raise Invalid(message, hint="A key identifies a row: remove nullable.")
        if self.event_time and self._known("event_time", self.event_time).dtype != "timestamp":
            message = f"The event_time {self.event_time!r} of {self.name!r} is not a timestamp."
            raise Invalid(message, hint=f"Declare the column {self.event_time!r} as timestamp.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

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

    def _known(self, field: str, name: str) -> Column:
        """Return the column that a field of the contract names."""
        try:
            return self.column(name)
        except NotFound as error:
            message = f"The {field} of dataset {self.name!r} names an unknown column {name!r}."
            raise Invalid(message, hint=error.hint) from None


def _refuse_duplicates(dataset: str, what: str, names: Iterable[str]) -> None:
    """Refuse a name that is listed twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            message = f"Dataset {dataset!r} lists the {what} {name!r} twice."
            raise Invalid(message, hint="Remove one of the two.")
        seen.add(name)
