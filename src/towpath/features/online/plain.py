"""Features of the usual keys of a view, key by key: the shortest way where there are a few."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from towpath.features.engines.kernel.block import FOUND
from towpath.features.online.plan import FLOATS, WHOLES

if TYPE_CHECKING:
    from towpath.features.online.plan import StatePlan
    from towpath.features.online.read import Reading

# Other whole numbers stand for something that is shown in another form.
PLAIN = ("float64", "int64")


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


class PlainView:
    """A view all of whose features are floats as they are, or whole numbers.

    Args:
        plan: the view.

    Attributes:
        slots: of each feature whether it is a float, and its place among the slots.

    Example:
        >>> from towpath.features.online.plan import state_plan
        >>> from towpath.features.online.read import begin
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> plan = state_plan(view, {"km": "int64"})
        >>> PlainView(plan).keys(begin(plan, [None], 5))
        [None]
    """

    def __init__(self, plan: StatePlan) -> None:
        """Remember which slots are floats."""
        self.slots = [(kind == FLOATS, start) for kind, _, _, start, _ in plan.slots]
        # The last mark says how the key was found.
        self._all = b"\1" * plan.compiled.slots + bytes([FOUND])
        self._floats = [start for real, start in self.slots if real]

    @staticmethod
    def fits(plan: StatePlan) -> bool:
        """Tell whether a view is of this kind."""
        return all(dtype in PLAIN and kind in (FLOATS, WHOLES) for kind, dtype, *_ in plan.slots)

    def keys(self, reading: Reading) -> list[PlainKey | None]:
        """Return what was found of each key, None for one that is not found or has odd floats."""
        values, marks = reading.all_values, reading.all_marks
        rows, count = marks.shape
        if count == 1:
            flat = values.ravel()
            return [self._key(flat.view(np.float64).tolist(), flat.tolist(), marks.tobytes())]
        wholes, reals = values.T.tolist(), values.view(np.float64).T.tolist()
        written = marks.T.tobytes()
        each = [written[start : start + rows] for start in range(0, rows * count, rows)]
        return [*map(self._key, reals, wholes, each)]

    def values(self, key: PlainKey) -> list[object]:
        """Return the features of a key in order, None where there is no value."""
        reals, wholes, gaps = key
        found: list[object] = [reals[slot] if real else wholes[slot] for real, slot in self.slots]
        if gaps is None:
            return found
        pairs = zip(found, self.slots, strict=True)
        return [value if gaps[slot] else None for value, (_, slot) in pairs]

    def _key(self, reals: list[float], wholes: list[int], marks: bytes) -> PlainKey | None:
        """Return what was found of one key."""
        if marks[-1] != FOUND or not isfinite(sum([reals[place] for place in self._floats])):
            return None
        return PlainKey(reals, wholes, None if marks == self._all else marks)
