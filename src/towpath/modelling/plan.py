"""A fitted estimator compiled to arrays: numpy and numba evaluate it, scikit-learn is not needed.

The arithmetic is scikit-learn's own, in float64 and in the same order, so that probabilities are
equal. A plan is two files, ``plan.json`` and ``plan.npz``; neither holds code.
"""

from __future__ import annotations

import io
from math import isnan
from typing import TYPE_CHECKING, Literal
from zipfile import BadZipFile

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.durable import sync_file, write_durably
from towpath.core.errors import Contract, Invalid
from towpath.core.record import Record
from towpath.modelling.frame import feature_column, numbers_of
from towpath.modelling.kernel import COLUMN, NODE, Arrays, score, score_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from towpath.modelling.frame import Values

FORMAT = 1
NULL = -2
UNSEEN = -1


class Slot(Record, frozen=True):
    """One way in which a feature enters the plan.

    Args:
        feature: name of the feature.
        kind: a ``number`` enters as it is, a ``category`` as the position of its value.
        values: the known values of a category.
        refuses_null: whether the original refuses a missing value.
        refuses_unseen: whether the original refuses a category it has not seen.
    """

    feature: str
    kind: Literal["number", "category"] = "number"
    values: tuple[str | float, ...] = ()
    refuses_null: bool = False
    refuses_unseen: bool = False


class Layout(Record, frozen=True):
    """The part of a plan that is not arrays.

    Args:
        schema: dtype by feature, in the order of the values that ``predict_one`` takes.
        slots: how the features enter.
        intercept: what the score starts from.
        estimator: full name of the class that was compiled.
        written: version of the format.
    """

    schema: dict[str, str]
    slots: tuple[Slot, ...]
    intercept: float
    estimator: str = ""
    written: int = FORMAT


class Plan:
    """A compiled estimator. It never changes; threads may share it.

    Args:
        layout: features and how they enter.
        arrays: what the kernel reads.

    Example:
        >>> from towpath.modelling.kernel import linear_arrays
        >>> columns = np.array([(0, -1, np.nan, 0.0, 1.0)], COLUMN)
        >>> arrays = linear_arrays(columns, np.empty(0), np.array([2.0]))
        >>> plan = Plan(Layout({"hour": "int64"}, (Slot("hour"),), 0.0), arrays)
        >>> plan.predict_one([0])
        0.5
    """

    def __init__(self, layout: Layout, arrays: Arrays) -> None:
        """Prepare the look-ups of the categories."""
        self.layout = layout
        self.arrays = arrays
        self.names = tuple(layout.schema)
        positions = {name: at for at, name in enumerate(self.names)}
        self._width = len(self.names)
        self._sources = [positions[slot.feature] for slot in layout.slots]
        self._categories = [
            (at, positions[slot.feature], _code_book(slot), slot)
            for at, slot in enumerate(layout.slots)
            if slot.kind == "category"
        ]

    def predict_one(self, values: Sequence[object]) -> float:
        """Return the probability for one row: values in the order of the schema, None for null.

        Raises:
            Invalid: a value is missing, unseen or of the wrong type where the original estimator
                takes none such.
        """
        if len(values) != self._width:
            message = f"The plan takes {self._width} values and got {len(values)}."
            raise Invalid(message, hint="Give one for each feature of the schema, in order.")
        row = [values[source] for source in self._sources]
        for at, source, codes, slot in self._categories:
            code = codes.get(values[source])
            row[at] = _strange(values[source], slot) if code is None else code
        try:
            # None becomes NaN here.
            inputs = np.array(row, np.float64)
        except (TypeError, ValueError) as error:
            raise self._misfit(values) from error
        probability: float = score(inputs, self.layout.intercept, self.arrays)
        if isnan(probability):
            raise self._misfit(values)
        return probability

    def predict(self, table: pa.Table) -> NDArray[np.float64]:
        """Return the probability for each row of a table that has the features as columns.

        Raises:
            Contract: a feature is missing from the table.
            Invalid: a value is missing or unseen where the original estimator takes none such.
        """
        inputs = np.empty((table.num_rows, len(self.layout.slots)), np.float64)
        for at, slot in enumerate(self.layout.slots):
            column = feature_column(table, slot.feature)
            inputs[:, at] = numbers_of(column) if slot.kind == "number" else _codes(column, slot)
        probabilities: NDArray[np.float64] = score_rows(inputs, self.layout.intercept, self.arrays)
        unanswered = np.isnan(probabilities)
        if unanswered.any():
            row = int(np.argmax(unanswered))
            raise self._misfit([table[name][row].as_py() for name in self.names])
        return probabilities

    def save(self, folder: Path) -> None:
        """Write ``plan.json`` and ``plan.npz`` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "plan.npz"
        np.savez(path, **self.arrays._asdict())
        sync_file(path)
        # The order of the schema is the order of the values: it must not be sorted.
        write_durably(folder / "plan.json", msgspec.json.encode(self.layout))

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read a plan from a folder.

        Raises:
            Contract: the files are missing, damaged or of a newer format.
        """
        try:
            layout = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Layout)
            data = io.BytesIO((folder / "plan.npz").read_bytes())
            with np.load(data, allow_pickle=False) as file:
                arrays = Arrays(**{name: file[name] for name in Arrays._fields})
        except (OSError, ValueError, KeyError, BadZipFile, msgspec.DecodeError) as error:
            message = f"The plan in {folder} cannot be read ({error})."
            raise Contract(message, hint="Train and register the model again.") from error
        if layout.written > FORMAT or arrays.nodes.dtype != NODE or arrays.columns.dtype != COLUMN:
            message = f"The plan in {folder} has another format than this release reads."
            raise Contract(message, hint="Run: pip install --upgrade towpath")
        return cls(layout, arrays)

    def _misfit(self, values: Sequence[object]) -> Invalid:
        """Name the first value that the estimator does not take."""
        hint = "Fill it in, or train with an imputer."
        for name, dtype, value in zip(self.names, self.layout.schema.values(), values, strict=True):
            if value is None or (isinstance(value, float) and isnan(value)):
                return Invalid(f"The model takes no missing {name!r}.", hint=hint, feature=name)
            if dtype != "string" and not isinstance(value, int | float | np.number):
                kind = type(value).__name__
                hint = f"Give a number ({dtype})."
                return Invalid(f"{name!r} is a {kind}.", hint=hint, feature=name)
        return Invalid("The model has no answer for this row.", hint="Check it for infinities.")


def _code_book(slot: Slot) -> dict[object, float]:
    """Return the position of each category, and of a missing one where it is taken."""
    codes: dict[object, float] = {value: float(at) for at, value in enumerate(slot.values)}
    return codes if slot.refuses_null else {**codes, None: NULL}


def _strange(value: object, slot: Slot) -> float:
    """Return what stands for a value that the code book does not hold."""
    if value is None or value != value:  # noqa: PLR0124 - true of NaN alone
        if slot.refuses_null:
            message = f"The model takes no missing {slot.feature!r}."
            raise Invalid(message, hint="Fill it in.", feature=slot.feature)
        return NULL
    if slot.refuses_unseen:
        raise _unseen(slot.feature, value)
    return UNSEEN


def _unseen(feature: str, value: object) -> Invalid:
    """Say that a category was not in the training rows."""
    message = f"The model has not seen {feature} = {value!r}."
    return Invalid(message, hint="Train with an encoder that takes unknown categories.")


def _codes(column: Values, slot: Slot) -> NDArray[np.float64]:
    """Turn a column into positions of its categories, NULL and UNSEEN."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = pa.string() if _holds_text(column.type) else pa.float64()
    if kind == pa.float64():
        column = pa.array(numbers_of(column), from_pandas=True)
    found = pc.index_in(column.cast(kind), value_set=pa.array(slot.values, kind))
    null = column.is_null().to_numpy(zero_copy_only=False)
    unseen = found.is_null().to_numpy(zero_copy_only=False) & ~null
    if slot.refuses_null and null.any():
        raise Invalid(f"The model takes no missing {slot.feature!r}.", hint="Fill it in.")
    if slot.refuses_unseen and unseen.any():
        raise _unseen(slot.feature, column[int(np.argmax(unseen))].as_py())
    codes = found.fill_null(UNSEEN).to_numpy(zero_copy_only=False).astype(np.float64)
    codes[null] = NULL
    return codes


def _holds_text(dtype: pa.DataType) -> bool:
    """Tell whether a column's values are texts."""
    return pa.types.is_string(dtype) or pa.types.is_large_string(dtype)
