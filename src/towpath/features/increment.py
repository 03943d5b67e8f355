"""What came since a view was materialised: which keys it is of, and all that is known of those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.instant import from_micros
from towpath.features.engines import SEQUENCE, TIME
from towpath.features.engines.order import key_codes
from towpath.features.snapshot import Snapshot, read_events

if TYPE_CHECKING:
    from towpath.features.generation import Generation
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake

DATA_FILE = ".parquet"


def can_extend(lake: Lake, view: FeatureView, present: Generation, wanted: Generation) -> bool:
    """Tell whether a generation becomes another one by writing only the keys that have news.

    Rows must only have been added to the source since.
    """
    goes_on = present.version == wanted.version and present.until <= wanted.until
    if not goes_on or not present.keeps(wanted) or present.sequence < 0:
        return False
    files = {
        one.version: {path: sha for path, sha in one.files.items() if path.endswith(DATA_FILE)}
        for one in lake.store.versions(view.source)
        if one.version in (present.source_version, wanted.source_version)
    }
    before, after = files.get(present.source_version), files.get(wanted.source_version)
    return before is not None and after is not None and before.items() <= after.items()


def news(
    lake: Lake, view: FeatureView, present: Generation, wanted: Generation
) -> tuple[pa.Table, int]:
    """Return all events of the keys that have news, and how many events are news.

    News is what came after the generation was made, and what it left out as too late.
    """
    snapshot = Snapshot(lake, {view.source: wanted.source_version})
    time = pc.field(lake.datasets[view.source].event_time)
    fresh = (pc.field(SEQUENCE) > present.sequence) | (time > from_micros(present.until))
    added = read_events(snapshot, view, until=wanted.until, only=fresh)
    if not added.num_rows:
        return added, 0
    likely = None
    for key in view.keys:
        one = pc.field(view.source_column(key)).isin(pc.unique(added[key]))
        likely = one if likely is None else likely & one
    events = read_events(snapshot, view, until=wanted.until, only=likely)
    codes, changed = key_codes(events, added, view.keys)
    return events.filter(pa.array(np.isin(codes, np.unique(changed)))), added.num_rows


def last_sequence(events: pa.Table, before: int = -1) -> int:
    """Return the greatest ``_seq`` of events, or that of before where it is greater.

    Example:
        >>> last_sequence(pa.table({"_seq": [3, 7]})), last_sequence(pa.table({"_seq": [3]}), 9)
        (7, 9)
    """
    found = pc.max(events[SEQUENCE]).as_py() if events.num_rows else -1
    return max(int(found), before)


def newest_time(events: pa.Table, before: int | None = None) -> int | None:
    """Return the latest time of events, or that of before where it is later.

    Example:
        >>> newest_time(pa.table({"_t": [3, 7]}), 5), newest_time(pa.table({"_t": []}))
        (7, None)
    """
    found = pc.max(events[TIME]).as_py() if events.num_rows else None
    known = [int(one) for one in (found, before) if one is not None]
    return max(known, default=None)
