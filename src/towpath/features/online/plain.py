"""Features of the usual keys of a view: a few of them, by the shortest way."""

from __future__ import annotations

from array import array
from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from towpath.features.engines.kernel.assemble import read_roots
from towpath.features.engines.kernel.block import FOUND
from towpath.features.online.block import WORD
from towpath.features.online.plan import FLOATS, WHOLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.online import Buffer
    from towpath.features.online.plan import StatePlan

# Other whole numbers stand for something that is shown in another form.
READ = ("float64", "int64")


class PlainKey(NamedTuple):
    """What was found of a key.

    Args:
        reals: what its slots hold as floats; all that are floats are finite.
        wholes: likewise as whole numbers, then the time of the newest event in microseconds.
        gaps: which slots have a value, by 1; None where all have.
    """

    reals: list[float]
    wholes: list[int]
    gaps: bytes | None


class PlainReader:
    """Reads the usual keys of a view: in small form, and found.

    It takes a fraction of the time that ``read.begin`` does, which reads any key.

    Args:
        plan: the view; all its features are floats as they are, or whole numbers.

    Attributes:
        plan: the view.

    Example:
        >>> from towpath.features.online.plan import state_plan
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> PlainReader(state_plan(view, {"km": "int64"})).read([b""], 5)
        [None]
    """

    def __init__(self, plan: StatePlan) -> None:
        """Remember which slots are floats."""
        self.plan = plan
        self._rows = plan.compiled.slots + 1
        # The last mark says how the key was found.
        self._all = b"\1" * plan.compiled.slots + bytes([FOUND])
        self._places = [start for kind, _, _, start, _ in plan.slots if kind == FLOATS]

    @staticmethod
    def reads(plan: StatePlan) -> bool:
        """Tell whether a view is of the kind that is read so."""
        return all(dtype in READ and kind in (FLOATS, WHOLES) for kind, dtype, *_ in plan.slots)

    def read(self, roots: Sequence[Buffer], at: int) -> list[PlainKey | None]:
        """Compute the features of keys, None for one that is no usual one.

        Args:
            roots: the root of each key, empty for one that is not there.
            at: prediction time in microseconds.
        """
        count = len(roots)
        ends = accumulate(map(len, roots), initial=WORD * (count + 1))
        data = bytearray().join((array("q", ends), *roots))
        if len(data) % WORD:
            return [None] * count
        values = np.zeros((self._rows, count), np.int64)
        marks = np.zeros((self._rows, count), np.uint8)
        read_roots(np.frombuffer(data, np.int64), self.plan.recipe, at, values, marks)
        wholes, reals = values.T.tolist(), values.view(np.float64).T.tolist()
        written, size = marks.T.tobytes(), self._rows
        each = [written[at : at + size] for at in range(0, size * count, size)]
        return [*map(self._key, reals, wholes, each)]

    def _key(self, reals: list[float], wholes: list[int], marks: bytes) -> PlainKey | None:
        """Return what was found of one key."""
        if marks[-1] != FOUND or not isfinite(sum([reals[place] for place in self._places])):
            return None
        return PlainKey(reals, wholes, None if marks == self._all else marks)
