"""What is answered while the online store does not answer: 503, or defaults of the views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Unavailable
from towpath.features.cells import values_of
from towpath.features.columns import DEFAULT, Columns, Known
from towpath.features.online.breaker import Outage
from towpath.features.online.change import Contended
from towpath.web.problem import Busy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.feature_set import Value
    from towpath.features.lookup import Lookup
    from towpath.features.view import FeatureView
    from towpath.web.message import Request, Response
    from towpath.web.route import Handler


class Fallback:
    """A source of features with declared values in place of those of a store that is down.

    They are served where each view of the feature set declares some. Columns of the row and
    derived features are as ever. Rows that are asked by key are answered only if there are none
    of those, since the row itself is in the store.

    Args:
        lookup: the source.
        views: by name.
    """

    def __init__(self, lookup: Lookup, views: Mapping[str, FeatureView]) -> None:
        """Put the values of all views together."""
        self._lookup = lookup
        used = [views[ref.view] for ref in lookup.feature_set.refs]
        names = [(view, feature.name) for view in used for feature in view.features]
        pairs = zip(names, lookup.schema.values(), strict=False)
        self._values = [
            (_typed(view.defaults.get(name), dtype), dtype) for (view, name), dtype in pairs
        ]
        self._views = len(used)
        self._by_row = bool(used) and all(view.defaults for view in used)
        self._by_key = self._by_row and len(names) == len(lookup.schema)

    def columns_by_keys(self, keys: Sequence[Mapping[str, object]], at: int) -> Columns:
        """Return the features of the spine's rows with these keys."""
        try:
            return self._lookup.columns_by_keys(keys, at)
        except Unavailable:
            if not self._by_key:
                raise
            return self._declared(len(keys))

    def columns_of(self, given: Mapping[str, Sequence[object]], rows: int, at: int) -> Columns:
        """Return the features of rows that the caller gives by column."""
        try:
            return self._lookup.columns_of(given, rows, at)
        except Unavailable:
            if not self._by_row:
                raise
            return self._lookup.completed(given, at, self._declared(rows))

    def freshness(self) -> Mapping[str, int]:
        """Return up to which event time each view was materialised."""
        return self._lookup.freshness()

    def _declared(self, rows: int) -> Columns:
        """Return what the views declare for so many rows."""
        nothing = np.zeros(rows, np.int64)
        known = Known(nothing, np.full(rows, DEFAULT, np.uint8))
        features = tuple(values_of([value] * rows, dtype) for value, dtype in self._values)
        return Columns(rows, features, (known,) * self._views)


def _typed(value: Value | None, dtype: str) -> Value | None:
    """Return a default as its feature has it: a whole number may stand for a float."""
    return float(value) if isinstance(value, int) and dtype == "float64" else value


def told(handler: Handler) -> Handler:
    """Tell clients of an outage, or a crowd, in a way that they can act on.

    The log knows of an outage already.

    Example:
        >>> from towpath.web.message import Request
        >>> def read(request: Request) -> Response:
        ...     raise Outage("No answer from redis://10.1.2.3.")
        >>> try:
        ...     told(read)(Request("GET", "/"))
        ... except Busy as error:
        ...     print(error)
        The online store does not answer. Send the request again after a second.
    """

    def answer(request: Request) -> Response:
        try:
            return handler(request)
        except Outage as error:
            message = "The online store does not answer."
            raise Busy(message, hint="Send the request again after a second.") from error
        except Contended as error:
            message = "Too many requests change the same keys."
            raise Busy(message, hint="Send the request again after a second.") from error

    return answer
