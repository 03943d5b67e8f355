"""Scoring many rows at once, as if each had been asked for at its own time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec
import numpy as np

from towpath.core.errors import Contract, did_you_mean
from towpath.lake.system import REPLAY
from towpath.modelling.frame import to_rows
from towpath.serving.log import Logged
from towpath.serving.prediction_table import prediction_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from towpath.serving.live import Loaded


class Row(NamedTuple):
    """One row to score.

    Args:
        key: its key as JSON.
        at: time to predict at, in microseconds.
        values: the features' values.
    """

    key: bytes
    at: int
    values: list[object]


def score(loaded: Loaded, features: pa.Table, *, key: Sequence[str], at: str) -> pa.Table:
    """Predict for each row of a table by the arm of its key.

    The same rows give the same table, ids included, so that storing it twice stores it once.

    Args:
        loaded: the versions that answer.
        features: one row for each prediction: key, time and all features.
        key: columns of the key.
        at: timestamp column with the time to predict at.

    Returns:
        Rows of the dataset ``predictions``, logged at the time that they predict at.

    Raises:
        Contract: a column is missing.
        Invalid: a model takes no such value.
    """
    names = tuple(loaded.bundles[0].contract.schema)
    for name in (*key, at, *names):
        if name not in features.column_names:
            message = f"The rows to score have no column {name!r}."
            raise Contract(message, hint=did_you_mean(name, features.column_names))
    keys = [msgspec.json.encode(one) for one in features.select(list(key)).to_pylist()]
    places = np.array([loaded.place(one) for one in keys], np.int64)
    probabilities = _probabilities(loaded, features, places).tolist()
    moments = [cast("int", moment) for (moment,) in to_rows(features.select([at]))]
    values = to_rows(features.select(list(names)))
    rows = [Row(*row) for row in zip(keys, moments, values, strict=True)]
    logged = [
        _logged(loaded, row, place=place, probability=probability)
        for row, place, probability in zip(rows, places.tolist(), probabilities, strict=True)
    ]
    return prediction_table(loaded.deployment.endpoint, names, logged, origin=REPLAY)


def _logged(loaded: Loaded, row: Row, *, place: int, probability: float) -> Logged:
    """Put one answer in the form of the log, with an id that depends on nothing else."""
    arm = loaded.deployment.arms[place]
    mark = f"{loaded.deployment.endpoint}/{arm.model}/{arm.version}/{row.at}/".encode() + row.key
    return Logged(
        id=hashlib.blake2b(mark, digest_size=16).hexdigest(),
        arm=arm.alias,
        model=arm.model,
        version=arm.version,
        key=row.key.decode(),
        at=row.at,
        logged_at=row.at,
        values=row.values,
        probability=probability,
        decision=probability >= loaded.bundles[place].contract.threshold,
    )


def _probabilities(
    loaded: Loaded, features: pa.Table, chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Ask each arm for its rows."""
    result = np.empty(features.num_rows, np.float64)
    for number, bundle in enumerate(loaded.bundles):
        rows = np.flatnonzero(chosen == number)
        if rows.size:
            result[rows] = bundle.predictor.predict(features.take(rows))
    return result
