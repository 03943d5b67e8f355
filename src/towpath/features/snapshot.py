"""What of a lake a training set may see: fixed versions, and only what had come by a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from towpath.features.arrays import micros_of
from towpath.features.condition import condition_columns, satisfying
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.identity import IDENTITY, identities
from towpath.lake.intake import INGESTED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from towpath.features.as_read import Reads
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake


@dataclass(frozen=True)
class Snapshot:
    """A lake as it is read for one training set.

    Args:
        lake: holds the views' sources.
        versions: which version of each dataset is read; the latest of those that are not named.
        visible_after: as served: a label at time t sees only rows that were ingested by
            ``t + visible_after``. None sees all rows, however late they came.
        reads: as read: a label sees only events that could be read online at its time of reading.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> from towpath.core.clock import SystemClock
        >>> from towpath.lake.lake import Lake
        >>> from towpath.lake.tables.delta import DeltaTableStore
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     db = Database.open("sqlite:catalog.db", Path(folder))
        ...     store = DeltaTableStore("file:lake", Path(folder), db)
        ...     Snapshot(Lake(store, db, {}, clock=SystemClock()), {"trips": 3}).versions
        {'trips': 3}
    """

    lake: Lake
    versions: Mapping[str, int] = field(default_factory=dict)
    visible_after: timedelta | None = None
    reads: Reads | None = None


def read_events(
    snapshot: Snapshot,
    view: FeatureView,
    *,
    until: int | None,
    only: pc.Expression | None = None,
    identified: bool = False,
) -> pa.Table:
    """Read what an engine needs of a view's source: keys, values, ``_t`` and ``_seq``.

    Where features are to be as served or as read, there is ``_ingested_at`` too.

    Args:
        snapshot: what is read.
        view: the view.
        until: last event time, in microseconds; None for no limit.
        only: a further condition on rows of the source.
        identified: return ``_id`` too, which tells events of one time apart.
    """
    source = snapshot.lake[view.source]
    time = source.dataset.event_time
    identity = source.dataset.key if identified else ()
    named = dict.fromkeys((*view.keys, *view.used))
    origin = {name: view.source_column(name) for name in named}
    tested = condition_columns(view, source.dataset)
    every = snapshot.visible_after is None and snapshot.reads is None
    arrived = () if every else (INGESTED_AT,)
    needed = (*origin.values(), *tested, *identity, time, SEQUENCE, *arrived)
    columns = list(dict.fromkeys(needed))
    limit = None if until is None else pa.scalar(until).cast(pa.timestamp("us", "UTC"))
    where = None if limit is None else pc.field(time) <= limit
    if only is not None:
        where = only if where is None else where & only
    rows = source.scan(columns, where, version=snapshot.versions.get(view.source))
    if view.where:
        rows = rows.filter(pa.array(satisfying(rows, view)))
    found = {name: rows[column] for name, column in origin.items()}
    found |= {name: rows[name] for name in (SEQUENCE, *arrived)}
    if identified:
        found[IDENTITY] = identities(rows, source.dataset)
    return pa.table({**found, TIME: micros_of(rows[time])})
