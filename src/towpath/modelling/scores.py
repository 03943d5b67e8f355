"""What a version answered for its test rows, kept so that later ones can be held against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from towpath.core.durable import sync_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SCORES_FILE = "scores.parquet"


def write_scores(key: Sequence[str], probability: NDArray[np.float64], folder: Path) -> None:
    """Write the probability of each test row as ``scores.parquet``.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_scores(("a", "b"), np.array([0.1, 0.9]), Path(folder))
        ...     read_scores(Path(folder), ("b", "a"))
        array([0.9, 0.1])
    """
    table = pa.table({"key": pa.array(key, pa.string()), "probability": probability})
    parquet.write_table(table, folder / SCORES_FILE, compression="zstd")
    sync_file(folder / SCORES_FILE)


def read_scores(folder: Path, key: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the kept probability of each row, in the order of the keys.

    None if some of the rows were not among the test rows.
    """
    table = parquet.read_table(folder / SCORES_FILE)
    places = pc.index_in(pa.array(key, pa.string()), value_set=table["key"].combine_chunks())
    if places.null_count:
        return None
    return np.asarray(table["probability"].take(places).to_numpy(), np.float64)
