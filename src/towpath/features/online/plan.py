"""A view in the form in which its online state is kept and computed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from towpath.core.instant import MICROSECOND
from towpath.features.engines.compile import CompiledView, compile_view
from towpath.features.engines.kernel.block import row_width
from towpath.features.engines.kernel.form import (
    COLUMN,
    DISTINCT,
    FLOAT,
    FUNCTION,
    LAST,
    LATEST,
    MEAN,
    NO_LIMIT,
    PARAMETER,
    SHARE,
    SLOT,
    STD,
    SUM,
    WINDOW,
    Ints,
)
from towpath.features.engines.kernel.tile import (
    COUNTED,
    FACTS,
    LASTS,
    LASTS_AT,
    REAL,
    SQUARED,
    SUMMED,
    Tiling,
)
from towpath.features.feature_dtype import scale_of
from towpath.features.view import Aggregate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.features.view import FeatureView
    from towpath.lake.dataset import Dataset

COLUMN_SHAPE = 6
# What a feature's slots hold: numbers as they are, others, or what is made one by one.
FLOATS, WHOLES, OTHERS, CELLS = range(4)


@dataclass(frozen=True)
class StatePlan:
    """What reading and writing a view's state needs to know.

    Args:
        view: the view's name.
        area: where in an online store its state is.
        compiled: its features; shares of a string look for that string's number.
        tiling: what its tiles have.
        texts: numbers of the value columns that are strings.
        ttl: the oldest age at which a latest value still counts, in microseconds, or ``NO_LIMIT``.
    """

    view: str
    area: str
    compiled: CompiledView
    tiling: Tiling
    texts: tuple[int, ...]
    ttl: int

    @cached_property
    def slots(self) -> tuple[tuple[int, str, int, int, int], ...]:
        """Kind, type, scale, first slot and one after the last slot of each feature."""
        found = []
        for number, dtype in enumerate(self.compiled.results):
            spec, scale = self.compiled.specs[number], self.compiled.scales[number]
            start, many = int(spec[SLOT]), dtype.startswith("list<")
            kind = FLOATS if dtype == "float64" else WHOLES
            if many or dtype == "string" or scale_of(dtype) is not None:
                kind = CELLS
            elif scale or dtype == "bool":
                kind = OTHERS
            found.append((kind, dtype, scale, start, start + (int(spec[PARAMETER]) if many else 1)))
        return tuple(found)

    @cached_property
    def has(self) -> tuple[bool, bool]:
        """Whether there are floats as they are, and whole numbers."""
        kinds = {kind for kind, *_ in self.slots}
        return FLOATS in kinds, WHOLES in kinds

    @cached_property
    def recipe(self) -> Ints:
        """What reading computes, as ``kernel.assemble`` takes it."""
        own = self.compiled
        specs = np.column_stack((own.specs, self.tiling[1]))
        order = np.lexsort((specs[:, COLUMN], specs[:, FUNCTION] != LATEST, specs[:, WINDOW]))
        sizes = (len(specs), len(own.windows), self.columns, own.layout, self.ttl)
        facts = (specs[order], own.windows, self.tiling[0])
        return np.concatenate((np.array(sizes), *(one.reshape(-1) for one in facts)))

    @cached_property
    def columns(self) -> int:
        """How many value columns there are."""
        return len(self.compiled.columns)

    @cached_property
    def width(self) -> int:
        """How many words an event takes."""
        return int(row_width(self.columns))


def state_plan(view: FeatureView, dtypes: Mapping[str, str]) -> StatePlan:
    """Plan a view's state; ``dtypes`` are those of its value columns as it names them.

    Raises:
        Invalid: a function cannot be computed of a column of that type.

    Example:
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> plan = state_plan(view, {"km": "int64"})
        >>> plan.area == area_name("car", plan.compiled.layout), plan.width
        (True, 5)
    """
    compiled = compile_view(view, dtypes)
    specs = compiled.specs.copy()
    for number, feature in enumerate(view.features):
        wanted = feature.value if isinstance(feature, Aggregate) else None
        if isinstance(wanted, str) and compiled.dtypes[specs[number, COLUMN]] == "string":
            specs[number, PARAMETER] = word_of(wanted)
    return StatePlan(
        view=view.name,
        area=area_name(view.name, compiled.layout),
        compiled=compiled.replace(specs=specs),
        tiling=_tiling(specs, len(compiled.columns)),
        texts=tuple(place for place, one in enumerate(compiled.dtypes) if one == "string"),
        ttl=NO_LIMIT if view.ttl is None else view.ttl // MICROSECOND,
    )


def plan_of(view: FeatureView, source: Dataset) -> StatePlan:
    """Plan the state of a view of a dataset.

    Raises:
        Invalid: a function cannot be computed of a column of that type.
        NotFound: the dataset lacks a column.

    Example:
        >>> from towpath.features.view import FeatureView, Latest
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("car", "string"), Column("km", "int64")))
        >>> plan_of(FeatureView("car", "trips", ("car",), (Latest("km"),)), trips).columns
        1
    """
    return state_plan(
        view, {name: source.column(view.source_column(name)).dtype for name in view.used}
    )


def area_name(view: str, layout: int) -> str:
    """Return where a view's state is kept; another definition has another place.

    Example:
        >>> area_name("car", 255)
        'car@ff'
    """
    return f"{view}@{layout:x}"


def word_of(text: str) -> int:
    """Return the number that stands for a string, the same everywhere.

    Example:
        >>> word_of("late") == word_of("late"), word_of("late") == word_of("early")
        (True, False)
    """
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _tiling(specs: Ints, columns: int) -> Tiling:
    """Find out what the features need of each column."""
    shape = np.zeros((columns, COLUMN_SHAPE), dtype=np.int64)
    share_at = np.full(len(specs), -1, dtype=np.int64)
    for spec in specs[specs[:, COLUMN] >= 0]:
        own, function = shape[spec[COLUMN]], spec[FUNCTION]
        own[REAL] |= spec[FLOAT]
        own[SUMMED] |= function in (SUM, MEAN, STD)
        own[SQUARED] |= function == STD
        own[COUNTED] |= function == DISTINCT
        if function == LAST:
            own[LASTS] = max(own[LASTS], spec[PARAMETER])
    end = columns * FACTS
    for own in shape:
        own[LASTS_AT] = end
        end += own[LASTS]
    for number in np.flatnonzero(specs[:, FUNCTION] == SHARE):
        share_at[number] = end
        end += 1
    return shape, share_at, int(end)
