"""A training set in memory: label rows with features, how full they are, and what they are of."""

from __future__ import annotations

from typing import Self

import msgspec
import pyarrow as pa

from towpath.features.manifest import Manifest

SHOWN = 40


class TrainingSet(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """Rows to learn from. Polars, pandas and DuckDB read it as it is: ``polars.DataFrame(found)``.

    Args:
        table: the label rows, in their order and with all their columns, then the features.
        manifest: what it was made of.
        labels: the label rows as they were given.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.features.manifest import DatasetLabels, Manifest
        >>> table = pa.table({"id": [1, 2], "car__km": [7, None]})
        >>> made = Manifest(
        ...     "fare", "f0", {}, DatasetLabels("trips"), {}, 2, {"car__km": "int64"}, "h", EPOCH
        ... )
        >>> TrainingSet(table, made, table.select(["id"]))
        TrainingSet of fare: 2 rows, 1 features
          car__km  int64  50.0 % filled
    """

    table: pa.Table
    manifest: Manifest
    labels: pa.Table

    @property
    def features(self) -> pa.Table:
        """The features alone, in the order in which a model reads them."""
        return self.table.select(list(self.manifest.features))

    def fill_rates(self) -> dict[str, float]:
        """Return the share of rows in which each feature has a value; of no rows, 1."""
        rows = self.table.num_rows
        found = {name: self.table[name].null_count for name in self.manifest.features}
        return {name: 1.0 - nulls / rows if rows else 1.0 for name, nulls in found.items()}

    def replace(self, **changes: object) -> Self:
        """Return a copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def __len__(self) -> int:
        """Count the rows."""
        return self.table.num_rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the rows to other libraries."""
        stream: object = self.table.__arrow_c_stream__(requested_schema)  # type: ignore[no-untyped-call]  # as the stubs have it
        return stream

    def __repr__(self) -> str:
        """List the features with their types and how full they are."""
        rates = self.fill_rates()
        wide = max((len(name) for name in rates), default=0)
        head = f"TrainingSet of {self.manifest.feature_set}: {len(self):,} rows"
        lines = [f"{head}, {len(rates)} features"]
        for name, rate in list(rates.items())[:SHOWN]:
            dtype = self.manifest.features[name]
            lines.append(f"  {name:<{wide}}  {dtype}  {rate:.1%} filled".replace("%", " %"))
        if len(rates) > SHOWN:
            lines.append(f"  and {len(rates) - SHOWN} more")
        return "\n".join(lines)
