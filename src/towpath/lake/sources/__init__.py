"""Sources of rows: files, buckets, databases and frames, all read piece by piece."""

from __future__ import annotations

from towpath.lake.sources.opening import open_source
from towpath.lake.sources.part import Part, Source

__all__ = ["Part", "Source", "open_source"]
