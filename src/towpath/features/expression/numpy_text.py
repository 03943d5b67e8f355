"""Functions of texts with NumPy, one text at a time."""

from __future__ import annotations

import math
import operator
import re
import string
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.features.expression.vector import Array, Mask

    Checked = tuple[Array, Mask]

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def each(function: Callable[..., object], kind: type, *texts: Array) -> Array:
    """Call a function once for each row.

    Example:
        >>> each(len, np.int64, np.array(["a", "bc"], dtype=object)).tolist()
        [1, 2]
    """
    found = [function(*row) for row in zip(*(one.tolist() for one in texts), strict=True)]
    return np.array(found, dtype=kind)


def _texts(function: Callable[..., str]) -> Callable[..., Array]:
    """Make a function that gives a text for each row."""
    return lambda *given: each(function, np.object_, *given)


def _tests(function: Callable[..., bool]) -> Callable[..., Array]:
    """Make a function that tells something of each row."""
    return lambda *given: each(function, np.bool_, *given)


def _wholes(function: Callable[..., int]) -> Callable[..., Array]:
    """Make a function that gives a whole number for each row."""
    return lambda *given: each(function, np.int64, *given)


def _substring(text: str, start: int, count: int | None = None) -> str:
    """Cut out characters, counted from 1."""
    return text[start - 1 :] if count is None else text[start - 1 : start - 1 + count]


def _split_part(text: str, separator: str, number: int) -> str:
    """Return a part between separators, counted from 1."""
    parts = text.split(separator)
    return parts[number - 1] if number <= len(parts) else ""


def _to_whole(texts: Array) -> Checked:
    """Read whole numbers; nothing where a text is none, or too large."""
    found = [int(one) if WHOLE.fullmatch(one) else None for one in texts.tolist()]
    fits = [one is not None and -(2**63) <= one < 2**63 for one in found]
    values = [one if fit else 0 for one, fit in zip(found, fits, strict=True)]
    return np.array(values, dtype=np.int64), np.array(fits, dtype=np.bool_)


def _to_float(texts: Array) -> Checked:
    """Read numbers; nothing where a text is none, or too large."""
    found = [float(one) if NUMBER.fullmatch(one) else math.inf for one in texts.tolist()]
    values = np.array(found, dtype=np.float64)
    return values, np.isfinite(values)


FUNCTIONS: dict[str, Callable[..., Array | Checked]] = {
    "||": operator.add,
    "lower": _texts(lambda text: text.translate(LOWER)),
    "upper": _texts(lambda text: text.translate(UPPER)),
    "trim": _texts(lambda text: text.strip(" ")),
    "ltrim": _texts(lambda text: text.lstrip(" ")),
    "rtrim": _texts(lambda text: text.rstrip(" ")),
    "length": _wholes(len),
    "substring": _texts(_substring),
    "left": _texts(lambda text, count: text[:count]),
    "right": _texts(lambda text, count: text[max(len(text) - count, 0) :]),
    "replace": _texts(str.replace),
    "split_part": _texts(_split_part),
    "strpos": _wholes(lambda text, part: text.find(part) + 1),
    "starts_with": _tests(str.startswith),
    "ends_with": _tests(str.endswith),
    "contains": _tests(operator.contains),
    "cast string int64": _to_whole,
    "cast string float64": _to_float,
    "cast int64 string": _texts(str),
    "cast bool string": _texts(lambda value: "true" if value else "false"),
}
