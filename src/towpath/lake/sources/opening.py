"""Opens the source that a definition, a path or an object stands for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.errors import Invalid
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources.files import FileSource
from towpath.lake.sources.frame import FrameSource
from towpath.lake.sources.watermark import watermark

if TYPE_CHECKING:
    from towpath.lake.dataset import Dataset
    from towpath.lake.sources.part import Source


def open_source(
    dataset: Dataset, source: object | None = None, *, root: Path, since: object = None
) -> Source:
    """Open a source of rows for a dataset.

    Args:
        dataset: the contract; its own source counts where none is given.
        source: a path, folder, glob or ``s3://`` URL, a definition, or rows in memory: a table of
            Arrow, a frame of Polars or pandas, a relation of DuckDB, record batches.
        root: the project's folder, from which paths start.
        since: read only rows whose watermark is at or above it; None for all.

    Raises:
        Invalid: neither a source is given nor does the dataset name one, or it gives no rows.
        NotFound: nothing is there.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"),))
        >>> source = open_source(trips, pa.table({"id": [7]}), root=Path())
        >>> next(source.parts()).origin
        'The given table'
    """
    given = dataset.source if source is None else source
    if isinstance(given, str | Path):
        if not str(given):
            message = f"Dataset {dataset.name!r} names no source."
            raise Invalid(message, hint="Add source: PATH to its definition, or give a file.")
        given = SourceSpec(path=str(given))
    if not isinstance(given, SourceSpec):
        return FrameSource(dataset, given, mark=watermark(dataset, since))
    mark = watermark(dataset, since, column=given.watermark)
    if given.kind == "files":
        return FileSource(dataset, given, root=root, mark=mark)
    # Its library costs half a second to load, which only databases need.
    from towpath.lake.sources.database import DatabaseSource

    return DatabaseSource(dataset, given, root=root, environ=os.environ, mark=mark)
