"""What a training set was made of, so that it can be made again bit for bit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from towpath.core.record import Record, fingerprint
from towpath.lake.column_types import dtype_of
from towpath.lake.sources.content import content_hash

if TYPE_CHECKING:
    from towpath.features.arrays import Column

WHOLE = 64


class DatasetLabels(Record, frozen=True, tag_field="kind", tag="dataset"):
    """The labels are all rows of a dataset, in the version that the manifest names.

    Args:
        dataset: its name.
        columns: which of its columns; all unless given.
    """

    dataset: str
    columns: tuple[str, ...] = ()


class GivenLabels(Record, frozen=True, tag_field="kind", tag="given"):
    """The labels are rows that were given, or that a query returned.

    Args:
        hash: SHA-256 of the rows.
        query: the SELECT that returned them; empty where they were given.
        table: version of the table in which they are kept; None where they are not.
    """

    hash: str
    query: str = ""
    table: int | None = None


class KeysAt(Record, frozen=True, tag_field="kind", tag="keys"):
    """The labels are the keys of the spine that were known at a time, each with its last row.

    Args:
        at: the prediction time of all rows; a row of the spine at that very time is known.
        since: leave out keys whose last row is before; None for no limit.

    Example:
        >>> from towpath.core.instant import parse_instant
        >>> KeysAt(parse_instant("2013-10-01")).since is None
        True
    """

    at: datetime
    since: datetime | None = None


LabelSource = DatasetLabels | GivenLabels | KeysAt


class Manifest(Record, frozen=True):
    """What a training set was made of, and what came out.

    Args:
        feature_set: name of the feature set.
        definition: version of the features' definition.
        definitions: content version of each definition that went in, by ``kind/name``.
        labels: where its rows come from.
        data_versions: version of each dataset that was read.
        rows: how many rows there are.
        features: dtype by feature, in order.
        hash: SHA-256 of the whole table.
        made_at: when.
        visible_after: as served: each row saw what was ingested by its time plus this; None where
            it saw all that is known now.
        code: git commit of the project, empty outside git.
        name: under which it is kept; empty where it is not.
        table: version of the table that keeps it; -1 where none does.
    """

    feature_set: str
    definition: str
    definitions: dict[str, str]
    labels: LabelSource
    data_versions: dict[str, int]
    rows: int
    features: dict[str, str]
    hash: str
    made_at: datetime
    visible_after: timedelta | None = None
    code: str = ""
    name: str = ""
    table: int = msgspec.field(default=-1)

    @property
    def id(self) -> str:
        """Identify what went in; the same ingredients have the same id.

        Example:
            >>> from towpath.core.instant import EPOCH
            >>> trips = DatasetLabels("trips")
            >>> made = Manifest("fare", "f0", {}, trips, {"trips": 3}, 9, {}, "h", EPOCH)
            >>> made.id == made.replace(rows=7, table=4, code="c").id
            True
        """
        labels = self.labels
        if isinstance(labels, GivenLabels):
            labels = GivenLabels(labels.hash)
        return fingerprint([self.definition, labels, self.data_versions, self.visible_after])


def rows_hash(table: pa.Table) -> str:
    """Hash the rows and columns of a table, however it is cut into pieces.

    Example:
        >>> rows_hash(pa.table({"n": pa.array([1], pa.int8())})) == rows_hash(pa.table({"n": [2]}))
        False
    """
    plain = [_plain(column) for column in table.columns]
    types = " ".join(str(column.type) for column in table.columns)
    return fingerprint([types, content_hash(pa.table(plain, names=table.column_names))])


def _plain(column: Column) -> Column:
    """Return a column in a type that contracts know; what has none is hashed as text."""
    kind = column.type
    if pa.types.is_integer(kind) and kind.bit_width < WHOLE:
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_temporal(kind) or dtype_of(kind) or kind == pa.uint64():
        return column
    return pa.chunked_array([pa.array([repr(one) for one in column.to_pylist()], pa.string())])
