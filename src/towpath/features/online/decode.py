"""What the kernel found, as columns of values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from towpath.features.columns import new_values
from towpath.features.feature_dtype import scale_of
from towpath.features.online.plan import FLOATS, OTHERS, WHOLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from towpath.features.columns import Values
    from towpath.features.engines.kernel.form import Ints, Mask
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
            # Another thread may do the same at this moment.
            known = {} if len(self.known) > MOST_TEXTS else self.known
            if reading is not None:
                known |= reading.texts(row)
            self.known = known
            return [known[word] for word in words]


def decode(reading: Reading, memory: TextMemory, places: Ints | None) -> list[Values]:
    """Return the features of a view.

    Args:
        reading: what was found of its keys.
        memory: of strings.
        places: for each row the place of its key in the reading; None where they are the same.
    """
    marks, whole = reading.all_marks.view(np.bool_), _whole(reading.all_marks)
    has_reals, has_wholes = reading.plan.has
    reals: list[list[object]] = []
    wholes: list[list[object]] = []
    if has_reals:
        reals = reading.all_values.view(np.float64).tolist()
    if has_wholes:
        wholes = reading.all_values.tolist()
    found: list[Values] = []
    for kind, dtype, scale, start, stop in reading.plan.slots:
        present = None if whole[start] else marks[start]
        if kind == FLOATS:
            values = reals[start]
        elif kind == WHOLES:
            values = wholes[start]
        elif kind == OTHERS:
            values = _numbers(reading.all_values[start], dtype, scale).tolist()
        else:
            words: Ints = reading.all_values[start:stop]
            values = _cells(reading, memory, dtype, words, marks[start:stop])
        if places is not None:
            values = [values[place] for place in places.tolist()]
            present = None if present is None else present[places]
        found.append(new_values((values, present)))
    return found


def _whole(marks: Mask) -> Sequence[int]:
    """Tell for each slot whether all rows have a value; the last one is no slot."""
    slots, count = len(marks) - 1, marks.shape[1]
    written = marks.tobytes()
    if count == 1:
        return written
    if written.find(b"\0", 0, slots * count) < 0:
        return b"\1" * slots
    every: NDArray[np.bool_] = np.all(marks, axis=1)
    return every.tobytes()


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
