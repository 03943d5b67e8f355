"""Says which line and field of JSON Lines an error is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa

from towpath.core.errors import Contract, TowpathError, did_you_mean
from towpath.lake.column_types import arrow_type
from towpath.lake.sources.misfit import MEND, misfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.lake.dataset import Column, Dataset

FIELD = re.compile(r"`\$\.(\w+)(.*)`$")
UNKNOWN = re.compile(r"unknown field `(.*)`", re.DOTALL)
NOT_JSON = re.compile(rb"(?<![\w\"])-?(NaN|Infinity)\b")
MISFITS = (pa.ArrowInvalid, OverflowError)


class JsonLine(NamedTuple):
    """A line of a file.

    Args:
        origin: what messages call the file.
        number: its number, from 1.
        text: its bytes.
    """

    origin: str
    number: int
    text: bytes

    @property
    def where(self) -> str:
        """The place that messages name."""
        return f"{self.origin}:{self.number}"


def converted(values: list[Any], kind: pa.DataType) -> pa.Array[Any]:
    """Make an Arrow array of decoded values, exactly.

    Raises:
        pa.ArrowInvalid: a value does not fit.
        OverflowError: a whole number has more than 64 bits.

    Example:
        >>> converted(["2013-10-01T10:30:00+02:00"], pa.timestamp("us", "UTC"))[0].as_py().hour
        8
    """
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_integer(kind):
        # Arrow would cut the decimals off.
        values = [_whole(one) if type(one) is float else one for one in values]
    return pa.array(values, kind)


def line_fault(dataset: Dataset, line: JsonLine, reason: str) -> TowpathError:
    """Say why a line cannot be decoded."""
    unknown, field = UNKNOWN.search(reason), FIELD.search(reason)
    if unknown is not None:
        message = f"The line has the field {unknown[1]!r}, dataset {dataset.name!r} has not."
        hint = did_you_mean(unknown[1], dataset.names)
        return Contract(message, where=line.where, hint=hint, line=line.number, column=unknown[1])
    if field is not None:
        column = dataset.column(field[1])
        return _misfit(column, line)
    literal = NOT_JSON.search(line.text)
    if literal is not None:
        message = f"The line is no JSON: it holds {literal[0].decode()}."
        hint = "JSON knows no such number: write null."
    elif "Expected `object`" in reason:
        message = "The line is no object."
        hint = 'Write one object a line, such as {"id": 1}, without brackets around them all.'
    else:
        message = f"The line is no JSON: {reason}."
        hint = "Write one object a line."
    return Contract(message, where=line.where, hint=hint, line=line.number)


def value_fault(column: Column, values: list[Any], lines: Sequence[JsonLine]) -> TowpathError:
    """Find the first value that does not fit its column."""
    kind = arrow_type(column.dtype)
    for value, line in zip(values, lines, strict=True):
        try:
            converted([value], kind)
        except MISFITS:
            return _misfit(column, line)
    message = f"Column {column.name!r} of {lines[0].origin} is not {column.dtype}."
    return Contract(message, hint=MEND, column=column.name)


def long_line(origin: str, number: int) -> TowpathError:
    """Say that a line is too long to be one."""
    message = "The line has more than 16 MiB."
    hint = "Write one object a line, without brackets around them all."
    return Contract(message, where=f"{origin}:{number}", hint=hint, line=number)


def _misfit(column: Column, line: JsonLine) -> TowpathError:
    """Say that a value is of another type than its column."""
    raw = bytes(msgspec.json.decode(line.text, type=dict[str, msgspec.Raw])[column.name])
    text = msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()
    hint = ""
    if raw.startswith((b"{", b"[")):
        hint = "Nested values have no place in a contract: write each as a field of its own."
    elif raw.startswith(b'"') and column.dtype in {"int64", "float64", "bool"}:
        hint = "It is text: write it without quotes."
    return misfit(column, text, where=line.where, line=line.number, hint=hint)


def _whole(value: float) -> int:
    """Return a whole number that was written with a point."""
    if not value.is_integer():
        message = f"{value} is not whole"
        raise pa.ArrowInvalid(message)
    return int(value)
