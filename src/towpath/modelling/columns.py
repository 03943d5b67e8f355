"""Where the columns of a training matrix lie, for whoever writes an estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.errors import NotFound, did_you_mean
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

CATEGORICAL = "string"


class FeatureColumns(Record, frozen=True):
    """The features in the order of the matrix; text is categorical, all else is a number.

    A number arrives as float64 with NaN for a missing value: booleans as 0 and 1, timestamps as
    microseconds. A text arrives as it is, a missing one as NaN, as in a pandas column.

    Args:
        schema: dtype by feature, in the order of the matrix.

    Example:
        >>> columns = FeatureColumns({"distance": "float64", "carrier": "string", "hour": "int64"})
        >>> columns.numeric, columns.categorical
        ([0, 2], [1])
        >>> columns.pick("hour", "carrier")
        [2, 1]
    """

    schema: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(self.schema)

    @property
    def numeric(self) -> list[int]:
        """Positions of the numbers."""
        return [at for at, dtype in enumerate(self.schema.values()) if dtype != CATEGORICAL]

    @property
    def categorical(self) -> list[int]:
        """Positions of the texts."""
        return [at for at, dtype in enumerate(self.schema.values()) if dtype == CATEGORICAL]

    def pick(self, *names: str) -> list[int]:
        """Return the positions of some features by name.

        Raises:
            NotFound: there is no feature of that name; a close one is suggested.
        """
        positions: Mapping[str, int] = {name: at for at, name in enumerate(self.schema)}
        for name in names:
            if name not in positions:
                hint = did_you_mean(name, positions)
                raise NotFound(f"There is no feature {name!r}.", hint=hint, feature=name)
        return [positions[name] for name in names]
