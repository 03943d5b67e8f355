"""Events and labels with keys of a given kind, for both sides of the claims about windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from benchmarks.environment import BUILD

if TYPE_CHECKING:
    import numpy.typing as npt

LABELS = 1_000_000
SPAN = 90 * 86_400_000_000
FEW, MANY = 10_000, 1_000_000
SKEWED, SKEW = 100_000, 1.1


def write_windows(kind: str, rows: int) -> tuple[str, str]:
    """Write events (key, t, value in cents, sequence) and labels (key, t) once; return the files.

    Args:
        kind: of keys: ``few``, ``many``, ``zipf`` or ``one``.
        rows: how many events.
    """
    folder = BUILD / "bench" / f"windows_{kind}_{rows}"
    paths = (str(folder / "events.parquet"), str(folder / "labels.parquet"))
    if not all(map(Path.exists, map(Path, paths))):
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(0)
        events = {
            "key": _keys(random, kind, rows),
            "t": random.integers(0, SPAN, rows),
            "value": random.integers(0, 100_000, rows) / 100,
            "sequence": np.arange(rows),
        }
        labels = {"key": _keys(random, kind, LABELS), "t": random.integers(0, SPAN, LABELS)}
        pyarrow.parquet.write_table(pa.table(events), paths[0])
        pyarrow.parquet.write_table(pa.table(labels), paths[1])
    return paths


def _keys(random: np.random.Generator, kind: str, rows: int) -> npt.NDArray[np.int64]:
    """Draw keys."""
    if kind == "zipf":
        weights = np.cumsum(1 / np.arange(1, SKEWED + 1) ** SKEW)
        return np.searchsorted(weights / weights[-1], random.random(rows))
    return random.integers(0, {"few": FEW, "many": MANY, "one": 1}[kind], rows)
