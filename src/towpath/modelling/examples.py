"""Rows to learn from: features joined with the label, and cut into training and test rows."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from towpath.core.errors import Contract, did_you_mean
from towpath.core.instant import to_micros
from towpath.core.record import Record
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.model import HashSplit, Label, TimeSplit

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW, ANSWER, KNOWN = "_row", "_label", "_known_at"
HASH_STEPS = 2**32


class Join(Record, frozen=True):
    """The columns that tie labels to the rows of a training set.

    Args:
        key: columns that identify a row, in both tables.
        at: the spine's prediction time.
        known_at: the event time of the label's dataset.

    Example:
        >>> Join(("flight_id",), "predict_at", "landed_at").at
        'predict_at'
    """

    key: tuple[str, ...]
    at: str
    known_at: str


class Examples(msgspec.Struct, frozen=True):
    """Rows with a known label.

    Args:
        features: the features, in the order of the columns.
        columns: their names and dtypes.
        label: the answer of each row.
        at: prediction time of each row in microseconds.
        known_at: when the answer became known, in microseconds.
        key: the key of each row as one text.
    """

    features: pa.Table
    columns: FeatureColumns
    label: NDArray[np.bool_]
    at: NDArray[np.int64]
    known_at: NDArray[np.int64]
    key: tuple[str, ...]

    def take(self, chosen: NDArray[np.bool_]) -> Examples:
        """Keep the chosen rows."""
        return Examples(
            self.features.filter(pa.array(chosen)),
            self.columns,
            self.label[chosen],
            self.at[chosen],
            self.known_at[chosen],
            tuple(key for key, keep in zip(self.key, chosen.tolist(), strict=True) if keep),
        )


def examples(
    training: pa.Table,
    labels: pa.Table,
    *,
    label: Label,
    columns: FeatureColumns,
    join: Join,
) -> Examples:
    """Join features with labels on the key, and leave out rows without a label.

    Args:
        training: a training set: the spine's columns and the features.
        labels: the label's dataset.
        label: which column is the answer.
        columns: the features.
        join: the columns on which the two are joined.

    Raises:
        Contract: a column is missing, a label is no answer, a key has two, or no row is left.

    Example:
        >>> table = pa.table({"id": [1, 2], "at": [5, 6], "hour": [7, 8]})
        >>> answers = pa.table({"id": [2], "landed": [9], "late": [True]})
        >>> rows = examples(
        ...     table, answers, label=Label("arrivals", "late"),
        ...     columns=FeatureColumns({"hour": "int64"}), join=Join(("id",), "at", "landed"),
        ... )
        >>> rows.key, rows.label
        (('2',), array([ True]))
    """
    joined = _joined(training, labels, label, join=join, columns=columns)
    kept = training.take(joined[ROW])
    return Examples(
        features=kept.select(list(columns.names)),
        columns=columns,
        label=np.asarray(joined[ANSWER].to_numpy(), bool),
        at=_micros(kept[join.at]),
        known_at=_micros(joined[KNOWN]),
        key=_key_texts(joined, join.key),
    )


def _joined(
    training: pa.Table, labels: pa.Table, label: Label, *, join: Join, columns: FeatureColumns
) -> pa.Table:
    """Return key, row number, answer and its time for the rows that have an answer, in order."""
    key = join.key
    _require(training, (*key, join.at, *columns.names), "training set")
    _require(labels, (*key, label.column, join.known_at), f"dataset {label.dataset!r}")
    answers = pa.table(
        {
            **{name: labels[name] for name in key},
            ANSWER: _answer(labels, label),
            KNOWN: labels[join.known_at],
        }
    )
    answers = answers.filter(pc.is_valid(answers[ANSWER]))
    _refuse_twice(answers, key, label)
    rows = pa.table({**{name: training[name] for name in key}, ROW: np.arange(training.num_rows)})
    joined = rows.join(answers, list(key), join_type="inner").sort_by(ROW)
    if joined.num_rows == 0:
        message = f"No row of the training set has a label in {label.dataset!r}."
        raise Contract(message, hint=f"Check that both are ingested and share {', '.join(key)}.")
    return joined


def split(rows: Examples, rule: TimeSplit | HashSplit) -> tuple[Examples, Examples]:
    """Cut rows into those to train on and those to test on.

    Raises:
        Contract: one of the two has no rows, or only one class.
    """
    if isinstance(rule, TimeSplit):
        cut = to_micros(rule.train_until)
        end = np.inf if rule.test_until is None else to_micros(rule.test_until)
        train = rows.take((rows.at < cut) & (rows.known_at < cut))
        test = rows.take((rows.at >= cut) & (rows.at < end))
    else:
        chosen = np.array([_share(key) < rule.test_share for key in rows.key])
        train, test = rows.take(~chosen), rows.take(chosen)
    for part, name in ((train, "training"), (test, "test")):
        if len(np.unique(part.label)) < 2:  # noqa: PLR2004 - both answers
            message = f"The {name} rows hold {len(part.label)} rows and not both answers."
            raise Contract(message, hint="Change the model's split, or ingest more rows.")
    return train, test


def _share(key: str) -> float:
    """Map a key evenly to 0 up to 1, the same in every process."""
    digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
    return int.from_bytes(digest) / HASH_STEPS


def _require(table: pa.Table, names: Sequence[str], what: str) -> None:
    """Refuse a table without a column that is needed."""
    for name in names:
        if name not in table.column_names:
            hint = did_you_mean(name, table.column_names)
            raise Contract(f"The {what} has no column {name!r}.", hint=hint, column=name)


def _answer(labels: pa.Table, label: Label) -> pa.ChunkedArray[pa.Scalar[pa.DataType]]:
    """Return the answers as booleans, null where there is none."""
    column = labels[label.column]
    if pa.types.is_integer(column.type) and set(pc.unique(column).to_pylist()) <= {0, 1, None}:
        return column.cast(pa.bool_())
    if not pa.types.is_boolean(column.type):
        message = f"The label {label.dataset}.{label.column} is {column.type}."
        raise Contract(message, hint="Give a bool, or an int64 of 0 and 1.")
    return column


def _refuse_twice(answers: pa.Table, key: Sequence[str], label: Label) -> None:
    """Refuse labels with two answers for one key."""
    counted = answers.group_by(list(key)).aggregate([(ANSWER, "count")])
    twice = counted.sort_by([(f"{ANSWER}_count", "descending")]).slice(0, 1)
    if twice.num_rows and twice[f"{ANSWER}_count"][0].as_py() > 1:
        first = {name: twice[name][0].as_py() for name in key}
        message = f"The labels in {label.dataset!r} have two answers for {first}."
        raise Contract(message, hint="Keep one row for each key.")


def _micros(column: pa.ChunkedArray[pa.Scalar[pa.DataType]]) -> NDArray[np.int64]:
    """Return times as microseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz))
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def _key_texts(table: pa.Table, key: Sequence[str]) -> tuple[str, ...]:
    """Write each key as one text."""
    parts = [table[name].cast(pa.string()).to_pylist() for name in key]
    return tuple("\x1f".join(str(part) for part in row) for row in zip(*parts, strict=True))
