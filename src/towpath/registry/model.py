"""One version of a model: what it was learnt from, how good it is and where its files lie."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from towpath.core.finding import Finding
from towpath.core.record import Record

Predictor = Literal["plan", "sklearn"]


class Metric(Record, frozen=True):
    """A measured value with its 95 % interval.

    Example:
        >>> Metric(0.75, 0.74, 0.76).value
        0.75
    """

    value: float
    lower: float
    upper: float


class ModelVersion(Record, frozen=True):
    """What a registered version is; a bundle carries it as ``contract.json``.

    Args:
        model: the model's name.
        version: number within the model, from 1; 0 until registered.
        estimator: which of the model's candidates it is.
        run_id: the tracked run that made it; empty until registered.
        feature_set: name of the feature set.
        feature_set_version: fingerprint of the feature set's definition.
        schema: dtype by feature, in the order the predictor takes them.
        key: columns of the spine that identify a row.
        data_versions: version of each dataset that was read.
        code: git commit of the project, empty outside git.
        metrics: measured on the test rows, by name.
        predictor: ``plan`` if the compiled plan is proved equal, else ``sklearn``.
        reason: why there is no plan; empty if there is one.
        threshold: least probability that is decided as true.
        trusted: classes, other than scikit-learn's, that the saved estimator may hold.
        created_at: when it was trained.
        findings: what the gate found; a version with a blocking one is not promoted.
        bundle: folder of the files, relative to the artifacts folder; empty until registered.
        bundle_sha256: hash over the files; empty until registered.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> draft = ModelVersion(
        ...     model="late", version=0, estimator="boosting", feature_set="flight",
        ...     schema={"hour": "int64"}, predictor="plan", threshold=0.5, created_at=EPOCH,
        ... )
        >>> draft.replace(version=3).subject
        'model/late/3'
    """

    model: str
    version: int
    estimator: str
    feature_set: str
    schema: dict[str, str]
    predictor: Predictor
    threshold: float
    created_at: datetime
    run_id: str = ""
    feature_set_version: str = ""
    key: tuple[str, ...] = ()
    data_versions: dict[str, int] = msgspec.field(default_factory=dict)
    code: str = ""
    metrics: dict[str, Metric] = msgspec.field(default_factory=dict)
    reason: str = ""
    trusted: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    bundle: str = ""
    bundle_sha256: str = ""

    @property
    def subject(self) -> str:
        """The version's name in events, such as ``model/late/3``."""
        return f"model/{self.model}/{self.version}"
