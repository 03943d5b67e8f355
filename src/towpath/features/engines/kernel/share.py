"""Shares of values that equal a wanted one, over sliding windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.answer import write_reals
from towpath.features.engines.kernel.compiled import compiled, inner
from towpath.features.engines.kernel.form import FLOAT, PARAMETER, SLOT, WINDOW, Floats, Ints

if TYPE_CHECKING:
    from towpath.features.engines.kernel.answer import Answer


@compiled
def shares(values: Ints, edges: Ints, specs: Ints, answer: Answer) -> None:
    """Divide how many values equal the wanted one by how many there are; as for ``sums``.

    Example:
        >>> values, edges = np.array([7, 8, 7]), np.array([[[0, 1], [3, 3]]])
        >>> specs, rows = np.array([[0, 0, 0, 0, 7, 0]]), np.arange(2)
        >>> out, present = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.uint8)
        >>> shares(values, edges, specs, (rows, out, out.view(np.float64), present))
        >>> out.view(np.float64).round(2).tolist()
        [[0.67, 0.5]]
    """
    for row in range(specs.shape[0]):
        found = _share(values, edges[specs[row, WINDOW]], specs[row])
        write_reals(found, specs[row, SLOT], answer)


@inner
def _share(values: Ints, edges: Ints, spec: Ints) -> Floats:
    """Return the share of each window."""
    wanted, real = spec[PARAMETER], spec[FLOAT] != 0
    before = np.empty(values.size + 1, dtype=np.int64)
    before[0] = 0
    for place in range(values.size):
        # A float zero of either sign equals the other.
        alike = values[place] == wanted or (real and (values[place] | wanted) << 1 == 0)
        before[place + 1] = before[place] + alike
    shares = np.empty(edges.shape[1], dtype=np.float64)
    for label in range(shares.size):
        first, last = edges[0, label], edges[1, label]
        shares[label] = (before[last] - before[first]) / (last - first) if last > first else np.nan
    return shares
