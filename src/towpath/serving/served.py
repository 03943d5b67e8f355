"""What a server needs to answer for one endpoint, and what it asks of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from towpath.core.errors import Invalid
from towpath.lake.dataset import Column
from towpath.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.lookup import Lookup
    from towpath.lake.dataset import Dataset


class FeatureSource(Protocol):
    """Feature values at a time, from the online store.

    Times are int64 microseconds. A value is a Python number, text or bool, None for null. Answers
    are in the order of what was asked. All methods are called from one thread and return within
    a millisecond or so.
    """

    def by_keys(
        self, keys: Sequence[Mapping[str, object]], at: int
    ) -> Sequence[Mapping[str, object] | None]:
        """Return the features by name for the row with each key, None where there is none."""
        ...

    def by_rows(self, rows: Sequence[Mapping[str, object]], at: int) -> Sequence[Sequence[object]]:
        """Return the features, in the order of the schema, for rows that the caller gives."""
        ...

    def freshness(self) -> Mapping[str, int]:
        """Return up to which event time each view was materialised.

        Raises:
            NotFound: a view was never materialised.
        """
        ...


class Served(msgspec.Struct, frozen=True):
    """One endpoint with what it is answered from.

    Args:
        endpoint: its definition.
        source: computes the features.
        schema: dtype by feature, in the order the predictor takes them.
        key: columns that identify a row.
        row: columns that a caller gives who knows the row; without them, only keys are taken.
        defaults: values for a key without a row; null for a feature that is not named.
        definition: version of the features' definition; versions of models trained on another
            are refused, unless it is empty.
    """

    endpoint: Endpoint
    source: FeatureSource
    schema: dict[str, str]
    key: tuple[Column, ...]
    row: tuple[Column, ...] = ()
    defaults: dict[str, object] = msgspec.field(default_factory=dict)
    definition: str = ""


def from_lookup(endpoint: Endpoint, lookup: Lookup, spine: Dataset) -> Served:
    """Serve an endpoint from the online store.

    A row may leave out what no feature needs; the look-up says what is missing.

    Args:
        endpoint: its definition.
        lookup: reads the features of the model's feature set.
        spine: dataset of the rows to predict on.

    Raises:
        Invalid: the spine has no key to ask by.
    """
    if not spine.key:
        message = f"Endpoint {endpoint.name!r} cannot be asked by key: {spine.name!r} has none."
        raise Invalid(message, hint="Name the key's columns in the dataset's contract.")
    at = lookup.feature_set.at
    return Served(
        endpoint=endpoint,
        source=lookup,
        schema=lookup.schema,
        key=tuple(spine.column(name) for name in spine.key),
        row=tuple(one.replace(nullable=True) for one in spine.columns if one.name != at),
        defaults=dict(lookup.feature_set.defaults),
        definition=lookup.definition,
    )
