"""What the kernel found, as columns of values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from towpath.features.columns import Values
from towpath.features.feature_dtype import scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online.read import Reading

TEN = 10.0
LIST = "list<"
# So many texts are remembered before all are forgotten.
MOST_TEXTS = 1 << 16


class TextMemory:
    """Remembers what numbers of strings stand for, which is the same for every key and view.

    Example:
        >>> memory = TextMemory()
        >>> memory.known[7] = "late"
        >>> memory.find(None, 0, [7])
        ['late']
    """

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def find(self, reading: Reading | None, row: int, words: list[int]) -> list[str]:
        """Return the strings of one key's numbers; they are read from its blocks once."""
        try:
            return [self.known[word] for word in words]
        except KeyError:
            if len(self.known) > MOST_TEXTS:
                self.known = {}
            if reading is not None:
                self.known.update(reading.texts(row))
            return [self.known[word] for word in words]


def decode(reading: Reading, memory: TextMemory, places: Ints | None) -> list[Values]:
    """Return the features of a view.

    Args:
        reading: what was found of its keys.
        memory: of strings.
        places: for each row the place of its key in the reading; None where they are the same.
    """
    marks = reading.present.view(np.bool_)
    # One look at all of them: a look at each would cost more than all that follows.
    whole: list[bool] = np.all(marks, axis=1).tolist()
    reals: NDArray[np.generic] = reading.values.view(np.float64)
    found: list[Values] = []
    for dtype, scale, start, stop in reading.plan.slots:
        present = None if whole[start] else marks[start]
        if stop > start:
            words = reading.values[start:stop]
            values = _cells(reading, memory, dtype, words, marks[start:stop])
            if places is not None:
                values = [values[place] for place in places.tolist()]
            found.append(Values(values, _gaps(present, places)))
            continue
        numbers: NDArray[np.generic] = reals[start]
        if scale or dtype != "float64":
            numbers = _numbers(reading.values[start], dtype, scale)
        if places is not None:
            numbers = numbers[places]
        found.append(Values(numbers, _gaps(present, places)))
    return found


def _gaps(present: NDArray[np.bool_] | None, places: Ints | None) -> NDArray[np.bool_] | None:
    """Return where rows have values, None for everywhere."""
    if present is None:
        return None
    return present if places is None else present[places]


def _numbers(words: Ints, dtype: str, scale: int) -> NDArray[np.generic]:
    """Return numbers of a type that NumPy knows."""
    if dtype == "float64":
        reals = words.view(np.float64)
        return reals / TEN**scale if scale else reals
    return words.astype(np.bool_) if dtype == "bool" else words


def _cells(
    reading: Reading, memory: TextMemory, dtype: str, words: Ints, present: NDArray[np.bool_]
) -> list[object]:
    """Return strings, decimals and lists, None where there is none."""
    inner = dtype[len(LIST) : -1] if dtype.startswith(LIST) else dtype
    found: list[object] = []
    for row, known in enumerate(present.T):
        cells = _plain(reading, memory, inner, row, words[:, row][known])
        found.append((cells if inner != dtype else cells[0]) if cells else None)
    return found


def _plain(reading: Reading, memory: TextMemory, dtype: str, row: int, words: Ints) -> list[object]:
    """Return some words of one key as Python values."""
    if dtype == "string":
        return list(memory.find(reading, row, words.tolist()))
    scale = scale_of(dtype)
    if scale is not None:
        return [Decimal(word).scaleb(-scale) for word in words.tolist()]
    return list(_numbers(words, dtype, 0).tolist())
