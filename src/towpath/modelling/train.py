"""Fitting a candidate, measuring it on the test rows and compiling it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from towpath.core.errors import Invalid
from towpath.modelling.artifact import predict_estimator
from towpath.modelling.evaluate import Evaluation, day_clusters, evaluate
from towpath.modelling.examples import Examples, split
from towpath.modelling.export import export
from towpath.modelling.frame import to_matrix
from towpath.modelling.model import Estimator, Model
from towpath.modelling.parity import Parity, prove
from towpath.modelling.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.modelling.columns import FeatureColumns
    from towpath.registry.model import Predictor
    from towpath.registry.stores import Parameter

LONGEST_PARAMETER = 500


class Trained(msgspec.Struct, frozen=True):
    """A fitted candidate and all that is known about it.

    Args:
        model: what was asked for.
        estimator: which candidate it is.
        fitted: the fitted estimator.
        parameters: what it was built with, by name.
        plan: the compiled plan, None if there is none.
        parity: the proof that the plan equals the original, None if there is no plan.
        reason: why the plan is not served; empty if it is.
        training_rows: rows it was fitted on.
        test: rows it was measured on.
        probability: its probability for each of them.
        evaluation: how good they are.
        seconds: how long fitting took.
    """

    model: Model
    estimator: str
    fitted: Estimator
    parameters: dict[str, str | int | float | bool | None]
    plan: Plan | None
    parity: Parity | None
    reason: str
    training_rows: int
    test: Examples
    probability: NDArray[np.float64]
    evaluation: Evaluation
    seconds: float

    @property
    def predictor(self) -> Predictor:
        """What serves it."""
        return "sklearn" if self.reason else "plan"


def train(model: Model, estimator: str, rows: Examples) -> Trained:
    """Fit one of a model's candidates on its training rows and measure it on its test rows.

    Random states that the candidate leaves open are set to 0, so that a second run gives the
    same estimator.

    Raises:
        NotFound: the model has no such candidate.
        Contract: the split leaves too few rows.
        Invalid: the candidate cannot be built or fitted; the message says why.
    """
    training, test = split(rows, model.split)
    candidate = _built(model, estimator, rows.columns)
    parameters = _parameters(candidate)
    started = time.perf_counter()
    fitted = _fitted(candidate, training, f"{estimator!r} of model {model.name!r}")
    seconds = time.perf_counter() - started
    plan, parity, reason = _compiled(fitted, test, threshold=model.threshold)
    if plan is not None and not reason:
        probability = plan.predict(test.features)
    else:
        probability = predict_estimator(fitted, test.features, rows.columns)
    return Trained(
        model=model,
        estimator=estimator,
        fitted=fitted,
        parameters=parameters,
        plan=plan,
        parity=parity,
        reason=reason,
        training_rows=len(training.label),
        test=test,
        probability=probability,
        evaluation=evaluate(probability, test.label, clusters=day_clusters(test.at)),
        seconds=seconds,
    )


def _built(model: Model, estimator: str, columns: FeatureColumns) -> Estimator:
    """Call the user's function and fix the random states it left open."""
    candidate = model.factory(estimator)(columns)
    if not hasattr(candidate, "fit") or not hasattr(candidate, "predict_proba"):
        message = (
            f"The estimator {estimator!r} of model {model.name!r} is a {type(candidate).__name__}"
            " without fit and predict_proba."
        )
        raise Invalid(message, hint="Return a scikit-learn classifier or Pipeline.")
    if isinstance(candidate, BaseEstimator):
        given = candidate.get_params()
        states = {name: 0 for name in given if _is_random_state(name) and given[name] is None}
        candidate.set_params(**states)
    return candidate


def _fitted(candidate: Estimator, training: Examples, name: str) -> Estimator:
    """Fit a candidate; an error of the library names the candidate.

    A feature without any value is refused: the libraries' own words do not name it.
    """
    rows = training.features.num_rows
    empty = [one for one in training.columns.names if training.features[one].null_count == rows]
    if empty:
        message = f"The feature {empty[0]!r} has no value in any of the {rows:,} training rows."
        raise Invalid(message, hint="Leave it out of the feature set, then run: towpath apply")
    try:
        return candidate.fit(to_matrix(training.features, training.columns), training.label)
    except (ValueError, TypeError) as error:
        message = f"The estimator {name} cannot be fitted: {error}"
        raise Invalid(message, hint="Mend the function that builds it.") from error


def _is_random_state(name: str) -> bool:
    """Tell whether a parameter, perhaps of a step of a pipeline, is a random state."""
    return name.rpartition("__")[2] == "random_state"


def _compiled(
    fitted: Estimator, test: Examples, *, threshold: float
) -> tuple[Plan | None, Parity | None, str]:
    """Compile and prove; return plan, proof and, where the plan is not served, why."""
    try:
        plan = export(fitted, test.columns)
    except Invalid as error:
        return None, None, error.message
    parity = prove(fitted, plan, test.features, columns=test.columns, threshold=threshold)
    if parity.holds:
        return plan, parity, ""
    reason = (
        f"The plan differs from the original by up to {parity.max_difference:.2g}"
        f" and decides {parity.flips} rows otherwise."
    )
    return plan, parity, reason


def _parameters(candidate: Estimator) -> dict[str, Parameter]:
    """Return the plain parameters of an estimator and of the steps inside it."""
    if not isinstance(candidate, BaseEstimator):
        return {}
    given = cast("Mapping[str, object]", candidate.get_params())
    plain: dict[str, Parameter] = {}
    for name, value in sorted(given.items()):
        if value is None or isinstance(value, bool | int | str):
            plain[name] = value
        elif isinstance(value, float):
            plain[name] = value if math.isfinite(value) else str(value)
        elif isinstance(value, list | tuple) and len(repr(value)) <= LONGEST_PARAMETER:
            plain[name] = repr(value)
    return plain
