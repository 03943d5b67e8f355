"""How the kernel's parts see a plan: numbers that stand for functions, and the places of facts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int32]
# Compiled functions make no difference between the two.
Whole = int | np.int64
# Where a result goes: the row of each label; values [slots, rows]; where there is one.
Target = tuple[Ints, Ints, Mask]

COUNT, SUM, MEAN, MIN, MAX, STD, FIRST, LAST, DISTINCT, SHARE, LATEST = range(11)
# A feature is a row: function, column, window, whether its column is float64, parameter, slot.
FUNCTION, COLUMN, WINDOW, FLOAT, PARAMETER, SLOT = range(6)
FACTS = 6
# A window is a row: width in microseconds, and whether it excludes its end.
WIDTH, EXCLUSIVE = range(2)
ALL_ROWS = -1
NO_LIMIT = -1
COMPLETE = -1
