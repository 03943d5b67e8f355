"""Engines compute a view's features at given keys and times; one Protocol, one file an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.features.view import FeatureView

TIME = "_t"
SEQUENCE = "_seq"


class Engine(Protocol):
    """Computes the features of a view.

    Every implementation promises:

    - Row i of the answer belongs to row i of the labels; columns are named and ordered as the
      view's features. Neither input changes.
    - An aggregate over window w at time t sees events in (t - w, t], or [t - w, t) with
      ``exclude_current``. Missing values (null, NaN) are skipped. An empty window has count 0,
      sum 0 and otherwise null.
    - A latest value is that of the last event at or before t, by (time, sequence), if the view's
      ttl does not exclude it; the value may itself be null.
    - A key with a null matches nothing. An event without time is never seen.
    - Integer sums are exact. Float sums are the exact sum rounded once (as math.fsum), so the
      order of events cannot matter.
    - Safe to use from several threads, and after a fork.
    """

    def compute(self, view: FeatureView, events: pa.Table, labels: pa.Table) -> pa.Table:
        """Return the view's features for each label.

        Args:
            view: what to compute.
            events: the source's rows: key and value columns, ``_t`` (int64 microseconds UTC) and
                ``_seq`` (int64, order of ingestion).
            labels: key columns named as in the view, and ``_t``.
        """
        ...
