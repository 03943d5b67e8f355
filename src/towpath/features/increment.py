"""What came since a view was materialised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from towpath.core.instant import from_micros
from towpath.features.engines import SEQUENCE, TIME

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.features.generation import Generation
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake

DATA_FILE = ".parquet"


def only_added(lake: Lake, view: FeatureView, present: Generation, wanted: Generation) -> bool:
    """Tell whether rows were only added to the source since an area was made of it."""
    if present.version != wanted.version:
        return False
    files = {
        one.version: {path: sha for path, sha in one.files.items() if path.endswith(DATA_FILE)}
        for one in lake.store.versions(view.source)
        if one.version in (present.source_version, wanted.source_version)
    }
    before, after = files.get(present.source_version), files.get(wanted.source_version)
    return before is not None and after is not None and before.items() <= after.items()


def news(lake: Lake, view: FeatureView, present: Generation) -> pc.Expression:
    """Return the condition of news: what came later, and what was left out as too late."""
    time = pc.field(lake.datasets[view.source].event_time)
    return (pc.field(SEQUENCE) > present.sequence) | (time > from_micros(present.until))


def last_sequence(events: pa.Table, before: int = -1) -> int:
    """Return the greatest ``_seq`` of events, or that of before where it is greater.

    Example:
        >>> import pyarrow as pa
        >>> last_sequence(pa.table({"_seq": [3, 7]})), last_sequence(pa.table({"_seq": [3]}), 9)
        (7, 9)
    """
    found = pc.max(events[SEQUENCE]).as_py() if events.num_rows else -1
    return max(int(found), before)


def newest_time(events: pa.Table, before: int | None = None) -> int | None:
    """Return the latest time of events, or that of before where it is later.

    Example:
        >>> import pyarrow as pa
        >>> newest_time(pa.table({"_t": [3, 7]}), 5), newest_time(pa.table({"_t": []}))
        (7, None)
    """
    found = pc.max(events[TIME]).as_py() if events.num_rows else None
    known = [int(one) for one in (found, before) if one is not None]
    return max(known, default=None)
