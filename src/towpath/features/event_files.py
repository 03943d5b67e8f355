"""From a view to the files of its source, for engines that read them where they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.features.condition import condition_columns
from towpath.features.engines import SEQUENCE
from towpath.features.engines.files import EventFiles

if TYPE_CHECKING:
    from towpath.features.snapshot import Snapshot
    from towpath.features.view import FeatureView


def event_files(snapshot: Snapshot, view: FeatureView, *, until: int | None) -> EventFiles:
    """Find the files of a view's source; only their names and bytes are checked here.

    Args:
        snapshot: what is read; it must see all rows, however late they came.
        view: the view.
        until: last event time, in microseconds; None for no limit.

    Raises:
        NotFound: no such dataset or version, or no data yet.
        Contract: a file is damaged or missing.
    """
    store = snapshot.lake.store
    source = snapshot.lake[view.source].dataset
    version = snapshot.versions.get(view.source)
    files = store.files(view.source, version=version)
    schema = store.schema(view.source, version=files.version)
    named = (view.source_column(name) for name in (*view.keys, *view.used))
    tested = condition_columns(view, source)
    columns = dict.fromkeys((*named, *tested, source.event_time, SEQUENCE))
    fields = [schema.field(name) for name in columns]
    return EventFiles(view, files, pa.schema(fields), source.event_time, until)
