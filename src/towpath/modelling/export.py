"""Compiling a fitted scikit-learn estimator to a plan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from towpath.modelling.kernel import COLUMN, NODE, linear_arrays, tree_arrays
from towpath.modelling.outputs import (
    Lookup,
    Number,
    Output,
    Text,
    features_in,
    follow,
    unsupported,
)
from towpath.modelling.plan import Layout, Plan, Slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from towpath.modelling.columns import FeatureColumns

BINARY = 2


def export(fitted: object, columns: FeatureColumns) -> Plan:
    """Compile a fitted classifier, alone or at the end of a Pipeline.

    Compiled are LogisticRegression and HistGradientBoostingClassifier after any mix of
    ColumnTransformer, SimpleImputer, StandardScaler, OneHotEncoder, OrdinalEncoder and
    passthrough.

    Raises:
        Invalid: a part of it cannot be compiled; the message says which and why.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from towpath.modelling.columns import FeatureColumns
        >>> fitted = LogisticRegression().fit([[0.0], [1.0]], [False, True])
        >>> plan = export(fitted, FeatureColumns({"hour": "float64"}))
        >>> round(plan.predict_one([0.5]), 6)
        0.5
    """
    outputs = features_in(columns.schema)
    if isinstance(fitted, Pipeline):
        for _, step in fitted.steps[:-1]:
            outputs = follow(step, outputs)
        fitted = fitted.steps[-1][1]
    for output in outputs:
        if isinstance(output, Text):
            raise unsupported(fitted, f"is given the text {output.feature!r} as it is.")
    if type(fitted) is LogisticRegression:
        return _linear(fitted, outputs, columns)
    if type(fitted) is HistGradientBoostingClassifier:
        return _trees(fitted, outputs, columns)
    raise unsupported(fitted, "is no estimator that can be compiled.")


def _linear(
    fitted: LogisticRegression, outputs: tuple[Output, ...], columns: FeatureColumns
) -> Plan:
    """Compile a logistic regression; all columns of one category become a single one."""
    if len(fitted.classes_) != BINARY:
        raise unsupported(fitted, "has not exactly two classes.")
    merged: list[Output] = []
    weights: list[float] = []
    sums: dict[Slot, NDArray[np.float64]] = {}
    for output, weight in zip(outputs, fitted.coef_[0], strict=True):
        if isinstance(output, Lookup):
            table = np.array(output.table) * weight
            sums[output.slot] = sums[output.slot] + table if output.slot in sums else table
        else:
            merged.append(output)
            weights.append(float(weight))
    merged.extend(Lookup(slot, tuple(table.tolist())) for slot, table in sums.items())
    weights.extend(1.0 for _ in sums)
    intercept = float(np.ravel(fitted.intercept_)[0])
    layout, made, tables = _laid_out(tuple(merged), columns, intercept, fitted)
    return Plan(layout, linear_arrays(made, tables, np.array(weights)))


def _trees(
    fitted: HistGradientBoostingClassifier, outputs: tuple[Output, ...], columns: FeatureColumns
) -> Plan:
    """Compile gradient-boosted trees with numeric splits."""
    if len(fitted.classes_) != BINARY:
        raise unsupported(fitted, "has not exactly two classes.")
    if fitted.is_categorical_ is not None:
        raise unsupported(fitted, "splits on categories; encode them with OrdinalEncoder instead.")
    trees = [stage[0].nodes for stage in fitted._predictors]
    intercept = float(fitted._baseline_prediction[0, 0])
    layout, made, tables = _laid_out(outputs, columns, intercept, fitted)
    starts = np.cumsum([0, *(len(tree) for tree in trees)])[:-1].astype(np.int64)
    nodes = np.concatenate([_nodes(tree) for tree in trees]) if trees else np.empty(0, NODE)
    return Plan(layout, tree_arrays(made, tables, nodes, starts))


def _nodes(tree: NDArray[np.void]) -> NDArray[np.void]:
    """Copy what prediction needs from the nodes of one tree."""
    leaf = tree["is_leaf"].astype(bool)
    nodes = np.zeros(len(tree), NODE)
    nodes["value"] = np.where(leaf, tree["value"], tree["num_threshold"])
    nodes["column"] = np.where(leaf, -1, tree["feature_idx"])
    for name in ("left", "right"):
        nodes[name] = np.where(leaf, 0, tree[name])
    nodes["missing_left"] = tree["missing_go_to_left"]
    return nodes


def _laid_out(
    outputs: tuple[Output, ...], columns: FeatureColumns, intercept: float, fitted: object
) -> tuple[Layout, NDArray[np.void], NDArray[np.float64]]:
    """Number the slots and lay the tables end to end."""
    slots: dict[Slot, int] = {}
    made = np.zeros(len(outputs), COLUMN)
    tables: list[float] = []
    for at, output in enumerate(outputs):
        if isinstance(output, Lookup):
            slot = slots.setdefault(output.slot, len(slots))
            made[at] = (slot, len(tables), math.nan, 0.0, 1.0)
            tables.extend(output.table)
        elif isinstance(output, Number):
            slot = slots.setdefault(Slot(output.feature), len(slots))
            made[at] = (slot, -1, output.fill, output.mean, output.scale)
    kind = type(fitted)
    name = f"{kind.__module__}.{kind.__qualname__}"
    layout = Layout(dict(columns.schema), tuple(slots), intercept, name)
    return layout, made, np.array(tables, np.float64)
