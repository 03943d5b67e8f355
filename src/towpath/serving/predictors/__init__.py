"""What turns features into a probability. One file a kind, found by entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Predictor(Protocol):
    """A model version, loaded.

    It never changes once loaded, and threads may share it. Both ways of asking give the same
    number for the same row.
    """

    @classmethod
    def load(cls, bundle: Path) -> Self:
        """Read the files of a version.

        Raises:
            Contract: a file is missing, damaged, or holds what may not be loaded.
        """
        ...

    def predict_one(self, values: Sequence[object]) -> float:
        """Return the probability for values in the order of the schema, None for null.

        Raises:
            Invalid: the model takes no such value.
        """
        ...

    def predict(self, table: pa.Table) -> NDArray[np.float64]:
        """Return the probability for each row of a table with the features as columns.

        Raises:
            Contract: a feature is missing from the table.
            Invalid: the model takes no such value.
        """
        ...
