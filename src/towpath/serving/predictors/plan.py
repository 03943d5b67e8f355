"""Compiled plans: microseconds a row, without scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.modelling.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class PlanPredictor:
    """Answers from the plan in a bundle.

    Args:
        plan: the compiled estimator.
    """

    def __init__(self, plan: Plan) -> None:
        """Keep the plan."""
        self._plan = plan

    @classmethod
    def load(cls, bundle: Path) -> PlanPredictor:
        """Read ``plan.json`` and ``plan.npz`` of a bundle.

        Raises:
            Contract: they are missing, damaged or of a newer format.
        """
        return cls(Plan.load(bundle))

    def predict_one(self, values: Sequence[object]) -> float:
        """Return the probability for values in the order of the schema, None for null.

        Raises:
            Invalid: the model takes no such value.
        """
        return self._plan.predict_one(values)

    def predict(self, table: pa.Table) -> NDArray[np.float64]:
        """Return the probability for each row of a table with the features as columns.

        Raises:
            Contract: a feature is missing from the table.
            Invalid: the model takes no such value.
        """
        return self._plan.predict(table)
