"""Features of one key of a view after the other, in room that is made once."""

from __future__ import annotations

import struct
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.assemble import read_roots
from towpath.features.engines.kernel.block import FOUND
from towpath.features.online.block import WORD
from towpath.features.online.plan import FLOATS, WHOLES

if TYPE_CHECKING:
    from towpath.features.online import Buffer
    from towpath.features.online.plan import StatePlan

# Words before the root: where it begins and ends.
BEFORE = 2
MOST_WORDS = 1 << 13
# Other whole numbers stand for something that is shown in another form.
READ = ("float64", "int64")
BOUNDS = struct.Struct("=2q")


class KeyReader:
    """Reads the usual key of a view: in small form, and found.

    It takes a fraction of the time that ``read.begin`` does, which reads any key. One thread at a
    time may use it.

    Args:
        plan: the view; all its features are floats as they are, or whole numbers.

    Attributes:
        plan: the view.
        reals: of the last key, what its slots hold as floats; all that are floats are finite.
        wholes: likewise as whole numbers, then the time of the newest event in microseconds.
        gaps: which slots have a value, by 1; None where all have.

    Example:
        >>> from towpath.features.online.plan import state_plan
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> KeyReader(state_plan(view, {"km": "int64"})).read(b"", 5)
        False
    """

    __slots__ = (
        *("_all", "_bytes", "_flat", "_floats", "_marks", "_places", "_values", "_words"),
        *("gaps", "plan", "reals", "wholes"),
    )

    def __init__(self, plan: StatePlan) -> None:
        slots = plan.compiled.slots
        self.plan = plan
        self.reals: list[float] = []
        self.wholes: list[int] = []
        self.gaps: bytes | None = None
        self._bytes = bytearray(WORD * MOST_WORDS)
        self._words = np.frombuffer(self._bytes, np.int64)
        self._values = np.zeros((slots + 1, 1), np.int64)
        self._flat = self._values.reshape(-1)
        self._floats = self._flat.view(np.float64)
        self._marks = np.zeros((slots + 1, 1), np.uint8)
        # The last mark says how the key was found.
        self._all = b"\1" * slots + bytes([FOUND])
        self._places = [start for kind, _, _, start, _ in plan.slots if kind == FLOATS]

    @staticmethod
    def reads(plan: StatePlan) -> bool:
        """Tell whether a view is of the kind that is read so."""
        return all(dtype in READ and kind in (FLOATS, WHOLES) for kind, dtype, *_ in plan.slots)

    def read(self, root: Buffer, at: int) -> bool:
        """Compute the features of a key; tell whether it is a usual one.

        Args:
            root: the key's root.
            at: prediction time in microseconds.
        """
        end = WORD * BEFORE + len(root)
        if end > WORD * MOST_WORDS:
            return False
        BOUNDS.pack_into(self._bytes, 0, WORD * BEFORE, end)
        self._bytes[WORD * BEFORE : end] = root
        self._values.fill(0)
        self._marks.fill(0)
        kind = read_roots(self._words, self.plan.recipe, at, self._values, self._marks)
        if kind != FOUND:
            return False
        marks = self._marks.tobytes()
        self.gaps = None if marks == self._all else marks
        self.wholes = self._flat.tolist()
        self.reals = reals = self._floats.tolist()
        return isfinite(sum([reals[place] for place in self._places]))
