"""The columns between the steps of a fitted pipeline, each traced back to one feature.

Numbers are followed symbolically. Encoders are asked: each known category, a missing value and an
unseen one go through the fitted steps, and what comes out is the table of the compiled plan.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from towpath.core.errors import Invalid
from towpath.modelling.columns import CATEGORICAL
from towpath.modelling.plan import Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNSEEN_TEXT = "\x00unseen"


class Number(msgspec.Struct, frozen=True):
    """A column that is ``(value or fill - mean) / scale`` of one number."""

    feature: str
    fill: float = math.nan
    mean: float = 0.0
    scale: float = 1.0
    scaled: bool = False


class Text(msgspec.Struct, frozen=True):
    """A column of texts that no step has encoded yet, with what stands in for a missing one."""

    feature: str
    fill: str | None = None


class Lookup(msgspec.Struct, frozen=True):
    """A column whose value depends on the category alone.

    ``table`` holds the values for null, unseen and each value of the slot.
    """

    slot: Slot
    table: tuple[float, ...]


Output = Number | Text | Lookup


def unsupported(what: object, why: str) -> Invalid:
    """Say why an estimator cannot be compiled."""
    name = what if isinstance(what, str) else type(what).__name__
    return Invalid(f"{name} {why}", hint="The original estimator will be served.")


def features_in(schema: dict[str, str]) -> tuple[Output, ...]:
    """Return the columns of the matrix that the first step takes."""
    return tuple(
        Text(name) if dtype == CATEGORICAL else Number(name) for name, dtype in schema.items()
    )


def follow(step: object, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Return what becomes of the columns in one fitted step.

    Raises:
        Invalid: the step cannot be compiled; the message says why.
    """
    if step is None or step == "passthrough":
        return outputs
    if step == "drop":
        return ()
    for kind, follower in FOLLOWERS.items():
        if type(step) is kind:
            return follower(step, outputs)
    raise unsupported(step, "is a step that cannot be compiled.")


def _follow_pipeline(step: Pipeline, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Follow the steps of a pipeline, its last included."""
    for _, inner in step.steps:
        outputs = follow(inner, outputs)
    return outputs


def _follow_columns(step: ColumnTransformer, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Follow each branch of a column transformer; a fitted one knows its rest as a branch."""
    if step.transformer_weights:
        raise unsupported(step, "has weights for its branches.")
    result: list[Output] = []
    positions = np.arange(len(outputs))
    for _, inner, chosen in step.transformers_:
        branch = tuple(outputs[at] for at in np.atleast_1d(positions[chosen]))
        if branch:
            result.extend(follow(inner, branch))
    return tuple(result)


def _follow_function(step: FunctionTransformer, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Pass columns through a function transformer that has no function."""
    if step.func is not None:
        raise unsupported(step, "calls a function that cannot be compiled.")
    return outputs


def _follow_imputer(step: SimpleImputer, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Note what stands in for a missing value."""
    if step.add_indicator:
        raise unsupported(step, "adds columns that tell what was missing.")
    missing = step.missing_values
    if not (isinstance(missing, float) and math.isnan(missing)):
        raise unsupported(step, "takes another value than NaN for missing.")
    fills = list(step.statistics_)
    if any(isinstance(fill, float) and math.isnan(fill) for fill in fills):
        raise unsupported(step, "leaves a column out that was never there.")
    return tuple(_filled(output, fill) for output, fill in zip(outputs, fills, strict=True))


def _filled(output: Output, fill: object) -> Output:
    """Let a value stand in where a column is missing."""
    if isinstance(output, Text):
        return output if output.fill is not None else Text(output.feature, cast("str", fill))
    number = float(cast("float", fill))
    if isinstance(output, Number):
        kept = output if not math.isnan(output.fill) else None
        return kept or msgspec.structs.replace(output, fill=_unscaled(output, number))
    return Lookup(output.slot, tuple(number if math.isnan(one) else one for one in output.table))


def _unscaled(output: Number, fill: float) -> float:
    """Refuse to fill in after scaling: the plan fills in before."""
    if output.scaled:
        raise unsupported("SimpleImputer", "follows a scaler; put it before the scaler.")
    return fill


def _follow_scaler(step: StandardScaler, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Subtract means and divide by scales, in this order, as the scaler does."""
    width = len(outputs)
    means = step.mean_ if step.with_mean else np.zeros(width)
    scales = step.scale_ if step.with_std else np.ones(width)
    return tuple(
        _scaled(output, float(mean), float(scale))
        for output, mean, scale in zip(outputs, means, scales, strict=True)
    )


def _scaled(output: Output, mean: float, scale: float) -> Output:
    """Scale one column."""
    if isinstance(output, Text):
        raise unsupported("StandardScaler", f"is given the text {output.feature!r}.")
    if isinstance(output, Lookup):
        return Lookup(output.slot, tuple((one - mean) / scale for one in output.table))
    if output.scaled:
        raise unsupported("StandardScaler", "follows another scaler.")
    return Number(output.feature, output.fill, mean, scale, scaled=True)


def _follow_encoder(
    step: OneHotEncoder | OrdinalEncoder, outputs: tuple[Output, ...]
) -> tuple[Output, ...]:
    """Ask the encoder for what each category becomes."""
    known = [[_plain(one) for one in values if not _is_nan(one)] for values in step.categories_]
    # What the encoder was fitted on, it must be asked in: objects, or numbers alone.
    dtype = object if any(values.dtype == object for values in step.categories_) else float
    first: NDArray[np.object_] = np.array([values[0] for values in step.categories_], dtype)
    result: list[Output] = []
    start = 0
    for position, output in enumerate(outputs):
        width = _width(step, position)
        if isinstance(output, Lookup) or (isinstance(output, Number) and output.scaled):
            raise unsupported(step, "follows another encoder or a scaler.")
        ask = _Question(step, first, position, slice(start, start + width))
        result.extend(_lookups(ask, output, known[position]))
        start += width
    return tuple(result)


class _Question(msgspec.Struct, frozen=True):
    """Which block of an encoder's output one of its inputs decides."""

    encoder: OneHotEncoder | OrdinalEncoder
    row: NDArray[np.object_]
    position: int
    block: slice

    def answer(self, values: Sequence[object]) -> NDArray[np.float64] | None:
        """Return the block for each value, or None where the encoder refuses them."""
        rows = np.repeat(self.row[np.newaxis, :], len(values), axis=0)
        rows[:, self.position] = values
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                encoded = self.encoder.transform(rows)
        except ValueError:
            return None
        dense = encoded.toarray() if hasattr(encoded, "toarray") else encoded
        return np.asarray(dense, np.float64)[:, self.block]


def _lookups(
    ask: _Question, output: Number | Text, known: Sequence[str | float]
) -> tuple[Lookup, ...]:
    """Turn the encoder's answers into one table for each column that it makes."""
    unseen: str | float = UNSEEN_TEXT
    if isinstance(output, Number):
        unseen = max([abs(float(one)) for one in known], default=0.0) * 2 + 1.5
    fill: object = math.nan if output.fill is None else output.fill
    answers = [ask.answer([value]) for value in (fill, unseen)]
    table = ask.answer(list(known)) if known else np.empty((0, ask.block.stop - ask.block.start))
    if table is None:
        raise unsupported(ask.encoder, f"does not take its own categories of {output.feature!r}.")
    slot = Slot(
        output.feature,
        "category",
        tuple(known),
        refuses_null=answers[0] is None,
        refuses_unseen=answers[1] is None,
    )
    refused = np.full((1, table.shape[1]), np.nan)
    rows = np.vstack([refused if one is None else one for one in answers] + [table])
    return tuple(Lookup(slot, tuple(column)) for column in rows.T.tolist())


def _width(step: OneHotEncoder | OrdinalEncoder, position: int) -> int:
    """Count the columns that an encoder makes of one of its inputs."""
    if isinstance(step, OrdinalEncoder):
        return 1
    categories = len(step.categories_[position])
    rare = getattr(step, "infrequent_categories_", None)
    if rare is not None and rare[position] is not None:
        categories -= len(rare[position]) - 1
    dropped = step.drop_idx_ is not None and step.drop_idx_[position] is not None
    return categories - int(dropped)


def _plain(value: object) -> str | float:
    """Turn a category into a text or a number of Python's own."""
    return str(value) if isinstance(value, str) else float(cast("float", value))


def _is_nan(value: object) -> bool:
    """Tell whether a category stands for a missing value."""
    return value is None or (isinstance(value, float) and math.isnan(value))


FOLLOWERS: dict[type, Callable[..., tuple[Output, ...]]] = {
    Pipeline: _follow_pipeline,
    ColumnTransformer: _follow_columns,
    FunctionTransformer: _follow_function,
    SimpleImputer: _follow_imputer,
    StandardScaler: _follow_scaler,
    OneHotEncoder: _follow_encoder,
    OrdinalEncoder: _follow_encoder,
}
