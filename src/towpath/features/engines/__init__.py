"""Engines compute a view's features at given keys and times; one Protocol, one file an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from towpath.features.view import FeatureView

TIME = "_t"
SEQUENCE = "_seq"

# Told how many labels are done, and of how many.
Report = Callable[[int, int], None]


class Engine(Protocol):
    """Computes the features of a view.

    Every implementation promises:

    - Row i of the answer belongs to row i of the labels; columns are named and ordered as the
      view's features. Neither input changes.
    - An aggregate over window w at time t sees events in (t - w, t], or [t - w, t) with
      ``exclude_current``; over the lifetime all events up to t, or before it. Missing values
      (null, NaN) are skipped. An empty window has count, sum and distinct 0 and otherwise null.
    - A latest value is that of the last event at or before t, by (time, sequence), if the view's
      ttl does not exclude it; the value may itself be null.
    - ``first``, ``last`` and ``last_k`` go by (time, sequence) as well, over values that are not
      missing. A list has its newest value first, and is null if it has none.
    - A key with a null matches nothing; with no key, every event is that of every label. An event
      without time is never seen.
    - Sums of integers and decimals are exact, and null if 64 bits cannot hold them. Float sums are
      the exact sum rounded once (as math.fsum), so the order of events cannot matter; a mean is
      the sum, so rounded, divided by the count. A standard deviation is the root of the sample
      variance, whose numerator n * sum(x * x) - sum(x) ** 2 is exact and rounded once. Where
      infinities leave no number, the result is null.
    - Both zeros of a float are one value, and none of the results of an aggregate but first, last
      and last_k is a negative zero.
    - Safe to use from several threads, and after a fork.
    """

    def compute(
        self,
        view: FeatureView,
        events: pa.Table | Iterable[pa.Table],
        labels: pa.Table,
        *,
        report: Report | None = None,
    ) -> pa.Table:
        """Return the view's features for each label.

        Args:
            view: what to compute.
            events: the source's rows: key and value columns, ``_t`` (int64 microseconds UTC) and
                ``_seq`` (int64, order of ingestion). They come at once or in pieces; or as
                ``EventFiles``, whose pieces an engine may have read where it computes, so that
                they pass through no other process.
            labels: key columns named as in the view, and ``_t``.
            report: called now and then, with the number of labels that are done and of all.

        Raises:
            Invalid: a function cannot be computed of a column, or there is no piece of events.
        """
        ...
