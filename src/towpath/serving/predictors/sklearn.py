"""Original scikit-learn estimators, for what cannot be compiled: milliseconds a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Invalid
from towpath.modelling.artifact import load_estimator, predict_estimator
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.frame import to_row
from towpath.registry.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from towpath.modelling.model import Estimator


class SklearnPredictor:
    """Answers from the estimator in a bundle.

    Args:
        fitted: the estimator.
        columns: where its features lie.
    """

    def __init__(self, fitted: Estimator, columns: FeatureColumns) -> None:
        """Keep the estimator."""
        self._fitted = fitted
        self._columns = columns

    @classmethod
    def load(cls, bundle: Path) -> SklearnPredictor:
        """Read ``model.skops`` of a bundle.

        Raises:
            Contract: a file is missing or changed.
            Denied: the file holds a class that is not trusted.
        """
        version = open_bundle(bundle)
        fitted = load_estimator(bundle, trusted=version.trusted)
        return cls(fitted, FeatureColumns(version.schema))

    def predict_one(self, values: Sequence[object]) -> float:
        """Return the probability for values in the order of the schema, None for null.

        Raises:
            Invalid: the model takes no such value.
        """
        try:
            row = to_row(values, self._columns)
            return float(np.asarray(self._fitted.predict_proba(row), np.float64)[0, 1])
        except (TypeError, ValueError) as error:
            raise _not_taken(error) from error

    def predict(self, table: pa.Table) -> NDArray[np.float64]:
        """Return the probability for each row of a table with the features as columns.

        Raises:
            Contract: a feature is missing from the table.
            Invalid: the model takes no such value.
        """
        try:
            return predict_estimator(self._fitted, table, self._columns)
        except (TypeError, ValueError) as error:
            raise _not_taken(error) from error


def _not_taken(error: Exception) -> Invalid:
    """Say that an estimator refuses its features."""
    return Invalid(f"The model does not take these features: {error}.", hint="Give other values.")
