"""Saving fitted estimators without pickle, and predicting from the files of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import skops.io

from towpath.core.durable import sync_file
from towpath.core.errors import Denied
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.frame import to_matrix
from towpath.modelling.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from towpath.modelling.model import Estimator
    from towpath.registry.model import ModelVersion

ESTIMATOR_FILE = "model.skops"
# Parts of scikit-learn's estimators that skops does not list itself. Never a whole library: the
# functions in it could be combined to run anything.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)


def save_estimator(fitted: Estimator, folder: Path) -> None:
    """Write a fitted estimator as ``model.skops``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ESTIMATOR_FILE
    skops.io.dump(fitted, path)
    sync_file(path)


def load_estimator(folder: Path, *, trusted: tuple[str, ...] = ()) -> Estimator:
    """Read a fitted estimator.

    Args:
        folder: where ``model.skops`` lies.
        trusted: full names of classes and functions to build beside scikit-learn's classifiers.

    Raises:
        Denied: the file holds something that is not trusted; nothing is built.
    """
    path = folder / ESTIMATOR_FILE
    unknown = skops.io.get_untrusted_types(file=path)
    strange = sorted(set(unknown) - set(TRUSTED) - set(trusted))
    if strange:
        message = f"The saved model holds {strange[0]}, which is not trusted."
        raise Denied(message, hint=f"If you trust it: Model(..., trusted=({strange[0]!r},)).")
    return cast("Estimator", skops.io.load(path, trusted=unknown))


def predict_estimator(
    fitted: Estimator, table: pa.Table, columns: FeatureColumns
) -> NDArray[np.float64]:
    """Return the probability for each row of a table that has the features as columns."""
    return np.asarray(fitted.predict_proba(to_matrix(table, columns)), np.float64)[:, 1]


def predict_version(version: ModelVersion, folder: Path, table: pa.Table) -> NDArray[np.float64]:
    """Return a registered version's probability for each row of a table.

    Args:
        version: the version, as its bundle's contract says.
        folder: its bundle.
        table: has the version's features as columns.
    """
    if version.predictor == "plan":
        return Plan.load(folder).predict(table)
    fitted = load_estimator(folder, trusted=version.trusted)
    return predict_estimator(fitted, table, FeatureColumns(version.schema))
