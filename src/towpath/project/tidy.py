"""Any CSV or Parquet file to the plain columns that a contract can name."""

from __future__ import annotations

import keyword
import re
import shlex
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from towpath.core.errors import Contract, Invalid, NotFound, did_you_mean
from towpath.core.instant import parse_instant
from towpath.core.record import Record
from towpath.lake.source_spec import SourceSpec
from towpath.lake.untyped import read_untyped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

CLASSES = 2
SHOWN_VALUES = 5
MOMENT = pa.timestamp("us", "UTC")
ROW_ID, KNOWN_AT = "row_id", "known_at"
# Pairs whose meaning nobody doubts, the one that means yes last.
PLAIN = (("0", "1"), ("-1", "1"), ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))
NAIVE = re.compile(r"timestamp\[\w+\]|date32.*")


class Roles(Record, frozen=True):
    """What the columns of a file are for.

    Args:
        key: column that identifies a row; a row number named ``row_id`` is added if empty.
        label: column to predict; it must hold exactly two values.
        positive: the value of the label that counts as true; found for 0/1, yes/no, true/false.
        time: column that says when a row became known.
        zone: time zone of times written without one, such as ``Europe/Lisbon``.
        known_at: when all rows became known, for a source without such a column.

    Example:
        >>> Roles(label="returned").key
        ''
    """

    key: str = ""
    label: str = ""
    positive: str = ""
    time: str = ""
    zone: str = ""
    known_at: str = ""


def tidy(source: Path, target: Path, roles: Roles) -> dict[str, object]:
    """Write ``source`` as Parquet with legal names, a key, a true-or-false label and UTC times.

    Args:
        source: a CSV or Parquet file.
        target: the Parquet file to write.
        roles: what the columns are for.

    Returns:
        Rows, columns and the share of positive labels.

    Raises:
        NotFound: no such file or column.
        Contract: a key with duplicates, or a label with other than two values.
        Invalid: times without a zone where none is given, no such zone, or a column named as one
            that would be added.
    """
    table = _legal_names(_read(source))
    table = _with_key(table, roles.key)
    if roles.label:
        table = _with_label(table, _column(table, roles.label), roles.positive)
    if roles.time:
        table = _with_time(table, _column(table, roles.time), roles.zone)
    elif roles.known_at:
        _refuse_taken(table, KNOWN_AT, option="--time")
        instant = pa.scalar(parse_instant(roles.known_at), MOMENT)
        table = table.append_column(KNOWN_AT, pa.repeat(instant, table.num_rows))
    target.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(_plain_types(table), target)
    share = positive_share(table, roles.label) if roles.label else None
    return {"rows": table.num_rows, "columns": table.num_columns, "positive_share": share}


def positive_share(table: pa.Table, label: str) -> float:
    """Return the share of true labels."""
    values = table.column(legal_name(label)).cast(pa.float64())
    share: float = pc.mean(values).as_py()
    return share


def legal_name(name: str) -> str:
    """Spell a name with a-z, 0-9 and _ only, a letter first, so that Python takes it too.

    Example:
        >>> legal_name("Order ID (new)"), legal_name("Class")
        ('order_id_new', 'class_')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    text = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:60]
    if keyword.iskeyword(text):
        return f"{text}_"
    return text if text[:1].isalpha() else f"c_{text}"


def two_values(values: Sequence[object], label: str, positive: str = "") -> tuple[str, str]:
    """Return the two values of a label as text, the one that means yes last.

    Args:
        values: its different values.
        label: the column.
        positive: which of them means yes; only needed where their names do not say it.

    Raises:
        Contract: there are not exactly two.
        Invalid: nobody can tell which means yes, or ``positive`` is neither.

    Example:
        >>> two_values(["yes", "no"], "returned")
        ('no', 'yes')
    """
    texts = sorted(str(value) for value in values if value is not None)
    if len(texts) != CLASSES:
        shown = ", ".join(texts[:SHOWN_VALUES]) + (", …" if len(texts) > SHOWN_VALUES else "")
        message = f"The label {label!r} has {len(texts)} different values: {shown or 'none'}."
        raise Contract(message, hint="Choose a column with two values, such as yes and no.")
    first, second = texts
    if positive and positive not in texts:
        message = f"The label {label!r} has no value {positive!r}."
        raise Invalid(message, hint=f"Its values are {first} and {second}.")
    if positive:
        return (second, first) if positive == first else (first, second)
    if (first.lower(), second.lower()) in PLAIN:
        return first, second
    if (second.lower(), first.lower()) in PLAIN:
        return second, first
    message = f"The label {label!r} is {first!r} or {second!r}: which of them counts as true?"
    raise Invalid(message, hint=f"Say it: --positive {shlex.quote(first)}")


def _read(source: Path) -> pa.Table:
    """Read the source with the types that its values suggest."""
    if not source.is_file():
        raise NotFound(f"There is no file {source}.", hint="Check the path.")
    table = read_untyped(SourceSpec(path=source.name), source.parent)
    if not table.num_rows:
        raise Contract(f"{source.name} holds no rows.", hint="Give a file with a header and rows.")
    return table


def _legal_names(table: pa.Table) -> pa.Table:
    """Rename the columns; two that become one name are an error."""
    names = [legal_name(name) for name in table.column_names]
    for name in names:
        if names.count(name) > 1:
            message = f"Two columns are both called {name!r}."
            raise Contract(message, hint="Rename one of them in the file.")
    return table.rename_columns(names)


def _column(table: pa.Table, name: str) -> str:
    """Find a column by the name in the file or its legal spelling."""
    legal = legal_name(name)
    if legal not in table.column_names:
        message = f"The file has no column {name!r}."
        raise NotFound(message, hint=did_you_mean(legal, table.column_names))
    return legal


def _with_key(table: pa.Table, key: str) -> pa.Table:
    """Check the key, or number the rows where there is none."""
    if not key:
        _refuse_taken(table, ROW_ID, option="--key")
        rows = pa.array([str(row) for row in range(1, table.num_rows + 1)], pa.string())
        return table.add_column(0, ROW_ID, rows)
    column = table.column(_column(table, key))
    distinct = pc.count_distinct(column, mode="only_valid").as_py()
    if column.null_count or distinct < table.num_rows:
        message = f"{key!r} is no key: {table.num_rows:,} rows, {distinct:,} different values."
        raise Contract(message, hint="Name another column with --key, or none for row numbers.")
    return table


def _refuse_taken(table: pa.Table, name: str, *, option: str) -> None:
    """Refuse a column of the file that is named as the one to be added."""
    if name in table.column_names:
        message = f"The file has a column {name!r} already, so none can be added."
        raise Invalid(message, hint=f"Use it: {option} {name}; or rename it in the file.")


def _with_label(table: pa.Table, label: str, positive: str) -> pa.Table:
    """Turn the label into true and false."""
    texts = table.column(label).cast(pa.string())
    _, found = two_values(pc.unique(texts).to_pylist(), label, positive)
    flags = pc.equal(texts, pa.scalar(found))
    return table.set_column(table.column_names.index(label), label, flags)


def _with_time(table: pa.Table, time: str, zone: str) -> pa.Table:
    """Turn a column of times into microseconds in UTC."""
    column = table.column(time)
    if pa.types.is_string(column.type):
        moments = pa.array([_instant(one, time) for one in column.to_pylist()], MOMENT)
        column = pa.chunked_array([moments])
    elif NAIVE.fullmatch(str(column.type)):
        if not zone:
            message = f"The times in {time!r} have no time zone."
            raise Invalid(message, hint="Say which: --zone UTC, or --zone Europe/Lisbon.")
        column = _in_zone(column, zone)
    elif not pa.types.is_timestamp(column.type):
        message = f"The column {time!r} holds {column.type}, not times."
        raise Invalid(message, hint="Name a column of times such as 2013-10-01T08:30:00Z.")
    utc = column.cast(MOMENT)
    return table.set_column(table.column_names.index(time), time, utc)


def _in_zone(times: pa.ChunkedArray[Any], zone: str) -> pa.ChunkedArray[Any]:
    """Read times by the clocks of a zone."""
    naive: Any = times.cast(pa.timestamp("us"))
    try:
        found: pa.ChunkedArray[Any] = pc.assume_timezone(
            naive, zone, ambiguous="earliest", nonexistent="latest"
        )
    except pa.ArrowInvalid as error:
        message = f"There is no time zone {zone!r}."
        raise Invalid(message, hint=did_you_mean(zone, available_timezones())) from error
    return found


def _instant(text: str | None, column: str) -> datetime | None:
    """Read one time, naming the column if it is none."""
    try:
        return None if text is None else parse_instant(text)
    except Invalid as error:
        raise Invalid(f"Column {column!r}: {error.message}", hint=error.hint) from error


def _plain_types(table: pa.Table) -> pa.Table:
    """Bring every column to one of the types of a contract."""
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_integer(column.type):
            column = column.cast(pa.int64())
        elif pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        elif pa.types.is_time(column.type) or pa.types.is_null(column.type):
            column = column.cast(pa.string())
        elif pa.types.is_timestamp(column.type) and column.type.tz is None:
            column = column.cast(pa.timestamp("s")).cast(pa.string())
        columns[name] = column
    return pa.table(columns)
