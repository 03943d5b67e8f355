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
TRUSTED_LIBRARIES = ("sklearn", "numpy", "scipy")


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
        trusted: full names of classes to build beside those of scikit-learn, numpy and scipy.

    Raises:
        Denied: the file holds a class that is not trusted; nothing is built.
    """
    path = folder / ESTIMATOR_FILE
    unknown = skops.io.get_untrusted_types(file=path)
    own = [name for name in unknown if name.partition(".")[0] in TRUSTED_LIBRARIES]
    strange = sorted(set(unknown) - set(own) - set(trusted))
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
