"""From a trained candidate to what the registry takes: a draft of the version and its files."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np

from towpath.core.durable import write_durably
from towpath.core.record import Record
from towpath.modelling.artifact import predict_estimator, save_estimator
from towpath.modelling.card import card
from towpath.modelling.frame import spread, to_rows
from towpath.modelling.scores import write_scores
from towpath.registry.golden import Golden, Value, write_golden
from towpath.registry.model import ModelVersion

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.modelling.train import Trained

GOLDEN_ROWS = 64
CARD_FILE = "card.md"


class Origin(Record, frozen=True):
    """What a candidate was made from.

    Args:
        feature_set_version: fingerprint of the feature set's definition.
        key: columns of the spine that identify a row.
        data_versions: version of each dataset that was read.
        code: git commit of the project, empty outside git.
        at: when it was made.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> Origin("4f2a", ("flight_id",), {"arrivals": 3}, "", EPOCH).key
        ('flight_id',)
    """

    feature_set_version: str
    key: tuple[str, ...]
    data_versions: dict[str, int]
    code: str
    at: datetime


def draft(trained: Trained, origin: Origin) -> ModelVersion:
    """Describe a candidate as a version that has no number yet."""
    model = trained.model
    return ModelVersion(
        model=model.name,
        version=0,
        estimator=trained.estimator,
        feature_set=model.features,
        schema=trained.test.columns.schema,
        predictor=trained.predictor,
        threshold=model.threshold,
        created_at=origin.at,
        feature_set_version=origin.feature_set_version,
        key=origin.key,
        data_versions=origin.data_versions,
        code=origin.code,
        metrics=trained.evaluation.metrics,
        reason=trained.reason,
        trusted=model.trusted,
    )


def write_files(trained: Trained, version: ModelVersion, folder: Path) -> None:
    """Write what a bundle holds: the plan, the original, golden rows, test scores, model card.

    Args:
        trained: the candidate.
        version: its draft.
        folder: an empty folder, best on the file system of the artifacts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if trained.plan is not None and trained.predictor == "plan":
        trained.plan.save(folder)
    save_estimator(trained.fitted, folder)
    write_golden(_golden(trained), folder)
    write_scores(trained.test.key, trained.probability, folder)
    evaluation = msgspec.json.format(msgspec.json.encode(trained.evaluation))
    write_durably(folder / "evaluation.json", evaluation)
    write_durably(folder / CARD_FILE, card(trained, version).encode())


def _golden(trained: Trained) -> Golden:
    """Choose evenly spaced test rows that JSON can hold, and answer them as a server will."""
    table = trained.test.features
    table = table.take(spread(table.num_rows, 2 * GOLDEN_ROWS))
    finite = [not any(_is_infinite(value) for value in row) for row in to_rows(table)]
    table = table.filter(np.array(finite)).slice(0, GOLDEN_ROWS)
    rows = to_rows(table)
    if trained.plan is not None and trained.predictor == "plan":
        answers = [trained.plan.predict_one(row) for row in rows]
    else:
        answers = predict_estimator(trained.fitted, table, trained.test.columns).tolist()
    golden = tuple(tuple(cast("list[Value]", row)) for row in rows)
    return Golden(rows=golden, probabilities=tuple(answers))


def _is_infinite(value: object) -> bool:
    """Tell whether a value has no form in JSON."""
    return isinstance(value, float) and math.isinf(value)
