"""The rows that a training set is made for: any frame, held against the spine's contract."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Contract, Invalid, did_you_mean
from towpath.core.instant import EPOCH, to_micros
from towpath.features.arrays import ARROW_TYPES
from towpath.features.feature_set import spine_keys
from towpath.lake.contract import conform
from towpath.lake.dataset import Dataset
from towpath.lake.sources.frame import ArrowStream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from towpath.features.arrays import Column
    from towpath.features.feature_set import FeatureSet
    from towpath.features.view import FeatureView

TIMES = ARROW_TYPES["timestamp"]
INDEX = "__index_level_"


@runtime_checkable
class Lazy(Protocol):
    """A frame that is computed when it is asked for, such as a lazy one of Polars."""

    def collect(self) -> object:
        """Compute the rows."""
        ...


def as_table(rows: object) -> pa.Table:
    """Return rows of any kind that gives Arrow: of pyarrow, Polars, pandas or DuckDB.

    Texts become plain strings, whichever of Arrow's forms they have; an index of pandas is left
    out.

    Raises:
        Invalid: the object has no rows.

    Example:
        >>> as_table(pa.table({"key": pa.array(["a"], pa.large_string())})).schema.field("key").type
        DataType(string)
    """
    given = rows.collect() if isinstance(rows, Lazy) else rows
    if not isinstance(given, ArrowStream):
        message = f"A {type(rows).__name__} gives no rows."
        raise Invalid(message, hint="Give a table of Arrow, or a frame of Polars or pandas.")
    table = pa.RecordBatchReader.from_stream(given).read_all().replace_schema_metadata(None)
    table = table.select([name for name in table.column_names if not name.startswith(INDEX)])
    for place, field in enumerate(table.schema):
        if _is_text(field.type):
            table = table.set_column(place, field.name, table[place].cast(pa.string()))
    return table


def needed_columns(feature_set: FeatureSet, views: Mapping[str, FeatureView]) -> tuple[str, ...]:
    """Name the columns that the rows must have: prediction time, keys, columns, derived inputs.

    Example:
        >>> from towpath.features.feature_set import FeatureSet
        >>> needed_columns(FeatureSet("fare", "trips", "at", columns=("seats",)), {})
        ('at', 'seats')
    """
    keys = (key for ref in feature_set.refs for key in spine_keys(ref, views[ref.view]))
    made = computed_names(feature_set, views)
    inputs = (name for one in feature_set.derived for name in one.inputs)
    named = dict.fromkeys((feature_set.at, *keys, *feature_set.columns, *inputs))
    return tuple(name for name in named if name not in made)


def computed_names(feature_set: FeatureSet, views: Mapping[str, FeatureView]) -> tuple[str, ...]:
    """Name the features that are computed, in order: those of views, then the derived ones.

    Example:
        >>> from towpath.features.feature_set import FeatureSet
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> computed_names(FeatureSet("fare", "orders", "at", ("car",)), {"car": view})
        ('car__km',)
    """
    named = [
        f"{ref.name}__{one.name}" for ref in feature_set.refs for one in views[ref.view].features
    ]
    return (*named, *(one.name for one in feature_set.derived))


def checked_labels(
    rows: object, feature_set: FeatureSet, views: Mapping[str, FeatureView], spine: Dataset
) -> pa.Table:
    """Return rows with the columns that a feature set needs, in the types of the spine's contract.

    Rows, their order and all other columns stay. A time without a zone is read as UTC, a text as
    ISO 8601; what is finer than a microsecond is cut off. A number is never made of a text, nor a
    text of a number: keys that differ in type would match nothing.

    Args:
        rows: anything that ``as_table`` takes.
        feature_set: what is asked for.
        views: the views it names.
        spine: its spine's contract.

    Raises:
        Invalid: a column has the name of a feature that is computed.
        Contract: a column is missing, given twice, or of a type that does not fit.

    Example:
        >>> from towpath.features.feature_set import FeatureSet
        >>> from towpath.lake.dataset import Column
        >>> spine = Dataset("trips", (Column("at", "timestamp"), Column("seats", "int64")))
        >>> rows = pa.table({"at": ["2013-01-01T01:00+01:00"], "seats": [4.0], "late": [True]})
        >>> fare = FeatureSet("fare", "trips", "at", columns=("seats",))
        >>> found = checked_labels(rows, fare, {}, spine).to_pylist()[0]
        >>> found["at"].isoformat(), found["seats"], found["late"]
        ('2013-01-01T00:00:00+00:00', 4, True)
    """
    table = as_table(rows)
    needed = needed_columns(feature_set, views)
    _check_names(table, feature_set, needed, computed_names(feature_set, views))
    columns = tuple(spine.column(name) for name in needed)
    for column in columns:
        if column.dtype == "timestamp":
            place = table.column_names.index(column.name)
            table = table.set_column(place, column.name, to_times(table[place], column.name))
    contract = Dataset(spine.name, columns)
    fitted = conform(contract, table.select(list(needed)), origin="the labels")
    for name in needed:
        table = table.set_column(table.column_names.index(name), name, fitted[name])
    return table


def to_times(column: Column, name: str) -> Column:
    """Return times in microseconds UTC; one without a zone is read as UTC.

    Raises:
        Contract: a text that is no time, or a column of another type.

    Example:
        >>> to_times(pa.chunked_array([["2013-01-01T00:00:00"]]), "at").type
        TimestampType(timestamp[us, tz=UTC])
    """
    if pa.types.is_timestamp(column.type):
        zoned: Any = column.cast(pa.timestamp(column.type.unit, "UTC"))
        # Rounded down: an event at the very microsecond was known a nanosecond later.
        micros: Column = pc.floor_temporal(zoned, unit="microsecond").cast(TIMES)
        return micros
    if pa.types.is_null(column.type) or pa.types.is_date(column.type):
        return column.cast(TIMES)
    if not pa.types.is_string(column.type):
        message = f"The labels' column {name!r} is {column.type}, not a time."
        raise Contract(message, hint="Give timestamps, or ISO 8601 texts.", column=name)
    texts = column.to_pylist()
    moments = {text: _moment(str(text), name) for text in set(texts) if text is not None}
    found = pa.chunked_array([pa.array([moments.get(text) for text in texts], pa.int64())])
    return found.cast(TIMES)


def _moment(text: str, name: str) -> int:
    """Read one time in microseconds."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        message = f"The labels' column {name!r} holds {text!r}, which is not a time."
        raise Contract(message, hint="Write it as 2013-10-01T08:30:00Z.", column=name) from None
    return to_micros(found if found.tzinfo else found.replace(tzinfo=EPOCH.tzinfo))


def _check_names(
    table: pa.Table, feature_set: FeatureSet, needed: tuple[str, ...], computed: tuple[str, ...]
) -> None:
    """Refuse columns that are missing, given twice, or named as a feature."""
    names = table.column_names
    for name in names:
        if names.count(name) > 1:
            message = f"The labels have the column {name!r} twice."
            raise Contract(message, hint="Remove or rename one of the two.", column=name)
        if name in computed:
            message = f"The labels' column {name!r} has the name of a feature."
            hint = f"Rename or drop it: feature set {feature_set.name!r} computes {name!r} itself."
            raise Invalid(message, hint=hint, column=name)
    for name in needed:
        if name not in names:
            message = f"The labels have no column {name!r}, which {feature_set.name!r} needs."
            raise Contract(message, hint=did_you_mean(name, names), column=name)


def _is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's forms of text, but for the plain one."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        return pa.types.is_string(kind) or _is_text(kind)
    return pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
