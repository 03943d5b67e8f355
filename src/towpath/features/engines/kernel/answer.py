"""Where results go."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from towpath.features.engines.kernel.compiled import inner

if TYPE_CHECKING:
    from towpath.features.engines.kernel.form import Floats, Ints, Mask

    # The row of each label; values [slots, rows], and the same memory as floats; where there is
    # one [slots, rows].
    Answer = tuple[Ints, Ints, Floats, Mask]


@inner
def write_reals(found: Floats, slot: int, answer: Answer) -> None:
    """Write floats; what is not a number is missing."""
    rows, _, reals, present = answer
    for label in range(rows.size):
        here = not math.isnan(found[label])
        # Adding zero turns a negative zero into zero: which one was met first must not show.
        reals[slot, rows[label]] = found[label] + 0.0 if here else 0.0
        present[slot, rows[label]] = here
